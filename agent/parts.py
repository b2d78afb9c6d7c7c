"""What a device is put together from, as its portable code sees it: Linux and boards each bring their own. For the type checker only."""

from collections.abc import Callable
from typing import Protocol

from agent.seal import Sealed
from agent.wire.cose import Verify


class Timer(Protocol):
    """Something that will be done."""

    def cancel(self) -> None:
        """It will not."""


class Schedule(Protocol):
    """When something is to be done."""

    def now_ms(self) -> int:
        """Monotonic milliseconds."""

    def soon(self, call: Callable[[], object]) -> None:
        """Call in the loop's next turn."""

    def at(self, due_ms: int, call: Callable[[], object]) -> Timer:
        """Call at that time."""


class Link(Protocol):
    """The way to the center, see ``agent.link.link.Link``."""

    up: bool

    def express(self, sealed: Sealed) -> int | None:
        """Send a new event from memory."""

    def adopt(self, mid: int, position: int, sealed: Sealed) -> None:
        """The event sent by ``express`` has this position."""

    def queue(self, position: int, sealed: Sealed) -> None:
        """The event waits in the journal."""

    def hurry(self) -> None:
        """An alarm waits."""


class Keeper(Protocol):
    """What makes the journal durable, see ``agent.journal.keeper.Keeper``."""

    def wake(self, *, urgent: bool = False) -> None:
        """Something was appended or noted."""


class Log(Protocol):
    """What is told to people, see ``agent.log.Log``."""

    tracing: bool

    def stage(self, stage: str, **facts: object) -> None:
        """A stage of an event."""

    def info(self, message: str, **facts: object) -> None:
        """Worth knowing."""

    def warning(self, message: str, **facts: object) -> None:
        """Not as it should be."""

    def error(self, message: str, **facts: object) -> None:
        """Wrong."""


class Centers(Protocol):
    """The centers' keys, see ``agent.centers.Centers``."""

    def find(self, kid: bytes) -> Verify | None:
        """The verifier of this key."""

    def replace(self, ders: list[object]) -> None:
        """Believe exactly these keys from now on."""
