"""One board's enrolment over the cable, from whatever state it is in to its first verified press. Whoever is interrupted runs it again.

Each step looks first what is done already, and does the rest. The inventory says ``enrolled`` once the board was read back with its
certificate, ``verified`` once the center has handed on its first press. A certificate belongs to the key that lies on the board: an
interruption between issuing and installing gives the same certificate again, and what was issued for other keys is revoked in the end.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from agent.keys import names
from provisioning.authority.authority import Authority
from provisioning.cable import certificates
from provisioning.cable.board import ROOM, Board, Facts
from provisioning.cable.console import Console
from provisioning.cable.contents import CONFIG, Bundle, device_json, identity_files
from provisioning.cable.prompt import Prompt
from provisioning.errors import CableError, ContactError, InputError
from provisioning.installation import Installation
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import PLACE_FIELDS, REVOKED, VERIFIED, Device
from provisioning.listener import Event, Listener

STEPS = ("look", "copy", "key", "certificate", "install", "verify", "start", "contact", "press", "done")
CONTACT_S = 90.0
PRESS_S = 600.0
PRESSES = ("dabyl.alarm.raised", "dabyl.alarm.escalated")


class Progress(Protocol):
    """Who is told how far it is."""

    def step(self, name: str, **facts: object) -> None:
        """A step of ``STEPS`` begins."""

    def part(self, done: int, total: int) -> None:
        """So many bytes of so many are copied."""


@dataclasses.dataclass(frozen=True)
class Press:
    """The first press, as the center has handed it on."""

    event: str
    boot: int
    seq: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Bench:
    """What enrols boards: opened once, for as many as there are."""

    installation: Installation
    authority: Authority
    inventory: Inventory
    listener: Listener
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    contact_s: float = CONTACT_S
    press_s: float = PRESS_S


def enrol(
    bench: Bench,
    bundle: Bundle,
    name: str,
    prompt: Prompt,
    progress: Progress,
    press: Callable[[], None],
    *,
    replace: bool = False,
) -> Press:
    """Enrol the board at an open prompt as the device ``name`` of the inventory.

    Args:
        bench: what it needs.
        bundle: the firmware for the device's kind.
        name: a device of the inventory.
        prompt: open.
        progress: is told of each step.
        press: is called when the button is to be pressed.
        replace: the board may be another device's so far, and the device another board's; both are revoked.

    Raises:
        ProvisionError: it did not go through. Running it again goes on.
        AuthorityError, InventoryError: theirs.
    """
    device = bench.inventory.get(name)
    if device.kind not in bundle.kinds:
        raise InputError("bundle-kind", kind=device.kind, kinds=", ".join(bundle.kinds))
    place = {field: str(getattr(device.place, field) or "") for field in PLACE_FIELDS}
    config = device_json(bench.installation, name, device.kind, place, device.address)
    certificates.check_clock(bench.authority, bench.now_ms())
    board = Board(prompt)

    progress.step("look")
    facts = board.facts()
    if facts.mpy != bundle.mpy:
        raise CableError("micropython-mpy", board=facts.mpy, bundle=bundle.mpy)
    _claim(bench, board, device, facts, replace=replace)

    progress.step("copy")
    board.tidy(bundle.files)
    room = sum(len(bundle.files[path]) for path in board.differing(bundle.files))
    if room and facts.free < room + ROOM:
        raise CableError("board-small", free=facts.free // 1024, needed=(room + ROOM) // 1024)
    board.put({path: data for path, data in bundle.files.items() if path != "/main.py"}, progress.part)

    progress.step("key")
    request, kid = certificates.request_of(board.request(name), name)

    progress.step("certificate")
    serial, chain = certificates.certificate_for(bench.authority, request, kid, name, bench.now_ms())

    progress.step("install")
    files = identity_files(chain, bench.authority.root_pem, bench.installation.center_keys)
    files |= {CONFIG: config, **bundle.files}
    board.put(files, progress.part)

    progress.step("verify")
    differing = board.differing(files)
    if differing:
        raise CableError("board-differs", files=", ".join(differing[:5]))
    bench.inventory.certified(name, serial, bench.now_ms())
    certificates.revoke_others(bench.authority, name, kid, bench.now_ms())

    progress.step("start")
    began = bench.listener.now
    console, lines = Console(), prompt.restart()
    progress.step("contact")
    _heard(bench, name, console, lines, lambda _event: True, began, bench.contact_s)

    progress.step("press")
    began, at = bench.listener.now, time.monotonic()
    press()
    event = _heard(
        bench, name, console, lines, lambda event: event["type"] in PRESSES, began, bench.press_s, "no-press"
    )
    bench.inventory.reach(name, VERIFIED, bench.now_ms())
    progress.step("done")
    return Press(
        str(event.get("id", ""))[:64],
        int(event.get("dabylboot", 0)),
        int(event.get("dabylseq", 0)),
        round(time.monotonic() - at, 3),
    )


def _claim(bench: Bench, board: Board, device: Device, facts: Facts, *, replace: bool) -> None:
    """Make sure that this board may bear this name, and enter that it does. With ``replace`` what stands against it gives way."""
    other = bench.inventory.of_serial(facts.serial)
    if other is not None and other.name == device.name:
        other = None
    bears = facts.device if facts.device != device.name else ""
    has_board = device.serial if device.serial != facts.serial else ""
    if replace:
        if facts.has_journal and (owed := board.owed()):
            raise CableError("board-owes", device=facts.device or device.name, alarms=owed)
        board.remove(["/main.py", "/keys", "/journal", CONFIG])
        for gone in ([other] if other is not None else []) + ([device] if has_board or device.state == REVOKED else []):
            _begin_anew(bench, gone.name)
    elif other is not None or bears:
        raise CableError("board-is-other", other=other.name if other is not None else bears, device=device.name)
    elif has_board:
        raise CableError("name-has-board", device=device.name, serial=device.serial, found=facts.serial)
    elif device.state == REVOKED:
        raise CableError("device-revoked", device=device.name)
    bench.inventory.bind(device.name, facts.serial)


def _begin_anew(bench: Bench, name: str) -> None:
    """The device has no board any more; nothing that was issued to it counts."""
    now_ms = bench.now_ms()
    bench.inventory.revoke(name, now_ms)
    certificates.revoke_others(bench.authority, name, b"", now_ms)
    bench.inventory.renew(name, now_ms)


def _heard(
    bench: Bench,
    name: str,
    console: Console,
    lines: Iterator[str],
    wanted: Callable[[Event], bool],
    since: int,
    seconds: float,
    otherwise: str = "no-contact",
) -> dict[str, Any]:
    """Wait for a verified event of the device, listening to its console meanwhile.

    Raises:
        ContactError: none came, and what the board says of that.
        CableError: the cable was pulled.
    """
    source = f"{names.URN}{names.DEVICE}:{name}"

    def is_wanted(event: Event) -> bool:
        return event.get("source") == source and event["type"] != "dabyl.presence.lost" and wanted(event)

    def look() -> bool:
        while line := next(lines):
            console.take([line])
        return not console.hopeless

    found = bench.listener.wait(is_wanted, seconds, since=since, look=look)
    if found is None:
        key = console.trouble or otherwise
        raise ContactError(key, device=name, **console.facts)
    return found
