"""What the commands that enrol devices share: options, progress in a terminal, errors in the person's language."""

import errno
import functools
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import click

from agent.keys.errors import KeysError
from agent.keys.secret_file import read_secret
from provisioning.authority.errors import AuthorityError, PassphraseError
from provisioning.batch import translated
from provisioning.errors import Cause, ProvisionError, SetupError
from provisioning.installation import language_in
from provisioning.messages import LANGUAGES, chosen, text

COPIES = ("copy", "install")
"""Steps that show on a terminal how much has gone over."""
CYRILLIC_KEYS = {"й": "q", "ы": "s", "а": "f"}  # noqa: RUF001
"""The letters at the keys that are asked for, on a Russian or Kazakh keyboard."""
STOPPED = 130
"""Exit code after Ctrl-C."""
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)
FILE = click.Path(dir_okay=False, path_type=Path)
_PASSPHRASE_LIMIT = 1024


INSTALLATION = click.option(
    "--installation",
    type=FILE,
    default="installation.toml",
    show_default=True,
    help="What the laptop knows of the installation (docs/provisioning.md).",
)
PASSPHRASE = click.option("--passphrase-file", type=FILE, help="File (mode 0600) with the passphrase of the authority.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
INVENTORY = click.option(
    "--inventory", type=FILE, default="inventory.db", show_default=True, help="The inventory's file."
)
BUNDLE = click.option(
    "--bundle",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder 'flash' of a firmware bundle.  [default: the installation's, else compiled]",
)


def in_language(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--language``; and what goes wrong is said in the language of the person."""

    @functools.wraps(command)
    def told(*args: Any, **options: Any) -> Any:
        file = options.get("installation", Path("installation.toml"))
        options["language"] = options["language"] or language_in(file)
        try:
            return command(*args, **options)
        except OSError as error:
            if error.errno not in DISK:
                raise
            raise Told(SetupError("disk", reason=Cause.of(error)), chosen(options["language"])) from None
        except ProvisionError as error:
            raise Told(error, chosen(options["language"])) from None
        except PassphraseError:
            raise Told(SetupError("passphrase"), chosen(options["language"])) from None
        except (AuthorityError, KeysError) as error:
            raise Told(translated(error), chosen(options["language"])) from None
        except (KeyboardInterrupt, click.Abort):
            click.echo("\n" + text(chosen(options["language"]), "guide.stopped"), err=True)
            return STOPPED

    return click.option(
        "--language",
        type=click.Choice(LANGUAGES),
        help="Language of texts.  [default: the installation's, else the system's]",
    )(told)


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of all commands that work with an installation."""
    return INSTALLATION(PASSPHRASE(JSON(in_language(command))))


def passphrase(file: Path | None) -> str | None:
    """The authority's passphrase from a file, None without one."""
    if file is None:
        return None
    try:
        return read_secret(str(file), _PASSPHRASE_LIMIT, "the passphrase file").decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError(f"the passphrase file {file} is not UTF-8 text") from None


def asked_passphrase(language: str) -> str | None:
    """The same from the keyboard, unseen."""
    return getpass.getpass(text(language, "guide.passphrase") + " ") or None


def typed(answer: str) -> str:
    """What a person has typed, where a letter alone means its key, whatever the keyboard's layout is just now."""
    letter, blank, rest = answer.strip().partition(" ")
    return CYRILLIC_KEYS.get(letter.lower(), letter) + blank + rest


def agreed(language: str, question: str, *, default: bool) -> bool:
    """Whether the person says yes, in a word of the language or in English; asked again for anything else."""
    words = {True: text(language, "guide.yes").split(), False: text(language, "guide.no").split()}
    letters = "/".join(words[answer][0][0].upper() if answer is default else words[answer][0][0] for answer in words)
    while True:
        said = str(click.prompt(f"{question} ({letters})", default="", show_default=False, err=True)).strip().lower()
        if not said:
            return default
        for answer, known in words.items():
            if any(word.startswith(said) for word in known):
                return answer


class Told(click.ClickException):
    """An error in the person's language."""

    def __init__(self, error: ProvisionError, language: str) -> None:
        super().__init__(error.told(language))
        self._language = language

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002  click's own signature
        """Print it."""
        click.echo(f"{text(self._language, 'guide.error')}: {self.message}", err=True)


class Telling:
    """Tells on standard error what is being done: a line a step, and how much of a copy has gone over."""

    def __init__(self, language: str | None, *, quiet: bool = False) -> None:
        self.language = chosen(language)
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._line = ""

    def step(self, name: str, **facts: object) -> None:
        """A step begins."""
        self._line = text(self.language, f"step.{name}", **facts)
        if name not in COPIES or not self._terminal:
            self._say(self._line)

    def part(self, done: int, total: int) -> None:
        """So many bytes of so many are copied."""
        if self._terminal and not self._quiet and total:
            end = "\n" if done >= total else ""
            sys.stderr.write(f"\r  {self._line}  {100 * done // total:3} %{end}")
            sys.stderr.flush()

    def _say(self, line: str) -> None:
        if not self._quiet:
            click.echo(f"  {line}", err=True)


def language_of(asked: str | None) -> str:
    """The language to speak."""
    return chosen(asked)


def is_terminal() -> bool:
    """Whether a person is there to be asked."""
    return os.isatty(0) and sys.stderr.isatty()
