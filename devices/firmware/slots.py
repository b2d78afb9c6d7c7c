"""Which of the two copies of the firmware to start, so that a broken one never keeps a board from working.

Code lives in ``/a`` and ``/b``; ``/slot`` names the one in use. A start counts as failed until the firmware says ``healthy`` (connected,
or alive for a while without a network). After three failed starts in a row the other copy is used, if there is a whole one. The count
stops at three, so that a board without any good copy does not wear its flash out by starting.
"""

import os

MAX_FAILED = 3
SLOTS = ("a", "b")
_SLOT = "slot"
_COUNT = "starts"
MANIFEST = "manifest.json"


class Slots:
    """The choice between the copies below ``root`` (``""`` on a board)."""

    def __init__(self, root: str = "") -> None:
        self._root = root

    def choose(self) -> str:
        """The copy to start now; counts this start."""
        slot = self._read(_SLOT)
        if slot not in SLOTS:
            slot = SLOTS[0]
        failed = self._failed()
        if failed >= MAX_FAILED or not self.whole(slot):
            other = SLOTS[1 - SLOTS.index(slot)]
            if self.whole(other):
                slot = other
                self._write(_SLOT, slot)
                failed = 0
        if failed < MAX_FAILED:
            self._write(_COUNT, str(failed + 1))
        return slot

    def healthy(self) -> None:
        """This start was a good one."""
        if self._failed():
            self._write(_COUNT, "0")

    def whole(self, slot: str) -> bool:
        """Whether the copy is complete: its manifest is written last."""
        try:
            os.stat("%s/%s/%s" % (self._root, slot, MANIFEST))
        except OSError:
            return False
        return True

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
