"""What the device says about its own state in ``health.report``: integers only, read from the system's own files.

Anything that cannot be read is left out, never guessed.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.journal.log import Journal

THERMAL = "/sys/class/thermal/thermal_zone0/temp"
LOAD = "/proc/loadavg"
WIRELESS = "/proc/net/wireless"


def disk_free_kb(folder: str) -> int | None:
    """Kilobytes left for an unprivileged process on the folder's file system."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize // 1024


def temperature_mc(path: str = THERMAL) -> int | None:
    """Temperature of the processor in thousandths of a degree Celsius (Linux thermal sysfs)."""
    return _first_number(path, 1)


def load_milli(path: str = LOAD) -> int | None:
    """Load average of the last minute, in thousandths."""
    return _first_number(path, 1000)


def rssi(path: str = WIRELESS) -> int | None:
    """How strong the first Wi-Fi interface hears its access point, in dBm."""
    try:
        line = _read(path).decode("ascii").splitlines()[2]
        level = int(float(line.split()[3]))
    except (OSError, ValueError, IndexError, OverflowError):
        return None
    return level if level < 0 else None


def journal_facts(journal: "Journal") -> "dict[str, object]":
    """How the journal fares: events owed, alarms among them, events not on the disk yet, trouble with the disk."""
    facts: dict[str, object] = {
        "unsettled": journal.unsettled_count(),
        "alarms": journal.unsettled_count(0),
        "unkept": journal.unkept_count,
        "journal_kb": journal.bytes_used // 1024,
    }
    if journal.trouble is not None:
        facts["disk"] = journal.trouble[1][:100]
    return facts


def report(folder: str, journal: "Journal") -> "dict[str, object]":
    """The data of a ``health.report``, as far as it is about the device itself."""
    facts = journal_facts(journal)
    for name, value in (
        ("disk_free_kb", disk_free_kb(folder)),
        ("temperature_mc", temperature_mc()),
        ("load_milli", load_milli()),
        ("rssi", rssi()),
    ):
        if value is not None:
            facts[name] = value
    return facts


def _first_number(path: str, scale: int) -> int | None:
    try:
        return int(float(_read(path).split()[0]) * scale)
    except (OSError, ValueError, IndexError, OverflowError):
        return None


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1024)
    finally:
        os.close(descriptor)
