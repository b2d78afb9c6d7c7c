"""``dabyl provision init``: a new installation, by questions on a terminal or by options."""

import getpass
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from agent.keys.secret_file import read_secret
from provisioning import new_installation as work
from provisioning.authority.authority import Authority
from provisioning.authority.errors import PassphraseError
from provisioning.authority.state_files import replace_public
from provisioning.cli.common import FILE, agreed, asked_passphrase, common, is_terminal, passphrase
from provisioning.cli.guide import asked_language
from provisioning.errors import ProvisionError, SetupError
from provisioning.messages import text, wished

Value = TypeVar("Value")
LATER = 1
TRIES = 3
_PASSWORD_MAX = 256


@click.command(
    epilog="\b\n"
    "Examples:\n"
    "  dabyl provision init                               on a terminal: asks for what it needs\n"
    "  dabyl provision init --name 'Almaty SOS' --broker mqtt.example.org --wifi sos --wifi-password-file wifi \\\n"
    "      --center center.pub.pem\n"
    "\b\n"
    "Makes the authority (unless it is there), the laptop's own certificate (role consumer), and installation.toml, mode 0600.\n"
    "Nothing that is there is replaced. Whoever is interrupted runs it again: it goes on.\n"
    "Exit codes: 0 written, 1 the center's key is not there yet, 2 files or answers.\n"
)
@click.option("--name", help="What people call the installation; stands in the authority's certificates.")
@click.option(
    "--authority",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="The certificate authority's folder, made if it is not there.  [default: ca beside the installation's file]",
)
@click.option("--broker", "brokers", multiple=True, metavar="HOST[:PORT]", help="The devices' broker; may be repeated.")
@click.option("--wifi", metavar="NAME", help="The devices' Wi-Fi.")
@click.option("--wifi-password-file", type=FILE, help="File (mode 0600) with its password; asked for on a terminal.")
@click.option("--center", type=FILE, help="The center's public key or certificate (PEM).")
@click.option("--laptop", default=work.LAPTOP, show_default=True, help="The laptop's name; each laptop has its own.")
@common
def init(
    name: str | None,
    directory: Path | None,
    brokers: tuple[str, ...],
    wifi: str | None,
    wifi_password_file: Path | None,
    center: Path | None,
    laptop: str,
    installation: Path,
    passphrase_file: Path | None,
    as_json: bool,
    language: str | None,
) -> int:
    """Begin an installation: authority, the laptop's certificate, and installation.toml."""
    spoken = wished(language) or (asked_language() if is_terminal() else "en")
    asker = Asker(spoken)
    folder = installation.parent
    if installation.exists() and not asker.agrees("overwrite", file=installation):
        raise SetupError("installation-there", file=installation)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = directory or folder / "ca"
    now_ms = time.time_ns() // 1_000_000
    secret = passphrase(passphrase_file)
    if not directory.exists():
        called = asker.ask("name", work.authority_name, name)
        if secret is None and is_terminal():
            secret = asker.new_passphrase()
        work.make_authority(directory, called, secret, now_ms)
        asker.say("authority", directory=directory)
    authority = _opened(directory, secret, spoken)
    work.make_listener(authority, folder, laptop, now_ms)
    asker.say("laptop", file=folder / work.CHAIN)
    if center is not None or not (folder / work.CENTER_KEY).exists():
        given = None if center is None else str(center)
        key = asker.ask("center", lambda said: work.center_key(Path(said)) if said else "", given)
        if not key:
            asker.say("later", file=folder / work.CENTER_KEY)
            return LATER
        replace_public(folder / work.CENTER_KEY, key.encode("ascii"))
    named = tuple(work.broker_address(said) for said in brokers)
    found = work.Answers(
        authority=directory,
        brokers=named or (asker.ask("broker", work.broker_address, None),),
        wifi=_wifi(asker, wifi, wifi_password_file),
        language=spoken if language or is_terminal() else "",
    )
    work.write(installation, found)
    if as_json:
        told = {"installation": installation, "authority": directory, "root": directory / "root.pem", "laptop": laptop}
        click.echo(json.dumps({key: str(value) for key, value in told.items()}, sort_keys=True))
    asker.say("written", file=installation, authority=directory, laptop=laptop)
    if (directory / "root.key").exists():
        asker.say("root", file=directory / "root.key")
    return 0


class Asker:
    """Asks a person on a terminal, until the answer is one."""

    def __init__(self, language: str) -> None:
        self._language = language

    def say(self, key: str, **facts: object) -> None:
        """Tell something."""
        click.echo(text(self._language, f"init.{key}", **facts), err=True)

    def ask(self, key: str, check: Callable[[str], Value], given: str | None, *, hidden: bool = False) -> Value:
        """What was given as an option, else what the person says.

        Raises:
            ProvisionError: what was given is not possible.
        """
        if given is not None:
            return check(given)
        if not is_terminal():
            raise click.UsageError(f"--{key} is missing, and there is no terminal to ask at")
        while True:
            said: str = click.prompt(
                text(self._language, f"init.{key}"), default="", show_default=False, hide_input=hidden, err=True
            )
            try:
                return check(said.strip())
            except ProvisionError as error:
                click.echo("! " + error.told(self._language), err=True)

    def agrees(self, key: str, **facts: object) -> bool:
        """Whether a person says yes; where there is none, no."""
        return is_terminal() and agreed(self._language, text(self._language, f"init.{key}", **facts), default=False)

    def new_passphrase(self) -> str | None:
        """A passphrase, typed twice alike; None without one."""
        while True:
            first = getpass.getpass(text(self._language, "init.passphrase") + " ")
            if not first or first == getpass.getpass(text(self._language, "init.passphrase-again") + " "):
                return first or None
            self.say("passphrase-differs")


def _opened(directory: Path, secret: str | None, language: str) -> Authority:
    """The authority; its passphrase is asked for if it has one.

    Raises:
        PassphraseError: it is wrong.
        AuthorityError: the files cannot be used.
    """
    for _try in range(TRIES):
        try:
            return Authority.open(directory, passphrase=secret)
        except PassphraseError:
            if not is_terminal():
                raise
            if secret is not None:
                click.echo(text(language, "error.passphrase"), err=True)
            secret = asked_passphrase(language)
    raise SetupError("passphrase")


def _wifi(asker: Asker, name: str | None, file: Path | None) -> tuple[str, str]:
    ssid = asker.ask("wifi", work.wifi_name, name)
    given = None
    if file is not None:
        given = read_secret(os.fspath(file), _PASSWORD_MAX, "the Wi-Fi's password file").decode("utf-8", "replace")
        given = given.rstrip("\r\n")
    return ssid, asker.ask("wifi-password-file", work.wifi_password, given, hidden=True)
