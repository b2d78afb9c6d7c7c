"""``picamera2.outputs``: what an encoder hands its frames to."""

from typing import Any


class Output:
    """The base of all outputs, with the hooks that the encoder calls from threads of its own."""

    def __init__(self, pts: Any = None) -> None:
        self.recording = False
        self.ptsoutput = pts
        self.needs_pacing = False

    def start(self) -> None:
        """The encoder begins."""
        self.recording = True

    def stop(self) -> None:
        """The encoder ends."""
        self.recording = False

    def outputframe(
        self,
        frame: bytes | None,
        keyframe: bool | None = True,
        timestamp: int | None = None,
        packet: Any = None,
        audio: bool = False,
    ) -> None:
        """One frame, or with ``audio`` one packet of sound. ``timestamp`` is in microseconds since the first frame."""

    def _add_stream(self, encoder_stream: Any, *args: Any, **kwargs: Any) -> None:
        """The encoder has a stream of this kind."""
