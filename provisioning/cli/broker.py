"""``dabyl provision broker``: a broker's configuration, from the authority's register or from names."""

import getpass
import json
import pathlib
import time
from collections.abc import Sequence

import click

from provisioning.authority.register import Register
from provisioning.brokers.errors import BrokerFilesError
from provisioning.brokers.identities import of_csv, of_pairs, of_register, revoked_of
from provisioning.brokers.model import BrokerModel, Certificates, Identities
from provisioning.brokers.write import ENGINES, READ_LISTS, write
from provisioning.cli.common import JSON, in_language, language_of
from provisioning.messages import text

_CERTIFICATE_LIMIT = 8192
_CRL_LIMIT = 64 * 1024 * 1024
_FILE = click.Path(dir_okay=False, path_type=pathlib.Path)
_DIRECTORY = click.Path(file_okay=False, path_type=pathlib.Path)


@click.command(
    epilog="\b\n"
    "Examples:\n"
    "  dabyl provision broker mosquitto --out broker --authority ca --certificate chain.pem --key key.pem\n"
    "  dabyl provision broker rabbitmq --out broker --csv devices.csv --center center-1 --center center-1-alarms\n"
    "  dabyl provision broker nats --out broker --device sos-1 --device sos-2 --center center-1 --port 18883 --force\n"
    "\b\n"
    "Certificate files that are not named are looked for in DIR: root.pem, chain.pem, key.pem, crl.pem.\n"
    "With --authority its root.pem and crl.pem are copied there. DIR/README says how to go on.\n"
)
@click.argument("engine", type=click.Choice(list(ENGINES)))
@click.option(
    "--out", required=True, type=_DIRECTORY, metavar="DIR", help="Where the broker keeps all that is its own."
)
@click.option("--listen", default="0.0.0.0", show_default=True, help="IPv4 address to listen on.")  # noqa: S104  TLS with client certificates only
@click.option("--port", default=8883, show_default=True, type=click.IntRange(1, 65535), help="TCP port.")
@click.option("--root", type=_FILE, help="Root certificate that every client's must lead to.")
@click.option("--certificate", type=_FILE, help="The broker's certificate with its chain, leaf first.")
@click.option("--key", type=_FILE, help="The broker's private key, without a passphrase.")
@click.option("--crl", type=_FILE, help="Revocation list.")
@click.option(
    "--authority", type=_DIRECTORY, help="Take names, root and revocation list from this authority; no key is needed."
)
@click.option("--csv", "csv_file", type=_FILE, help="Take names from a CSV with the columns name and role.")
@click.option("--device", "devices", multiple=True, metavar="NAME", help="A device's name; may be repeated.")
@click.option("--center", "centers", multiple=True, metavar="NAME", help="A center's; may be repeated.")
@click.option("--consumer", "consumers", multiple=True, metavar="NAME", help="A consumer's; may be repeated.")
@click.option("--user", help="User that Mosquitto runs as, if root starts it.  [default: yours]")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@JSON
@in_language
def broker(
    engine: str,
    out: pathlib.Path,
    listen: str,
    port: int,
    root: pathlib.Path | None,
    certificate: pathlib.Path | None,
    key: pathlib.Path | None,
    crl: pathlib.Path | None,
    authority: pathlib.Path | None,
    csv_file: pathlib.Path | None,
    devices: Sequence[str],
    centers: Sequence[str],
    consumers: Sequence[str],
    user: str | None,
    force: bool,
    as_json: bool,
    language: str | None,
) -> None:
    """Write the configuration of a message broker.

    Mutual TLS; who a client is and what it may do come from its certificate's common name; bounded; messages on disk; no cluster.
    """
    pairs = [
        *(("device", name) for name in devices),
        *(("center", name) for name in centers),
        *(("consumer", name) for name in consumers),
        *(of_csv(csv_file) if csv_file is not None else ()),
    ]
    directory = out.resolve()
    public: dict[str, bytes] = {}
    revoked: set[str] = set()
    reissued: set[str] = set()
    if authority is not None:
        now_ms = time.time_ns() // 1_000_000
        records = Register(authority).records()
        pairs += of_register(records, now_ms)
        revoked, reissued = revoked_of(records, now_ms)
        if root is None:
            public["root.pem"] = _read(authority / "root.pem", _CERTIFICATE_LIMIT)
        if crl is None and engine in READ_LISTS:
            public["crl.pem"] = _read(authority / "crl.pem", _CRL_LIMIT)
    if not pairs:
        raise click.UsageError("nobody may enter this broker: name them with --authority, --csv, --device or --center")
    if crl is None and ("crl.pem" in public or (directory / "crl.pem").exists()):
        crl = directory / "crl.pem"
    certificates = Certificates(
        (root or directory / "root.pem").resolve(),
        (certificate or directory / "chain.pem").resolve(),
        (key or directory / "key.pem").resolve(),
        crl.resolve() if crl is not None and engine in READ_LISTS else None,
    )
    identities = of_pairs(pairs, revoked)
    model = BrokerModel(port, directory, certificates, identities, user or getpass.getuser(), listen=listen)
    files = write(engine, model, public, force=force)
    still_open = sorted(reissued) if engine not in READ_LISTS else []
    _show(engine, files, identities, still_open, language_of(language), as_json=as_json)


def _show(
    engine: str,
    files: list[pathlib.Path],
    identities: Identities,
    still_open: list[str],
    language: str,
    *,
    as_json: bool,
) -> None:
    found = {
        "engine": engine,
        "files": [str(file) for file in files],
        "devices": len(identities.devices),
        "centers": len(identities.centers),
        "consumers": len(identities.consumers),
        "revoked": len(identities.revoked),
        "still_open": still_open,
    }
    if as_json:
        click.echo(json.dumps(found, sort_keys=True))
        return
    counts = {name: found[name] for name in ("devices", "centers", "consumers", "revoked")}
    click.echo(text(language, "said.broker", **counts))
    for file in files:
        click.echo(f"  {file}")
    if still_open:
        click.echo(text(language, "said.broker-open", engine=engine, names=", ".join(still_open[:20])), err=True)
    click.echo(text(language, "said.broker-next", file=files[0].parent / "README"))


def _read(file: pathlib.Path, limit: int) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise BrokerFilesError(f"{file} cannot be read: {error.strerror}; `dabyl authority crl` writes it") from None
    if len(content) > limit:
        raise BrokerFilesError(f"{file} is longer than {limit} bytes")
    return content
