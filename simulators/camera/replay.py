"""A camera that delivers footage from a file, over and over at its pace, and loads neither encoder nor scene: for what the product itself
costs. The footage begins with a key frame.
"""

import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from simulators.camera.control import Strings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib

_FRAME = struct.Struct("<?I")
NAME = "footage"
US = 1_000_000


def write(folder: "pathlib.Path", frames: Iterable[tuple[bytes, bool]]) -> None:
    """Let the camera with these strings deliver these frames: each with whether it is a key frame."""
    with (folder / NAME).open("wb") as file:
        for data, keyframe in frames:
            file.write(_FRAME.pack(keyframe, len(data)) + data)


class Replay:
    """One run of the camera, in a thread of its own, from ``start`` to ``stop``; see ``simulators.camera.sensor.Sensor``."""

    sound = None

    def __init__(self, path: str, fps: int, strings: Strings, video: Callable[[bytes, bool, int], None]) -> None:
        self._path = path
        self._fps = fps
        self._strings = strings
        self._video = video
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera replay", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when nothing is handed over any more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        for number, (data, keyframe) in enumerate(self._frames()):
            if self._stopped.wait(max(0.0, began + number / self._fps - time.monotonic())):
                return
            self._strings.hand_over(number)
            self._video(data, keyframe, number * US // self._fps)

    def _frames(self) -> Iterator[tuple[bytes, bool]]:
        with open(self._path, "rb") as file:
            while True:
                head = file.read(_FRAME.size)
                if not head:
                    file.seek(0)
                    continue
                keyframe, size = _FRAME.unpack(head)
                yield file.read(size), keyframe
