"""``dabyl provision claim``, ``serve`` and ``revoke``: enrolment over the network, and its end."""

import json
import pathlib
import signal
import threading
import time

import click

from agent.keys.certificate import utc_text
from agent.keys.secret_file import read_secret
from provisioning.authority.authority import Authority
from provisioning.cli.common import FILE, INVENTORY, JSON, PASSPHRASE, in_language, language_of, passphrase
from provisioning.enrolment.office import DAY_MS, Office, Policy
from provisioning.enrolment.server import Server, context
from provisioning.errors import Cause, SetupError
from provisioning.inventory import claims
from provisioning.inventory.inventory import Inventory
from provisioning.messages import text

_DIRECTORY = click.Path(file_okay=False, path_type=pathlib.Path)


@click.command(epilog="\b\nExample:\n  dabyl provision claim sos-0001 --serial 10000000a1b2c3d4\n")
@click.argument("name")
@click.option("--serial", help="The board's serial number, if the inventory does not have it yet.")
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 90), help="How long the claim holds.")
@INVENTORY
@JSON
@in_language
def claim(
    name: str, serial: str | None, days: int, inventory: pathlib.Path, as_json: bool, language: str | None
) -> None:
    """Make a one-time code with which the device NAME may enrol over the network.

    It is shown only now, and ends the one that was made before.
    """
    now_ms = time.time_ns() // 1_000_000
    with Inventory(inventory, create=False) as opened:
        if serial is not None:
            opened.bind(name, serial)
        code = claims.make(opened, name, now_ms, days * DAY_MS)
    if as_json:
        click.echo(json.dumps({"name": name, "claim": code, "until_ms": now_ms + days * DAY_MS}))
        return
    spoken = language_of(language)
    click.echo(text(spoken, "said.claim", claim=code, device=name, until=utc_text(now_ms + days * DAY_MS)))
    click.echo(text(spoken, "said.claim-next"))


@click.command(
    epilog="\b\n"
    "Example:\n"
    "  dabyl authority issue ca enrol.csr --role enrolment --id enrol-1 --host enrol.example.org --out enrol.pem\n"
    "  dabyl provision serve --authority ca --certificate enrol.pem --key enrol.key\n"
)
@click.option("--authority", required=True, type=_DIRECTORY, help="The certificate authority.")
@click.option("--certificate", required=True, type=FILE, help="The server's certificate with its chain, leaf first.")
@click.option("--key", required=True, type=FILE, help="Its private key, mode 0600.")
@INVENTORY
@click.option("--listen", default="0.0.0.0", show_default=True, help="IP address to listen on.")  # noqa: S104  for devices
@click.option("--port", default=8443, show_default=True, type=click.IntRange(0, 65535), help="TCP port.")
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(1, 3650), help="Days a certificate is valid."
)
@click.option(
    "--grace-days",
    default=30,
    show_default=True,
    type=click.IntRange(0, 3650),
    help="Days after its end within which a certificate may still be renewed.",
)
@PASSPHRASE
@in_language
def serve(
    authority: pathlib.Path,
    certificate: pathlib.Path,
    key: pathlib.Path,
    inventory: pathlib.Path,
    listen: str,
    port: int,
    days: int,
    grace_days: int,
    passphrase_file: pathlib.Path | None,
    language: str | None,
) -> None:
    """Enrol Linux devices over the network (EST, RFC 7030).

    By claim at first, and then by the certificate that they have. Hands out the revocation list, too. Runs until SIGTERM or Ctrl-C.
    """
    opened = Authority.open(authority, passphrase=passphrase(passphrase_file))
    Inventory(inventory).close()
    read_secret(str(key), 8192, "the server's key")
    office = Office(opened, inventory, Policy(days, grace_days), _now_ms)
    try:
        server = Server(listen, port, context(certificate, key, opened.root_pem + opened.issuing_pem), office)
    except (OSError, ValueError) as error:
        reason = Cause.of(error) if isinstance(error, OSError) else str(error)
        raise SetupError("serve", reason=reason) from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    click.echo(text(language_of(language), "said.serving", port=server.server_address[1], host=listen))
    with server:
        server.serve_forever()


@click.command(
    epilog="\b\nExample:\n  dabyl provision revoke sos-0001 --authority ca     then copy ca/crl.pem to brokers and the center\n"
)
@click.argument("name")
@click.option("--authority", required=True, type=_DIRECTORY, help="The certificate authority.")
@INVENTORY
@PASSPHRASE
@JSON
@in_language
def revoke(
    name: str,
    authority: pathlib.Path,
    inventory: pathlib.Path,
    passphrase_file: pathlib.Path | None,
    as_json: bool,
    language: str | None,
) -> None:
    """Take the device NAME out of service: all its certificates and its claim end."""
    opened = Authority.open(authority, passphrase=passphrase(passphrase_file))
    now_ms = _now_ms()
    with Inventory(inventory, create=False) as devices:
        devices.revoke(name, now_ms)
    ended = [record.serial for record in opened.register.of_identity(name) if record.revoked_ms is None]
    for serial in ended:
        opened.revoke(serial, now_ms)
    crl = authority / "crl.pem"
    if as_json:
        click.echo(json.dumps({"name": name, "revoked": [f"{serial:x}" for serial in ended], "crl": str(crl)}))
    else:
        click.echo(text(language_of(language), "said.revoked", device=name, count=len(ended), file=crl))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
