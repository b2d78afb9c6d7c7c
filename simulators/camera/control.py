"""The strings by which a test pulls at a camera in another process: a folder, named to it by the environment.

``faults`` says what is wrong now, its fields as numbers, and may change at any time; ``frames`` is what the camera wrote of each frame
that it handed over, whatever becomes of the process that took it; ``footage``, if it is there, is delivered instead of the scene. The
camera's end loads no pathlib, because the agent's memory is measured.
"""

import dataclasses
import os
import struct
import time
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib

FOLDER = "DABYL_CAMERA"
SITE = os.path.join(os.path.dirname(__file__), "site")
_HANDED = struct.Struct("<Qq")


@dataclasses.dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a camera.

    Args:
        absent: there is none.
        frozen: it delivers nothing.
        drop_every: each so-manieth frame is lost, 0: none.
        throttle: too hot, the sensor delivers each so-manieth frame only.
        jitter_ms: frames are handed over up to so much late.
    """

    absent: bool = False
    frozen: bool = False
    drop_every: int = 0
    throttle: int = 1
    jitter_ms: int = 0


class Control:
    """The tester's end. ``folder`` is made if it is not there."""

    def __init__(self, folder: "pathlib.Path") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """``environment`` for a program that is to find this camera when it imports ``picamera2``."""
        path = os.pathsep.join(part for part in (SITE, environment.get("PYTHONPATH", "")) if part)
        return {**environment, "PYTHONPATH": path, FOLDER: os.fspath(self.folder)}

    def set(self, faults: Faults) -> None:
        """From now on this is wrong."""
        fresh = self.folder / "faults.new"
        fresh.write_text(" ".join(str(int(value)) for value in dataclasses.astuple(faults)), encoding="ascii")
        fresh.replace(self.folder / "faults")

    def handed(self) -> list[tuple[int, int]]:
        """The number of each frame that was handed over, and when (ns of CLOCK_MONOTONIC)."""
        try:
            data = (self.folder / "frames").read_bytes()
        except FileNotFoundError:
            return []
        whole = len(data) // _HANDED.size * _HANDED.size
        return [_HANDED.unpack_from(data, at) for at in range(0, whole, _HANDED.size)]


class Strings:
    """The camera's end of a folder, or of none: then nothing is ever wrong."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._frames = (
            None if folder is None else os.open(os.path.join(folder, "frames"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        )
        self._seen_ns = 0
        self._faults = Faults()

    @classmethod
    def of_environment(cls) -> "Strings":
        """Those that the environment names."""
        return cls(os.environ.get(FOLDER))

    def footage(self) -> str | None:
        """What it is to deliver instead of the scene, see ``simulators.camera.replay``."""
        path = "" if self._folder is None else os.path.join(self._folder, "footage")
        return path if os.path.exists(path) else None

    def faults(self) -> Faults:
        """What is wrong now."""
        if self._folder is None:
            return self._faults
        path = os.path.join(self._folder, "faults")
        try:
            changed_ns = os.stat(path).st_mtime_ns
            if changed_ns != self._seen_ns:
                self._seen_ns = changed_ns
                with open(path, "rb") as file:
                    absent, frozen, *others = map(int, file.read().split())
                self._faults = Faults(bool(absent), bool(frozen), *others)
        except FileNotFoundError:
            pass  # nothing is wrong yet
        return self._faults

    def hand_over(self, number: int) -> None:
        """A frame is being handed over."""
        if self._frames is not None:
            os.write(self._frames, _HANDED.pack(number, time.monotonic_ns()))

    def close(self) -> None:
        """No more."""
        if self._frames is not None:
            os.close(self._frames)
            self._frames = None
