"""``picamera2.encoders``: the H.264 encoder of the hardware, with the sound that any encoder can bring along."""

import threading
from typing import Any

from picamera2.outputs import Output

__all__ = ["Encoder", "H264Encoder"]


class Encoder:
    """The base of all encoders: outputs and sound."""

    bitrate: int | None
    iperiod: int | None

    def __init__(self) -> None:
        self._output: list[Output] = []
        self._output_lock = threading.Lock()
        self.size = (0, 0)
        self.audio = False
        self.audio_input = {"file": "default", "format": "pulse"}
        self.audio_output = {"codec_name": "aac"}
        self.audio_sync = -100_000

    @property
    def output(self) -> Output | list[Output]:
        """Where frames go."""
        return self._output[0] if len(self._output) == 1 else self._output

    @output.setter
    def output(self, value: Output | list[Output]) -> None:
        outputs = value if isinstance(value, list) else [value]
        if not all(isinstance(one, Output) for one in outputs):
            raise RuntimeError("Must pass Output")
        self._output = outputs

    def start(self) -> None:
        """The camera attaches the encoder."""
        for output in self._output:
            output.start()

    def stop(self) -> None:
        """The camera detaches it."""
        for output in self._output:
            output.stop()

    def outputframe(
        self,
        frame: bytes | None,
        keyframe: bool | None = True,
        timestamp: int | None = None,
        packet: Any = None,
        audio: bool = False,
    ) -> None:
        """Hand on to all outputs, one thing at a time."""
        with self._output_lock:
            for output in self._output:
                output.outputframe(frame, keyframe, timestamp, packet, audio)

    def take_video(self, frame: bytes, keyframe: bool, at_us: int) -> None:
        """A frame from the sensor's side."""
        self.outputframe(frame, keyframe, at_us)

    def take_audio(self, packet: Any, at_us: int) -> None:
        """A packet of sound from the microphone's side."""
        self.outputframe(None, True, at_us, packet, True)

    def add_sound(self, stream: Any) -> None:
        """There will be sound."""
        for output in self._output:
            output._add_stream(stream, **self.audio_output)  # noqa: SLF001  the hook that the real one calls


class H264Encoder(Encoder):
    """H.264 as the hardware makes it: no B frames, one slice a frame."""

    def __init__(
        self,
        bitrate: int | None = None,
        repeat: bool = True,
        iperiod: int | None = None,
        framerate: float | None = None,
        enable_sps_framerate: bool = False,
        qp: int | None = None,
        profile: str | None = None,
    ) -> None:
        super().__init__()
        self.bitrate = bitrate
        self.repeat = repeat
        self.iperiod = iperiod
        self.framerate = framerate
        self.enable_sps_framerate = enable_sps_framerate
        self.qp = qp
        self.profile = profile

    def start(self) -> None:
        """The outputs learn what kind of stream this is."""
        for output in self._output:
            output._add_stream("video", "h264")  # noqa: SLF001  the hook that the real one calls
        super().start()
