"""Whether the disk has room, and the reserve: a file set aside whose room is given back when the disk is full.

What it gives back serves alarms and the making of room; nothing else is written while the disk is full and the reserve is gone.
MicroPython subset.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.journal.store import Store

EIO = 5
ENOSPC = 28
RESERVE = "reserve"


class Room:
    """Room on the disk below one journal.

    Args:
        store: the files; a method `reserve(name, size)` is used if there is one.
        size: bytes of the reserve.

    Attributes:
        full: the disk said that it is full, and has not been found to have room since.
        reserved: the reserve is in place.
    """

    def __init__(self, store: "Store", size: int) -> None:
        self.full = False
        self.reserved = False
        self._store = store
        self._size = size

    def give(self, error: OSError) -> bool:
        """Give the reserve's room back; False if there is none or the trouble is another."""
        if error_number(error) != ENOSPC or not self.reserved:
            return False
        self.reserved = False
        self.full = True
        try:
            self._store.remove(RESERVE)
        except OSError:
            return False
        return True

    def take(self) -> None:
        """Set room aside again when there is enough, and then the disk is not full any more."""
        reserve = getattr(self._store, "reserve", None)
        try:
            free = self._store.free_bytes()
            if reserve is not None and not self.reserved:
                if RESERVE not in self._store.names():
                    if free < 2 * self._size:
                        self.full = True
                        return
                    reserve(RESERVE, self._size)
                self.reserved = True
            elif self.full and free < self._size:
                return
        except OSError as error:
            if error_number(error) == ENOSPC:
                self.full = True
            return
        self.full = False


def error_number(error: OSError) -> int:
    """The errno of an error, EIO if it has none."""
    return error.errno or EIO
