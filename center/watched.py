"""Files that are read again when one of them has changed: revocation lists, the registry. A file that cannot be read changes nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")


class Watched(Generic[Content]):
    """What ``load`` makes of these files, which were loaded just now."""

    def __init__(self, paths: Sequence[Path], load: Callable[[Sequence[Path]], Content]) -> None:
        self._paths = tuple(paths)
        self._load = load
        self._seen = self._stamps()

    def changed(self) -> Content | None:
        """All of it, if a file has changed since the last call that succeeded; None if none has.

        Raises:
            CenterError: of ``load``; what is in force stays in force.
        """
        stamps = self._stamps()
        if stamps == self._seen:
            return None
        content = self._load(self._paths)
        self._seen = stamps
        return content

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        out = []
        for path in self._paths:
            try:
                status = path.stat()
            except OSError:
                out.append((0, 0, 0))
            else:
                out.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(out)
