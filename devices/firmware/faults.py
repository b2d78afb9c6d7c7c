"""What a board's lamp shows while it cannot work at all: as many blinks as the fault's number, then dark. MicroPython subset.

Faults of a board that works (button stuck, tamper, no connection) are the kind's patterns; theirs are of three blinks at most.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devices.common.patterns import Pattern

FAULTS = {"configuration": 4, "keys": 5, "flash": 6, "hardware": 7}


def blinks(fault: str) -> "Pattern":
    """The pattern of a fault, for `outputs.Output`."""
    steps = [(150, 100), (250, 0)] * FAULTS[fault]
    steps[-1] = (2000, 0)
    return tuple(steps)
