"""Why is a device not online? Found out in the order in which things have to work, from the cable, or from the network without one.

What comes after the first trouble is not known, and said to be so; nothing is changed on the board or anywhere else.
"""

import dataclasses
import json
import socket
from collections.abc import Iterator, Mapping

from cryptography import x509

from agent.keys.names import DEVICE, URN
from provisioning.cable.board import Board, Facts
from provisioning.cable.console import CONNECTED, JOINED, Console
from provisioning.cable.contents import CERTIFICATE, FOLDER, MAIN, MANIFEST
from provisioning.cable.enrolment import Bench
from provisioning.cable.prompt import Prompt
from provisioning.errors import CableError, Cause, ContactError, ProvisionError
from provisioning.listener import Event
from provisioning.messages import text

CHECKS = ("power", "board", "firmware", "identity", "wifi", "name", "broker", "clock", "certificate", "acl", "center")
"""In the order in which they have to work."""
AFTER_WIFI = {f"device-{check}": check for check in ("name", "broker", "clock", "certificate", "acl")}
KNOCK_S = 3.0
FAULTS = {"configuration": "board", "hardware": "board", "flash": "firmware", "keys": "identity"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One check: ``state`` is ``fine``, ``trouble``, ``unknown`` or, without a cable, ``cable``; ``trouble`` has its error."""

    check: str
    state: str
    error: ProvisionError | None = None

    def told(self, language: str) -> str:
        """In words."""
        words = self.error.told(language) if self.error is not None else text(language, f"doctor.{self.state}")
        return f"{text(language, f'doctor.{self.check}')}: {words}"


def by_cable(bench: Bench, name: str | None, prompt: Prompt, seconds: float) -> tuple[str, list[Finding]]:
    """Examine the board at an open prompt; whose it is, and the findings.

    Args:
        bench: authority, inventory, and the ear at the broker.
        name: whose it should be, None for whosever it is.
        prompt: open.
        seconds: so long it is waited for the board to reach the center.
    """
    check = "board"
    device = name or ""
    try:
        board = Board(prompt)
        facts = board.facts()
        device = name or facts.device
        check = "firmware"
        _firmware(prompt, board, facts, device)
        check = "identity"
        _identity(bench, device, facts, prompt)
        began = bench.listener.now
        console = Console()
        _contact(bench, device, console, prompt.restart(), began, seconds)
    except ProvisionError as error:
        return device, findings(_where(error, check), error)
    return device, findings(None, None)


def by_network(bench: Bench, name: str, seconds: float) -> list[Finding]:
    """Examine a device from here: its certificate, and whether the center hands on anything of it within this time.

    Raises:
        UnknownDeviceError: it is not in the inventory.
    """
    bench.inventory.get(name)
    found: dict[str, tuple[str, ProvisionError | None]] = dict.fromkeys(CHECKS, ("cable", None))
    found["identity"] = "fine", None
    try:
        _holds(bench, name, None)
    except CableError as caught:
        found["identity"] = "trouble", caught
    heard = bench.listener.wait(lambda event: _is_of(event, name), seconds, since=bench.listener.now)
    if heard is None:
        found["center"] = "trouble", ContactError("doctor-silent", device=name, seconds=round(seconds))
    else:
        found |= {check: ("fine", None) for check in CHECKS if check != "identity"}
    return [Finding(check, *found[check]) for check in CHECKS]


def findings(wrong: str | None, error: ProvisionError | None) -> list[Finding]:
    """All checks, when the first one that is wrong is known; None: nothing is."""
    at = len(CHECKS) if wrong is None else CHECKS.index(wrong)
    return [
        Finding(check, *(("fine", None) if place < at else ("trouble", error) if place == at else ("unknown", None)))
        for place, check in enumerate(CHECKS)
    ]


def _where(error: ProvisionError, check: str) -> str:
    """Which check an error belongs to, if it came up during this one."""
    if error.key in {"cable-pulled", "no-answer", "no-prompt", "port-shut"}:
        return "power"
    if error.key.startswith("device-wifi"):
        return "wifi"
    if error.key.startswith("board-fault-"):
        return FAULTS.get(error.key.removeprefix("board-fault-"), "board")
    if error.key == "no-contact":
        return "center"
    return AFTER_WIFI.get(error.key, check)


def _firmware(prompt: Prompt, board: Board, facts: Facts, device: str) -> None:
    """Every file of the copy in use as its manifest says.

    Raises:
        CableError: it is not.
    """
    there = board.digests()
    called = device or Cause("some-name")
    if MAIN not in there:
        raise CableError("doctor-firmware" if facts.device else "doctor-nobody", files=MAIN, device=called)
    try:
        said = json.loads(prompt.run(f"with open({MANIFEST!r}) as f:\n print(f.read())"))["files"]
        wrong = [name for name, facts in said.items() if there.get(f"{FOLDER}/{name}") != facts["sha256"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CableError("doctor-firmware", files=MANIFEST, device=called) from None
    except CableError as error:
        if error.key != "board-refuses":
            raise
        raise CableError("doctor-firmware", files=MANIFEST, device=called) from None
    if wrong:
        raise CableError("doctor-firmware", files=", ".join(wrong[:5]), device=called)


def _identity(bench: Bench, device: str, facts: Facts, prompt: Prompt) -> None:
    """The board is who it should be, with a certificate that holds.

    Raises:
        CableError: it is not.
    """
    if not facts.device:
        raise CableError("doctor-nobody", device=device or Cause("some-name"))
    if facts.device != device:
        raise CableError("board-is-other", other=facts.device, device=device)
    try:
        said = prompt.run(f"from binascii import hexlify\nprint(hexlify(open({CERTIFICATE!r},'rb').read()).decode())")
        serial = x509.load_der_x509_certificate(bytes.fromhex(said.strip())).serial_number
    except ValueError:
        raise CableError("doctor-certificate", device=device) from None
    except CableError as error:
        if error.key != "board-refuses":
            raise
        raise CableError("doctor-certificate", device=device) from None
    _holds(bench, device, serial)


def _holds(bench: Bench, device: str, serial: int | None) -> None:
    """The certificate, or any of the device's where no serial number is known, holds.

    Raises:
        CableError: it was never issued, was revoked, or is over.
    """
    known = [one for one in bench.authority.register.of_identity(device) if one.role == DEVICE]
    if serial is not None:
        known = [one for one in known if one.serial == serial]
    if not any(one.revoked_ms is None and one.not_after_ms > bench.now_ms() for one in known):
        never = "doctor-never" if serial is None else "doctor-certificate"
        raise CableError("doctor-revoked" if known else never, device=device)


def _contact(bench: Bench, device: str, console: Console, lines: Iterator[str], since: int, seconds: float) -> None:
    """Watch the board on its way to the center.

    Raises:
        ContactError: it does not get there, and where it hangs.
        CableError: the cable was pulled.
    """

    def look() -> bool:
        while line := next(lines):
            console.take([line])
        return not console.hopeless

    if bench.listener.wait(lambda event: _is_of(event, device), seconds, since=since, look=look) is not None:
        return
    if console.trouble:
        raise ContactError(refined(console.trouble, console.facts), device=device, **console.facts)
    if console.reached == CONNECTED:
        raise ContactError("no-contact", device=device)
    network = str(bench.installation.wifi[0].get("ssid", ""))
    key = "device-broker" if console.reached == JOINED else "device-wifi"
    raise ContactError(key, device=device, network=network, broker="", reason=f"> {seconds:g} s")


def refined(trouble: str, facts: Mapping[str, str]) -> str:
    """The same trouble, or that the broker is not there: a board sees both as hanging up, so the laptop knocks."""
    if trouble != "device-certificate" or "hung up" not in facts["reason"]:
        return trouble
    host, _, port = facts["broker"].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), KNOCK_S):
            return trouble
    except (OSError, ValueError):
        return "device-broker"


def _is_of(event: Event, device: str) -> bool:
    return event.get("source") == f"{URN}{DEVICE}:{device}" and event["type"] != "dabyl.presence.lost"
