"""Which serial port has the board."""

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from provisioning.errors import CableError

BRIDGES = {0x10C4, 0x1A86, 0x0403, 0x303A}
"""USB vendors of what stands between USB and an ESP32: Silicon Labs, WCH, FTDI, and Espressif's own."""


def boards(ports: list[ListPortInfo] | None = None) -> list[str]:
    """The ports that a board may be at."""
    found = list_ports.comports() if ports is None else ports
    return sorted(port.device for port in found if port.vid in BRIDGES)


def the_board(ports: list[ListPortInfo] | None = None) -> str:
    """The only board's port.

    Raises:
        CableError: there is none, or more than one.
    """
    found = boards(ports)
    if not found:
        raise CableError("no-board")
    if len(found) > 1:
        raise CableError("many-boards", ports=", ".join(found))
    return found[0]
