"""A pseudo-terminal at a path that stays, as the serial device of a controller."""

import contextlib
import os
import pathlib
import tty

READ_MAX = 256


class Pty:
    """One end of a serial line for a controller, at a path of its own."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.master = -1
        self._slave = -1
        self.plug()

    @property
    def plugged(self) -> bool:
        """Whether the path leads anywhere."""
        return self.master >= 0

    def plug(self) -> None:
        """Make the path lead to a new terminal."""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """Pull the plug: whoever has it open finds it gone."""
        if self.plugged:
            self.path.unlink(missing_ok=True)
            os.close(self._slave)
            os.close(self.master)
            self.master = self._slave = -1

    def write(self, data: bytes) -> None:
        """Bytes to the controller; what does not fit is lost."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.master, data)

    def read(self) -> bytes:
        """What the controller has written."""
        try:
            return os.read(self.master, READ_MAX)
        except BlockingIOError:
            return b""
