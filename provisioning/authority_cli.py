"""``dabyl authority``: make an authority, issue certificates for requests, revoke them, write the revocation list.

Thin: reads files and the clock, calls `provisioning.authority`, prints. Exit codes: 0 done, 2 wrong usage, files or state.
"""

import json
import time
from pathlib import Path
from typing import Any

import click

from agent.keys.certificate import utc_text
from agent.keys.dumps import no_core_dumps
from agent.keys.errors import KeysError
from agent.keys.names import ROLES
from agent.keys.secret_file import read_secret
from provisioning.authority.authority import LEAF_DAYS, Authority
from provisioning.authority.errors import AuthorityError
from provisioning.authority.state_files import replace_public

_REQUEST_LIMIT = 16384
_PASSPHRASE_LIMIT = 1024
_FILE = click.Path(dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)


def main(argv: list[str]) -> int:
    """Run the command with these arguments (without the program's name) and return the exit code: 0 done, 2 refused."""
    no_core_dumps()
    try:
        result = _authority.main(args=argv, prog_name="dabyl authority", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except click.Abort:
        click.echo("Aborted.", err=True)
        return 2
    except (AuthorityError, KeysError) as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    return result if isinstance(result, int) else 0  # --help hands back click's own exit code


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\n"
    "Examples:\n"
    '  dabyl authority init ca --name "Almaty SOS"\n'
    "  dabyl authority issue ca request.pem --role device --id pillar-017 --out chain.pem\n"
    "  dabyl authority revoke ca 6fd1c3…\n"
    "  dabyl authority crl ca\n",
)
def _authority() -> None:
    """The certificate authority of an installation."""


def _common(command: Any) -> Any:
    """The options of every subcommand."""
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")(command)
    return click.option(
        "--passphrase-file",
        type=_FILE,
        help="File (mode 0600) with the passphrase of the authority's keys; none if left out.",
    )(command)


@_authority.command(
    "init",
    epilog="\b\n"
    "Example:\n"
    '  dabyl authority init ca --name "Almaty SOS" --passphrase-file ca-passphrase\n'
    "Afterwards move ca/root.key to a safe place: daily work does not need it.\n",
)
@click.argument("directory", type=_DIRECTORY)
@click.option("--name", required=True, help="What people call it; stands in the certificates.")
@click.option("--token", metavar="URI", help="PKCS#11 URI: make the issuing key in this token instead of a file.")
@_common
def _init(directory: Path, name: str, token: str | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Make a new authority in DIRECTORY (new or empty)."""
    Authority.create(directory, name, _now_ms(), passphrase=_passphrase(passphrase_file), token=token)
    root = directory / "root.pem"
    _show(
        as_json,
        {"root": str(root), "crl": str(directory / "crl.pem")},
        f"Made. Trust {root} on devices, brokers and the center.",
    )


@_authority.command(
    "issue",
    epilog="\b\n"
    "Examples:\n"
    "  dabyl authority issue ca pillar-017.csr --role device --id pillar-017 --out chain.pem\n"
    "  dabyl authority issue ca broker.csr --role broker --id broker-1 --host mqtt.example.org --host 10.0.0.5\n",
)
@click.argument("directory", type=_DIRECTORY)
@click.argument("request", type=_FILE)
@click.option("--role", required=True, type=click.Choice(ROLES), help="What the certificate is for.")
@click.option("--id", "identity", required=True, help="Who it is for: a-z, 0-9 and '-', 3 to 63 characters.")
@click.option("--host", "hosts", multiple=True, help="DNS name or IP address of a server; may be repeated.")
@click.option("--days", type=int, default=LEAF_DAYS, show_default=True, help="How long it is valid.")
@click.option("--out", type=_FILE, help="Write the chain (leaf first) here; otherwise it is printed.")
@_common
def _issue(
    directory: Path,
    request: Path,
    role: str,
    identity: str,
    hosts: tuple[str, ...],
    days: int,
    out: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Issue a certificate for the key that signed REQUEST (PKCS#10, PEM)."""
    authority = Authority.open(directory, passphrase=_passphrase(passphrase_file))
    issued = authority.issue(role, _request(request), identity, _now_ms(), days, hosts=hosts)
    if out is not None:
        replace_public(out, issued.chain_pem.encode("ascii"))
    found = {
        "serial": f"{issued.serial:x}",
        "role": role,
        "identity": identity,
        "kid": issued.kid.hex(),
        "not_after_ms": issued.not_after_ms,
        "chain_pem": issued.chain_pem,
    }
    text = (
        issued.chain_pem.rstrip()
        if out is None
        else f"{out}: {role} {identity}, serial {issued.serial:x}, until {utc_text(issued.not_after_ms)}"
    )
    _show(as_json, found, text)


@_authority.command(
    "revoke",
    epilog="\b\nExample:\n  dabyl authority revoke ca 6fd1c3a2…     then copy ca/crl.pem to brokers and the center\n",
)
@click.argument("directory", type=_DIRECTORY)
@click.argument("serial")
@_common
def _revoke(directory: Path, serial: str, passphrase_file: Path | None, as_json: bool) -> None:
    """Revoke the certificate with SERIAL (hexadecimal) and write crl.pem."""
    try:
        number = int(serial.replace(":", ""), 16)
    except ValueError:
        raise click.BadParameter(
            f"{serial[:60]!r} is not hexadecimal: take it from audit.jsonl or `openssl x509 -serial`"
        ) from None
    authority = Authority.open(directory, passphrase=_passphrase(passphrase_file))
    authority.revoke(number, _now_ms())
    path = directory / "crl.pem"
    _show(as_json, {"serial": f"{number:x}", "crl": str(path)}, f"Revoked. Copy {path} to brokers and the center.")


@_authority.command(
    "crl",
    epilog="\b\nExample:\n  dabyl authority crl ca\n",
)
@click.argument("directory", type=_DIRECTORY)
@_common
def _crl(directory: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Write a fresh revocation list, crl.pem."""
    authority = Authority.open(directory, passphrase=_passphrase(passphrase_file))
    authority.crl_pem(_now_ms())
    revoked = sum(record.revoked_ms is not None for record in authority.issued())
    path = directory / "crl.pem"
    _show(as_json, {"crl": str(path), "revoked": revoked}, f"{path}: {revoked} revoked.")


def _show(as_json: bool, found: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(found, sort_keys=True) if as_json else text)


def _request(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_REQUEST_LIMIT + 1).decode("ascii")
    except OSError as error:
        raise click.UsageError(f"the request {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"the request {path} is not PEM: convert it with `openssl req -inform DER`") from None


def _passphrase(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return read_secret(str(path), _PASSPHRASE_LIMIT, "the passphrase file").decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError(f"the passphrase file {path} is not UTF-8 text") from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
