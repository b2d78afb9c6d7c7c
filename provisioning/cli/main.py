"""The group ``dabyl provision``. Exit codes: 0 done, 2 wrong usage, files or state."""

import click

from agent.keys.errors import KeysError
from provisioning.authority.errors import AuthorityError
from provisioning.brokers.errors import BrokerError
from provisioning.cli.broker import broker
from provisioning.cli.enrolment import claim, revoke, serve
from provisioning.cli.inventory import inventory
from provisioning.inventory.errors import InventoryError


def main(argv: list[str]) -> int:
    """Run the command with these arguments (without the program's name) and return the exit code: 0 done, 2 refused."""
    try:
        result = _provision.main(args=argv, prog_name="dabyl provision", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("Aborted.", err=True)
        return 2
    except (AuthorityError, BrokerError, InventoryError, KeysError) as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    return result if isinstance(result, int) else 0  # --help hands back click's own exit code


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def _provision() -> None:
    """From a box of blank boards to a building that works."""


_provision.add_command(broker)
_provision.add_command(claim)
_provision.add_command(inventory)
_provision.add_command(revoke)
_provision.add_command(serve)
