"""``dabyl evidence export``, ``credentials`` and ``custody``: handing out clips, and who has had a recording in their hands."""

# ruff: noqa: D301  click keeps the lines of a paragraph apart where it finds a \b
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click

from agent.keys.certificate import utc_text
from agent.keys.credentials import check_leaf, load_chain
from agent.keys.file import FileKey
from center.errors import ConfigurationError
from center.evidence import custodian, custody, files
from center.evidence.custody import NAME, now_ms
from center.evidence.errors import CustodyError
from center.evidence.export import NotProvenError, Wish
from center.evidence.export import as_json as as_map
from center.evidence.export import export as write
from center.evidence.recording import folders, load
from center.evidence.trust import Trust
from center.identity import common_name, trusted_roots
from center.service import load_crls

_CODES = "\b\nExit codes: 0 done, 1 something is not proven, 2 usage or a file that cannot be used."
_MAX_DOCUMENT = 65_536
_path = click.Path(path_type=Path)
_recording = click.option("--recording", "name", help="Which one, if the folder holds several (32 hex digits).")
_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.command(epilog=_CODES)
@click.argument("source", type=_path)
@click.option("--out", type=_path, required=True, help="The new video file, .mp4.")
@click.option("--custodian-key", "key", type=_path, help="Private key that opens it; custodian.key.pem in the folder.")
@click.option(
    "--root", "roots", multiple=True, type=_path, help="Trusted root, PEM; root.pem in the folder if left out."
)
@click.option("--crl", "crls", multiple=True, type=_path, help="Revocation list, PEM.")
@_recording
@click.option("--begin", "begin_s", type=click.FloatRange(0), default=0.0, help="Seconds from the recording's begin.")
@click.option(
    "--end", "end_s", type=click.FloatRange(0), default=float("inf"), help="Seconds; whole segments are taken."
)
@click.option("--by", "who", default="", help="Who takes it; your login name if left out.")
@click.option("--why", default="", help="What for; it stands in the log of custody.")
@click.option("--exporter-certificate", "certificate", type=_path, help="Who signs; exporter.pem in the folder.")
@click.option("--exporter-key", "exporter_key", type=_path, help="Its key; exporter.key.pem in the folder.")
@_json
def export(
    source: Path,
    out: Path,
    key: Path | None,
    roots: tuple[Path, ...],
    crls: tuple[Path, ...],
    name: str | None,
    begin_s: float,
    end_s: float,
    who: str,
    why: str,
    certificate: Path | None,
    exporter_key: Path | None,
    as_json: bool,
) -> None:
    """Write a clip of a recording: decrypted, joined, not encoded again, signed by who exports it, noted in the log of custody.

    \b
    dabyl evidence export DIR --custodian-key custodian.key.pem --out clip.mp4 --by "A. Serik" --why "case 4711"
    """
    trusted = trusted_roots(roots or (source / "root.pem",))
    trust = Trust(trusted, load_crls(crls), now_ms())
    recording = load(_chosen(source, name), trust)
    exporter = None
    if certificate is None and exporter_key is None and (source / "exporter.pem").exists():
        certificate, exporter_key = source / "exporter.pem", source / "exporter.key.pem"
    if (certificate is None) != (exporter_key is None):
        raise click.UsageError("--exporter-certificate and --exporter-key go together")
    if certificate is not None and exporter_key is not None:
        from center.evidence.content_credentials import Exporter  # noqa: PLC0415  loads the large library of C2PA

        exporter = Exporter(certificate, exporter_key, trusted, now_ms())
    private = custodian.load(key or source / "custodian.key.pem")
    try:
        clip = write(recording, trust, private, out, Wish(_who(who), why, begin_s, end_s), exporter)
    except NotProvenError as error:
        _refuse(error)
    if as_json:
        click.echo(json.dumps({"out": str(out), **as_map(clip)}))
        return
    click.echo(f"{out}: {clip.lasts_s:g} s, {clip.frames} pictures of {clip.device}, SHA-256 {clip.sha256}")
    if clip.missing:
        click.echo(f"missing: segments {', '.join(map(str, clip.missing))}")
    if not clip.signed:
        click.echo("without content credentials: give --exporter-certificate and --exporter-key to sign it")


