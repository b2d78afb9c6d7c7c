"""What a board's lamp shows while it cannot work at all: as many blinks as the fault's number, then dark. MicroPython subset.

Faults of a board that works (button stuck, tamper, no connection) are the kind's patterns; theirs are of three blinks at most.
"""

from agent.errors import HardwareError
from agent.keys.errors import KeysError
from agent.link.errors import LinkError
from devices.common.settings import SettingsError
from devices.firmware.config import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devices.common.patterns import Pattern

FAULTS = {"configuration": 4, "keys": 5, "flash": 6, "hardware": 7}
_CAUSES = (
    (ConfigError, "configuration"),
    (SettingsError, "configuration"),
    (KeysError, "keys"),
    (LinkError, "keys"),
    (HardwareError, "hardware"),
    (OSError, "flash"),
)


def fault_of(error: Exception) -> "str | None":
    """The fault that keeps a board from working, None for a defect of the firmware."""
    for kind, fault in _CAUSES:
        if isinstance(error, kind):
            return fault
    return None


def blinks(fault: str) -> "Pattern":
    """The pattern of a fault, as `Slots.blink` plays it."""
    steps = [(150, 100), (250, 0)] * FAULTS[fault]
    steps[-1] = (2000, 0)
    return tuple(steps)
