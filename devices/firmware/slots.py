"""What a board does without its firmware: choose which of its copies to start, and blink while there is none that works.

Code lives in ``/a`` and ``/b``, and may be ``frozen`` into the image; ``/slot`` names the one in use. A start counts as failed until the
firmware says ``healthy`` (connected, or alive for a while without a network). After three failed starts in a row the next whole copy is
used, the frozen one last. The count stops at three, so that a board without any good copy does not wear its flash out by starting. A copy
is whole when its manifest, which is written last, is there; after a failed start also each file is compared with it, for a module that was
cut off can hang MicroPython. What is not whole is not started.

Which pin has the lamp is kept in the chip's non-volatile storage, so that a board can blink which cannot read its configuration. One that
never had a lamp blinks with GPIO 2, the LED of most development boards, where nothing else is to be connected.
"""

import json
import os
import time
from binascii import hexlify
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FAILED = 3
SLOTS = ("a", "b")
FROZEN = "frozen"
"""No folder has this name: what is in the image is found without one."""
_SLOT = "slot"
_LAST = " last"
"""Beside a copy's name: the other one has failed before it."""
_COUNT = "starts"
MANIFEST = "manifest.json"
BLINKS = 6
"""That no copy starts: what `faults` says of flash."""
ON_MS, OFF_MS, DARK_MS = 150, 250, 2000
AGAIN_MS = 60_000
"""Between two starts of a board that cannot work."""
RESTART_MS = 5000
WATCHDOG_MS = 8000
"""Longer than the longest step of a start: making one table of a key. `watchdog` shortens it."""
PROMPT_MS = 86_400_000
"""At the prompt nobody feeds the watchdog, and an ESP32 cannot stop it: a board that is forgotten there goes back to work after a day."""
FULL = 65535
LAMP = 2
_CHUNK = 1024
_SPACE = "dabyl"
_KEY = "lamp"


class Slots:
    """The choice between the copies below ``root`` (``""`` on a board)."""

    watchdog_ms = WATCHDOG_MS

    def __init__(self, root: str = "") -> None:
        self._root = root
        self._stuck = False

    def choose(self) -> str:
        """The copy to start now; counts this start. Without any it names one all the same.

        Raises:
            OSError: neither copy is whole.
        """
        named = self._read(_SLOT).split()
        slot = named[0] if named else ""
        if slot not in SLOTS and slot != FROZEN:
            slot = SLOTS[0]
        failed = self._failed()
        onward, again = self._turns(slot, len(named) > 1)
        if failed < MAX_FAILED:
            onward.insert(0, slot)
        else:
            again.append(slot)
        chosen = self._first(onward, failed > 0)
        self._stuck = not chosen
        chosen = chosen or self._first(again, failed > 0)
        copied = self._there(SLOTS[0]) or self._there(SLOTS[1])
        if chosen not in ("", slot) and copied:
            failed = 0
            self._write(_SLOT, chosen + _LAST if chosen in onward and chosen != FROZEN else chosen)
        if failed < MAX_FAILED:
            self._write(_COUNT, str(failed + 1))
        if not chosen and copied:
            raise OSError("neither copy of the firmware is whole: copy it again")
        return chosen or slot

    def _turns(self, slot: str, last: bool) -> "tuple[list[str], list[str]]":
        """What has its turn after this one has failed, and what has failed already and is tried again, slowly."""
        if slot == FROZEN:
            return [], list(SLOTS)
        other = SLOTS[1 - SLOTS.index(slot)]
        return ([FROZEN], [other]) if last else ([other, FROZEN], [])

    def _first(self, names: "list[str]", compare: bool) -> str:
        """The first of these that can be started. Asking for the frozen one loads it, so it is asked for in its turn only."""
        for name in names:
            if _frozen() if name == FROZEN else self.whole(name, compare):
                return name
        return ""

    def healthy(self) -> None:
        """This start was a good one."""
        if self._failed():
            self._write(_COUNT, "0")

    def whole(self, slot: str, compare: bool) -> bool:
        """Whether the copy's manifest is there and, on ``compare``, each file is as it says."""
        if not compare:
            return self._there(slot + "/" + MANIFEST)
        try:
            with open("%s/%s/%s" % (self._root, slot, MANIFEST)) as file:
                files = json.load(file)["files"]
            for name in files:
                if self._digest(slot + "/" + name) != files[name]["sha256"]:
                    return False
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return True

    def _there(self, name: str) -> bool:
        try:
            os.stat("%s/%s" % (self._root, name))
        except OSError:
            return False
        return True

    def _digest(self, name: str) -> str:
        digest = sha256()
        with open("%s/%s" % (self._root, name), "rb") as file:
            while True:
                data = file.read(_CHUNK)
                if not data:
                    return hexlify(digest.digest()).decode()
                digest.update(data)

    def rest(self) -> None:
        """Between a failed start and the next: long, and with the lamp blinking, where neither copy starts."""
        import machine  # noqa: PLC0415  a board's own

        stuck = self._stuck
        self.blink(BLINKS if stuck else 0, AGAIN_MS if stuck else RESTART_MS, machine.WDT(timeout=WATCHDOG_MS).feed)

    def remember_lamp(self, pin: int) -> None:
        """From now on `blink` uses this pin; -1: the board has no lamp."""
        import esp32  # noqa: PLC0415  a board's own

        try:
            if _lamp_pin() != pin:
                store = esp32.NVS(_SPACE)
                store.set_i32(_KEY, pin)
                store.commit()
        except OSError:
            return  # a storage that fails must not keep the board from working

    def blink(self, times: int, until_ms: int, feed: "Callable[[], object]") -> None:
        """Blink so many times and be dark, again and again for this long, feeding the watchdog."""
        from machine import PWM, Pin  # noqa: PLC0415  a board's own

        pin = _lamp_pin() if times else -1
        lamp = PWM(Pin(pin), freq=200, duty_u16=0) if pin >= 0 else None
        steps = [(FULL, ON_MS), (0, OFF_MS)] * times
        steps.append((0, DARK_MS - OFF_MS if times else OFF_MS))
        while until_ms > 0:
            for duty, step_ms in steps:
                if lamp is not None:
                    lamp.duty_u16(duty)
                feed()
                time.sleep_ms(step_ms)  # type: ignore[attr-defined]  # MicroPython's own
                until_ms -= step_ms

    def path(self, slot: str) -> str:
        """Where the copy's modules lie."""
        return "%s/%s" % (self._root, slot)

    def _failed(self) -> int:
        count = self._read(_COUNT)
        return int(count) if count and len(count) < 4 and count.isdigit() else 0

    def _read(self, name: str) -> str:
        try:
            with open("%s/%s" % (self._root, name)) as file:
                return file.read(16).strip()
        except (OSError, ValueError):
            return ""

    def _write(self, name: str, text: str) -> None:
        path = "%s/%s" % (self._root, name)
        try:
            with open(path + ".new", "w") as file:
                file.write(text)
            os.rename(path + ".new", path)
        except OSError:
            return  # a full or broken flash must not keep the board from starting


def _frozen() -> bool:
    """Whether the firmware is frozen into the image, asked while no copy is in ``sys.path``."""
    try:
        import devices.firmware.start  # noqa: F401, PLC0415  it is the frozen one
    except ImportError:
        return False
    return True


def _lamp_pin() -> int:
    import esp32  # noqa: PLC0415  a board's own

    try:
        return int(esp32.NVS(_SPACE).get_i32(_KEY))
    except OSError:
        return LAMP
