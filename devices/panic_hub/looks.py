"""How often modules were looked at later than they should: proof that the guarantee on short presses holds on this very hub. Pure."""


class Looks:
    """The looks at all modules; one that comes more than ``most_ms`` after the one before is late."""

    LATE_MAX = 20
    """In a thousand: more is a fault of machine, line or adapter."""

    def __init__(self, modules: tuple[str, ...], most_ms: int) -> None:
        self._most_ms = most_ms
        self._last_ms: dict[str, int | None] = dict.fromkeys(modules)
        self._all = 0
        self._late = 0

    def look(self, module: str, at_ms: int) -> None:
        """A module was looked at; another name changes nothing."""
        if module not in self._last_ms:
            return
        last_ms = self._last_ms[module]
        self._last_ms[module] = at_ms
        self._all += 1
        if last_ms is not None and at_ms - last_ms > self._most_ms:
            self._late += 1

    def late(self) -> int:
        """How many of a thousand were late since this was asked last."""
        late = self._late * 1000 // max(1, self._all)
        self._all = self._late = 0
        return late
