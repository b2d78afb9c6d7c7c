"""What a board tells the person at its serial console: one line per fact. Never a secret, never the content of an event."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class SerialLog:
    """The shape of ``agent.log.Log``. ``now_ms`` gives the time that each line begins with."""

    tracing = False

    def __init__(self, now_ms: "Callable[[], int]") -> None:
        self._now_ms = now_ms

    def stage(self, stage: str, **facts: object) -> None:
        """A stage of an event: not told here."""

    def info(self, message: str, **facts: object) -> None:
        """Worth knowing."""
        self._say("info", message, facts)

    def warning(self, message: str, **facts: object) -> None:
        """Not as it should be, and the board lives with it."""
        self._say("warning", message, facts)

    def error(self, message: str, **facts: object) -> None:
        """Wrong."""
        self._say("error", message, facts)

    def _say(self, level: str, message: str, facts: "dict[str, object]") -> None:
        words = ["%s=%s" % (name, facts[name]) for name in sorted(facts)]
        print("%9d" % self._now_ms(), level, message, " ".join(words))  # noqa: T201  the serial console
