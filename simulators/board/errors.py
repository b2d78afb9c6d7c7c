"""What goes wrong with a simulated board itself, in the tree of `simulators.errors`."""

from simulators.errors import SimulatorError


class BoardError(SimulatorError, RuntimeError):
    """A board could not be made or did not start. The message holds the end of its console."""


class BoardStateError(BoardError):
    """Something was asked of a board that it cannot do now, such as feeling the time pass while it is not asleep."""
