"""``dabyl provision`` on a terminal: a person is led from device to device, told what to plug in, what to press, and what to do next."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Collection
from pathlib import Path

import click

from agent.keys.errors import KeysError
from provisioning.addresses import network_of
from provisioning.authority.errors import AuthorityError, PassphraseError
from provisioning.batch import translated
from provisioning.bench import TREE, opened
from provisioning.cable.contents import Bundle
from provisioning.cable.enrolment import Bench, enrol
from provisioning.cable.flashing import flash
from provisioning.cable.ports import boards
from provisioning.cable.prompt import Prompt
from provisioning.cli.common import STOPPED, Telling, Told, asked_passphrase, typed
from provisioning.cli.person import Person
from provisioning.errors import ProvisionError, SetupError
from provisioning.firmware.modules import kinds
from provisioning.inventory.errors import DuplicateError, RecordError
from provisioning.inventory.record import REVOKED, VERIFIED, Device
from provisioning.messages import LANGUAGES, text, wished

TRIES = 3
SETTLE_S = 1.0
MENDED_BY_FLASHING = ("no-prompt", "micropython-old", "micropython-mpy", "board-full", "board-small", "flash", "image")
NAMES = ("English", "Русский", "Қазақша")


def guide(installation: Path, passphrase: str | None, port: str | None, asked: str | None) -> int:
    """Lead a person; the exit code: 0 everything is done, 1 something is left."""
    language = wished(asked) or asked_language()
    try:
        with contextlib.ExitStack() as stack:
            bench, firmware = _opened(stack, installation, passphrase, language)
            left = [one for one in bench.inventory.devices() if _is_left(one, kinds(TREE))]
            return _all(bench, firmware, left, Person(language, _boards(port)), language)
    except (AuthorityError, KeysError) as error:
        raise Told(translated(error), language) from None
    except ProvisionError as error:
        raise Told(error, language) from None
    except (KeyboardInterrupt, click.Abort):
        click.echo("\n" + text(language, "guide.stopped"), err=True)
        return STOPPED


def _is_left(device: Device, boards: Collection[str]) -> bool:
    """Whether it comes on a cable and is not done; devices on Linux enrol over the network."""
    return device.kind in boards and device.state != REVOKED and not device.has_reached(VERIFIED)


def asked_language() -> str:
    """Ask for the language, where neither an option nor the system names one."""
    click.echo("   ".join(f"{number} {name}" for number, name in enumerate(NAMES, 1)), err=True)
    number = click.prompt("", type=click.IntRange(1, len(NAMES)), prompt_suffix="> ", err=True)
    return LANGUAGES[number - 1]


def _opened(
    stack: contextlib.ExitStack, installation: Path, passphrase: str | None, language: str
) -> tuple[Bench, Callable[[str], Bundle]]:
    """The bench; the passphrase is asked for if the authority has one."""
    for _try in range(TRIES):
        try:
            return stack.enter_context(opened(installation, passphrase))
        except PassphraseError:
            if passphrase is not None:
                click.echo(text(language, "error.passphrase"), err=True)
            passphrase = asked_passphrase(language)
    raise SetupError("passphrase")


def _boards(port: str | None) -> Callable[[], list[str]]:
    """What lists the ports where a board is: all that look like one, or the one that was named."""
    if port is None:
        return boards
    named = Path(port)
    return lambda: [port] if named.exists() else []


def _all(bench: Bench, firmware: Callable[[str], Bundle], left: list[Device], person: Person, language: str) -> int:
    if not left:
        planned = bench.inventory.devices()
        click.echo(text(language, "guide.nothing" if planned else "guide.empty"), err=True)
        return 0
    click.echo(text(language, "guide.welcome", count=len(left)), err=True)
    done = 0
    for number, device in enumerate(left, 1):
        facts = {"number": number, "count": len(left), "name": device.name, "kind": device.kind}
        click.echo("\n" + text(language, "guide.device", place=str(device.place) or "—", **facts), err=True)
        _ask_address(bench, device, language)
        if _one(bench, firmware, device, person, language):
            done += 1
            if number < len(left):
                person.unplug(device)
        else:
            click.echo(text(language, "guide.skipped", name=device.name), err=True)
    click.echo("\n" + text(language, "guide.summary", done=done, left=len(left) - done), err=True)
    return 0 if done == len(left) else 1


def _one(bench: Bench, firmware: Callable[[str], Bundle], device: Device, person: Person, language: str) -> bool:
    """Enrol one device, as often as the person wants to try; False if it is skipped."""
    image = ""
    while True:
        telling = Telling(language)
        try:
            bundle = firmware(device.kind)
            port = person.plug(device)
            if image:
                telling.step("flash")
                flash(port, Path(image))
            with Prompt(port) as prompt:
                press = enrol(bench, bundle, device.name, prompt, telling, lambda: person.press(device))
        except (AuthorityError, KeysError) as error:
            problem: ProvisionError = translated(error)
        except ProvisionError as error:
            problem = error
        else:
            click.echo(text(language, "guide.pressed", seconds=press.seconds, name=device.name), err=True)
            return True
        click.echo("\n! " + problem.told(language), err=True)
        if problem.key in MENDED_BY_FLASHING:
            click.echo(text(language, "guide.flash"), err=True)
        answer = _answer(language)
        if answer == "s":
            return False
        image = answer.removeprefix("f ").strip() if answer.startswith("f ") else ""
        time.sleep(SETTLE_S)  # a board that was plugged in again starts


def _ask_address(bench: Bench, device: Device, language: str) -> None:
    """Ask for the address of a device that has none, where there are networks of fixed addresses."""
    networks = bench.installation.networks
    while networks and not device.address:
        question = text(language, "guide.address", network=", ".join(map(str, networks)))
        said = click.prompt(question, default="", show_default=False, prompt_suffix="\n> ", err=True).strip()
        if not said:
            return
        try:
            asked = dataclasses.replace(device, address=said)
            network_of(networks, said)
            bench.inventory.plan([asked], bench.now_ms(), move=True)
        except (RecordError, DuplicateError) as error:
            click.echo("! " + error.told(language), err=True)
        else:
            device = asked


def _answer(language: str) -> str:
    """What to do after a problem.

    Raises:
        click.Abort: end.
    """
    answer = typed(
        click.prompt(text(language, "guide.again"), default="", show_default=False, prompt_suffix="\n> ", err=True)
    )
    if answer == "q":
        raise click.Abort
    return answer
