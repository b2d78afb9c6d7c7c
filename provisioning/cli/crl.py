"""``dabyl provision crl``: what brings the revocation list to a broker's or the center's host."""

import getpass
from pathlib import Path

import click

from agent.durable import PUBLIC, replace_file
from provisioning.authority.state_files import read_public
from provisioning.brokers.errors import BrokerFilesError
from provisioning.brokers.fetching import MAX_BYTES, files
from provisioning.cli.common import in_language, language_of
from provisioning.messages import text

_CERTIFICATE_LIMIT = 8192
_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command(
    epilog="\b\n"
    "Example, for the directory of a broker on its host:\n"
    "  dabyl provision crl /etc/mosquitto/dabyl --authority ca --user mosquitto --reload 'systemctl reload mosquitto' \\\n"
    "      --url https://enrol.example.org:8443/crl.pem\n"
    "  cp /etc/mosquitto/dabyl/dabyl-crl.* /etc/systemd/system/ && systemctl enable --now dabyl-crl.timer\n"
    "\b\n"
    "For the center, name the list in [center] crls: it reads it again by itself, without --reload.\n"
)
@click.argument("directory", type=_DIRECTORY)
@click.option("--url", required=True, help="Where `dabyl provision serve` hands the list out.")
@click.option("--authority", required=True, type=_DIRECTORY, help="Take root, issuing certificate and list; no key.")
@click.option("--user", help="Who fetches; the directory is to be this user's.  [default: you]")
@click.option("--reload", "reload_command", default="", help="Command that root runs when the list has changed.")
@click.option("--minutes", type=click.IntRange(1, 1440), default=5, show_default=True, help="Between two looks.")
@in_language
def crl(
    directory: Path,
    url: str,
    authority: Path,
    user: str | None,
    reload_command: str,
    minutes: int,
    language: str | None,
) -> None:
    """Write what fetches the revocation list on a broker's or the center's host.

    A script that needs curl and openssl only, a service that runs it with few rights, a timer. A list that the authority has not signed, or
    that is older than the one there, changes nothing.
    """
    place = directory.resolve()
    written = files(str(place), url, user or getpass.getuser(), reload_command, minutes)
    public = {name: read_public(authority / name, _CERTIFICATE_LIMIT) for name in ("root.pem", "issuing.pem")}
    public["crl.pem"] = read_public(authority / "crl.pem", MAX_BYTES)
    try:
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, content in (written | public).items():
            replace_file(str(place / name), content.encode(), 0o755 if name == "fetch-crl" else PUBLIC)
    except OSError as error:
        raise BrokerFilesError(f"{error.filename or place}: {error.strerror}") from None
    for name in written:
        click.echo(place / name)
    click.echo(text(language_of(language), "said.crl-next"))
    click.echo(f"  chown -R {user or getpass.getuser()}: {place}")
    click.echo(f"  cp {place}/dabyl-crl.* /etc/systemd/system/ && systemctl enable --now dabyl-crl.timer")
