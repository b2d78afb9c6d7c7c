"""MicroPython onto a blank board, by Espressif's own esptool, which runs as a process of its own."""

import subprocess
import sys
from pathlib import Path

from provisioning.errors import CableError, Cause, SetupError

MAGIC = 0xE9
"""First byte of an image that Espressif's boot loaders take."""
CHIP_AT = 12
ESP32 = 0
"""Number of the chip in an image's extended header, 16 bits little-endian."""
OFFSET = "0x1000"
"""Where an ESP32 looks for its second boot loader; other chips of the family look elsewhere."""
BAUD = "460800"
ATTEMPTS = 3
MOST_S = 300
_IMAGE_MAX = 16 * 1024 * 1024


def check_image(image: Path) -> None:
    """Make sure that a file is an image for an ESP32.

    Raises:
        SetupError: it is none.
    """
    try:
        size = image.stat().st_size
        with image.open("rb") as file:
            head = file.read(CHIP_AT + 2)
    except OSError as error:
        raise SetupError("image", image=image, reason=Cause.of(error)) from None
    if size > _IMAGE_MAX or len(head) < CHIP_AT + 2 or head[0] != MAGIC:
        raise SetupError("image", image=image, reason=Cause("no-image"))
    if int.from_bytes(head[CHIP_AT:], "little") != ESP32:
        raise SetupError("image", image=image, reason=Cause("other-chip"))


def flash(port: str, image: Path, *, attempts: int = ATTEMPTS, most_s: float = MOST_S) -> None:
    """Erase the board and write the image. A board whose write was cut off takes it again.

    Raises:
        SetupError: the image is none for an ESP32, or esptool is not installed.
        CableError: the board did not take it; what esptool said last is in the text.
    """
    check_image(image)
    command = [sys.executable, "-m", "esptool", "--chip", "esp32", "--port", port, "--baud", BAUD]
    command += ["--connect-attempts", str(attempts), "write-flash", "--erase-all", OFFSET, str(image)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=most_s)
    except subprocess.TimeoutExpired:
        raise CableError("flash", port=port, reason=f"no end after {most_s:g} s") from None
    said = (done.stdout + done.stderr).strip()
    if "No module named esptool" in said:
        raise SetupError("needs", package="esptool")
    if done.returncode:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        fatal = [line for line in lines if "error" in line.lower()] or lines or ["no reason given"]
        raise CableError("flash", port=port, reason=fatal[-1][:300])