@click.command(epilog=_CODES)
@click.argument("source", type=_path)
@_recording
@click.option("--sign", "sign_to", type=_path, help="Write the center's signature over the log to this new file.")
@click.option("--certificate", type=_path, help="To sign: the center's certificate chain.")
@click.option("--key", type=_path, help="To sign: the center's key.")
@click.option("--check", "document", type=_path, help="Check such a signature against the log.")
@click.option(
    "--root", "roots", multiple=True, type=_path, help="Trusted root, PEM; root.pem in the folder if left out."
)
@_json
def chain_of_custody(
    source: Path,
    name: str | None,
    sign_to: Path | None,
    certificate: Path | None,
    key: Path | None,
    document: Path | None,
    roots: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show who has had a recording, and prove that the log is whole; sign it, or check its signature.

    \b
    dabyl evidence custody DIR
    dabyl evidence custody DIR --sign custody.cose --certificate center-1.pem --key center-1.key
    dabyl evidence custody DIR --check custody.cose --root root.pem
    """
    path = _chosen(source, name) / NAME
    try:
        entries = custody.read(path)
    except CustodyError as error:
        _refuse(error)
    told = ""
    if sign_to is not None:
        if certificate is None or key is None:
            raise click.UsageError("--sign needs --certificate and --key of the center")
        signer, chain = FileKey.load(str(key)), load_chain(str(certificate))
        check_leaf(chain, signer.public_der, str(certificate))
        if sign_to.exists():
            raise ConfigurationError(f"{sign_to} is there already, and is not written over")
        files.write(sign_to, custody.signed(path, common_name(certificate), signer, chain, now_ms()))
        told = f"{sign_to} written: it signs {len(entries)} entries"
    if document is not None:
        signature = files.read(document, _MAX_DOCUMENT)
        if signature is None:
            raise ConfigurationError(f"{document} is not there")
        try:
            center, at_ms = custody.check_signed(path, signature, trusted_roots(roots or (source / "root.pem",)))
        except CustodyError as error:
            _refuse(error)
        told = f"signed by {center} on {utc_text(at_ms)}, and unchanged since"
    if as_json:
        click.echo(json.dumps({"entries": entries, "told": told}))
        return
    for entry in entries:
        click.echo(
            f"{entry['n']}  {utc_text(int(str(entry['at'])))}  {entry['who']}  {entry['act']}  {json.dumps(entry['about'])}"
        )
    click.echo(told or "the log is whole")


@click.command(epilog="\b\nExit codes: 0 trusted, 1 not, 2 usage or a file that cannot be used.")
@click.argument("clip", type=_path)
@click.option("--root", "roots", multiple=True, required=True, type=_path, help="Trusted root of exporters, PEM.")
@_json
def credentials(clip: Path, roots: tuple[Path, ...], as_json: bool) -> None:
    """Show the content credentials (C2PA) of an exported clip: who has signed it, and what it was made from.

    \b
    dabyl evidence credentials clip.mp4 --root root.pem
    """
    from center.evidence import content_credentials  # noqa: PLC0415  loads the large library of C2PA

    found = content_credentials.read(clip, trusted_roots(roots))
    if as_json:
        click.echo(json.dumps(asdict(found)))
    else:
        click.echo(f"{clip}: {found.state.lower()}, signed by {found.signer}")
        for name, value in found.told.items():
            click.echo(f"  {name}: {value}")
        for problem in found.problems:
            click.echo(f"  {problem}")
    if found.state != content_credentials.TRUSTED:
        sys.exit(1)


def _chosen(source: Path, name: str | None) -> Path:
    found = folders(source)
    if name is not None:
        found = [folder for folder in found if folder.name == name]
    if len(found) != 1:
        there = ", ".join(folder.name for folder in folders(source)[:20])
        raise ConfigurationError(f"{source} holds the recordings {there}: name one with --recording")
    return found[0]


def _refuse(error: Exception) -> NoReturn:
    """What was given does not prove what it should."""
    click.echo(f"error: {error}", err=True)
    sys.exit(1)


def _who(given: str) -> str:
    return given or os.environ.get("USER") or f"uid {os.getuid()}"
