"""What is shown, armed or running by name, and until when. Runs on MicroPython and CPython alike."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Timers:
    """Named ends. One that has passed no longer runs, whether or not anybody has asked for it."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def start(self, name: str, end_ms: int) -> None:
        """Let ``name`` run until ``end_ms``; one that runs gets the new end."""
        self._until[name] = end_ms

    def stop(self, names: "Iterable[str]") -> None:
        """Let none of ``names`` run."""
        for name in names:
            self._until.pop(name, 0)

    def running(self, name: str, now_ms: int) -> bool:
        """Whether ``name`` runs."""
        return self._until.get(name, now_ms) > now_ms

    def expired(self, now_ms: int) -> "list[str]":
        """The names that have ended since the last call; they are forgotten."""
        ended = [name for name in sorted(self._until) if now_ms >= self._until[name]]
        self.stop(ended)
        return ended

    def next_ms(self) -> "int | None":
        """When the next one ends, None if none runs."""
        return min(self._until.values()) if self._until else None
