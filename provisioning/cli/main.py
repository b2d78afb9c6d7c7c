"""The group ``dabyl provision``. Exit codes: 0 done, 1 some devices are not, 2 wrong usage, files or state."""

from pathlib import Path

import click
from click.core import ParameterSource

from agent.keys.dumps import no_core_dumps
from agent.keys.errors import KeysError
from provisioning.authority.errors import AuthorityError
from provisioning.brokers.errors import BrokerError
from provisioning.cli.batch import batch
from provisioning.cli.broker import broker
from provisioning.cli.commission import commission
from provisioning.cli.common import Told, common, is_terminal, passphrase
from provisioning.cli.crl import crl
from provisioning.cli.doctor import doctor
from provisioning.cli.enrolment import claim, revoke, serve
from provisioning.cli.guide import guide
from provisioning.cli.init import init
from provisioning.cli.inventory import plan, show
from provisioning.cli.labels import labels
from provisioning.cli.serial import serial
from provisioning.errors import ProvisionError
from provisioning.messages import chosen


def main(argv: list[str]) -> int:
    """Run the command with these arguments (without the program's name) and return the exit code: 0 done, 2 refused."""
    no_core_dumps()
    try:
        result = _provision.main(args=argv, prog_name="dabyl provision", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("Aborted.", err=True)
        return 2
    except ProvisionError as error:
        Told(error, chosen(None)).show()
        return 2
    except (AuthorityError, BrokerError, KeysError) as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    return result if isinstance(result, int) else 0  # --help hands back click's own exit code


class _Day(click.Group):
    """Lists its commands in the order of an installer's day."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's own signature
        """Write one section for each part of the day."""
        for part, names in DAY.items():
            with formatter.section(part):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(90)) for name in names])


@click.group(
    cls=_Day,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\nStart here:\n"
    "  dabyl provision init                                      asks what a new installation needs\n"
    "  dabyl provision                                           on a terminal: leads you, in your language\n"
    "  dabyl provision batch devices.csv --simulated --json      the whole of it, without any hardware\n",
)
@click.option("--port", help="Serial port of the board, when you are led.  [default: the only one there is]")
@common
@click.pass_context
def _provision(
    context: click.Context,
    port: str | None,
    installation: Path,
    passphrase_file: Path | None,
    as_json: bool,
    language: str | None,
) -> int | None:
    """From a box of blank boards to a building that works.

    Without a command, on a terminal, you are led through it: what to plug in, what it sees, what to press now, what to do next.
    """
    if context.invoked_subcommand is not None:
        given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if given:
            option = given[0].replace("_", "-").replace("as-json", "json")
            raise click.UsageError(f"--{option} belongs behind the command: {context.invoked_subcommand} --{option} …")
        return None
    if as_json or not is_terminal():
        click.echo(context.get_help())
        return 0
    if not installation.exists():
        return int(context.invoke(init, installation=installation, passphrase_file=passphrase_file, language=language))
    return guide(installation, passphrase(passphrase_file), port, language)


DAY = {
    "In the office, before": {
        "init": init,
        "plan": plan,
        "inventory": show,
        "broker": broker,
        "crl": crl,
        "labels": labels,
        "claim": claim,
        "serve": serve,
    },
    "At the bench": {"serial": serial, "batch": batch},
    "In the building": {"commission": commission},
    "Afterwards": {"doctor": doctor, "revoke": revoke},
}
for _part in DAY.values():
    for _command in _part.values():
        _provision.add_command(_command)
