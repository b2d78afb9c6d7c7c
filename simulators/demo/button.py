"""One button of the demo, as a person at the keys knows it, whatever it runs on."""

import abc
from collections.abc import Sequence

from simulators.demo.journey import Follower
from simulators.gpio.wiring import Output


class Button(abc.ABC):
    """A button, its device, and what is known of both.

    Attributes:
        device: its identity.
        title: what it is, for people.
        follower: of its events.
        touches: how often it was pressed or held.
        held: whether a finger is on it now.
        levels: of its alarms, if there is more than one.
    """

    levels: Sequence[str] = ()

    def __init__(self, device: str, title: str, follower: Follower) -> None:
        self.device = device
        self.title = title
        self.follower = follower
        self.touches = 0
        self.held = False

    @abc.abstractmethod
    async def press(self) -> int | None:
        """A finger presses for 120 ms, with bounce: the instant of the touch (monotonic ns), None if there is a finger on it already."""

    @abc.abstractmethod
    async def hold(self) -> None:
        """A finger stays on it, or goes."""

    @abc.abstractmethod
    async def fail(self) -> None:
        """What the field does to devices: it stops, this instant."""

    @abc.abstractmethod
    async def recover(self) -> None:
        """It starts again, on its old state."""

    @abc.abstractmethod
    async def kept(self, timeout_s: float) -> None:
        """Wait until the last press is kept, whatever happens from then on; before, nobody was there to feel it."""

    @abc.abstractmethod
    async def listens(self, timeout_s: float) -> None:
        """Wait until it feels what is pressed, after it was started again."""

    @property
    @abc.abstractmethod
    def state(self) -> str:
        """How it is, in a word or two; begins with "runs" if it does."""

    @property
    @abc.abstractmethod
    def linked(self) -> bool:
        """Whether it is connected to the broker."""

    @abc.abstractmethod
    def light(self) -> Sequence[Output]:
        """What its lamp's pin did, oldest first, as read back from the board."""

    @abc.abstractmethod
    def lamp(self) -> str:
        """The pattern that its lamp plays, "dark" while the device is dead."""

    @property
    def runs(self) -> bool:
        """Whether it is alive."""
        return self.state.startswith("runs")

    @property
    def brightness(self) -> float:
        """How bright its lamp is now, 0 to 1."""
        light = self.light()
        return light[-1].duty if light and self.runs else 0.0
