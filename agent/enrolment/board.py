"""The serial number of the machine that this runs on, to which claims are bound."""

from agent.enrolment.errors import EnrolmentError

SOURCES = ("/sys/firmware/devicetree/base/serial-number", "/sys/class/dmi/id/product_serial")
"""Boards with a device tree (Raspberry Pi and the like), and PCs (readable by root)."""


def serial_number(configured: str) -> str:
    """The configured serial number, else what the machine says.

    Raises:
        EnrolmentError: neither.
    """
    for source in () if configured else SOURCES:
        try:
            with open(source, "rb") as file:
                found = file.read(65).rstrip(b"\x00\n ").decode("ascii")
        except (OSError, UnicodeDecodeError):
            continue
        if found:
            return found
    if not configured:
        raise EnrolmentError(
            f"the board's serial number is not known (looked at {' and '.join(SOURCES)}):"
            f" name it with --board, or in the configuration ([enrolment] board)"
        )
    return configured
