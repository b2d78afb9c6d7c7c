"""``dabyl provision doctor``: why is a device not online?"""

import json
from pathlib import Path

import click

from provisioning import doctor as work
from provisioning.bench import opened
from provisioning.cable.enrolment import Bench
from provisioning.cable.ports import boards
from provisioning.cable.prompt import Prompt
from provisioning.cli.common import common, language_of, passphrase
from provisioning.errors import CableError

SICK = 1


@click.command(
    epilog="\b\n"
    "Examples:\n"
    "  dabyl provision doctor                     the board at the cable, whosever it is\n"
    "  dabyl provision doctor sos-017             with a cable if there is a board at it, else from the network\n"
    "\b\n"
    "Looks at power, board, firmware, identity, Wi-Fi, broker's name, broker, clock, certificate, rights and center, in this\n"
    "order, for each needs those before it. Changes nothing; a board at the cable is restarted.\n"
    "Exit codes: 0 all is well, 1 something is not and the text says what to do, 2 laptop.\n"
)
@click.argument("name", required=False)
@click.option("--port", help="Serial port of the board.  [default: the only one there is]")
@click.option("--seconds", type=click.IntRange(1, 3600), default=45, show_default=True, help="Wait for a message.")
@common
def doctor(
    name: str | None,
    port: str | None,
    seconds: int,
    installation: Path,
    passphrase_file: Path | None,
    as_json: bool,
    language: str | None,
) -> int:
    """Find out why a device is not online, from the cable or from the network."""
    spoken = language_of(language)
    found = boards() if port is None else [port]
    with opened(installation, passphrase(passphrase_file)) as (bench, _firmware):
        if found or name is None:
            name, findings = _by_cable(bench, name, found, seconds)
        else:
            findings = work.by_network(bench, name, seconds)
    sick = any(one.state == "trouble" for one in findings)
    if as_json:
        told = {one.check: {"state": one.state, "problem": one.error.key if one.error else None} for one in findings}
        click.echo(json.dumps({"name": name, "well": not sick, "checks": told}, sort_keys=True))
    else:
        for one in findings:
            click.echo(f"{ {'fine': '✓', 'trouble': '✗', 'unknown': '·', 'cable': '·'}[one.state] } {one.told(spoken)}")
    return SICK if sick else 0


def _by_cable(bench: Bench, name: str | None, found: list[str], seconds: int) -> tuple[str, list[work.Finding]]:
    if len(found) > 1:
        raise CableError("many-boards", ports=", ".join(found))
    if not found:
        return name or "", work.findings("power", CableError("no-board"))
    try:
        with Prompt(found[0]) as prompt:
            return work.by_cable(bench, name, prompt, seconds)
    except CableError as error:
        return name or "", work.findings("power", error)
