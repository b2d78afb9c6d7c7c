"""``picamera2`` as far as a recorder uses it: the same names, arguments, threads and times as the real one, over a simulated sensor. There
is no sound through PulseAudio, which no service has.

Found instead of the real one by a process whose PYTHONPATH begins with the folder that this package is in.
"""

from typing import Any

from picamera2.encoders import Encoder
from picamera2.outputs import Output
from simulators.camera.control import Strings

__all__ = ["Picamera2"]


class Picamera2:
    """One camera. As with the real one, it is an IndexError if there is none, and a RuntimeError to use it out of order."""

    def __init__(self, camera_num: int = 0) -> None:
        self._strings = Strings.of_environment()
        if camera_num != 0 or self._strings.faults().absent:
            raise IndexError("list index out of range")
        self.camera_config: dict[str, Any] | None = None
        self.started = False
        self._encoder: Encoder | None = None
        self._sensor: Any = None

    def create_video_configuration(
        self, main: dict[str, Any] | None = None, *, controls: dict[str, Any] | None = None, **_other: Any
    ) -> dict[str, Any]:
        """A configuration for video."""
        return {
            "use_case": "video",
            "main": {"size": (1280, 720), "format": "XBGR8888", **(main or {})},
            "controls": {"FrameRate": 30, **(controls or {})},
        }

    def configure(self, camera_config: dict[str, Any]) -> None:
        """Set the camera up."""
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        self.camera_config = camera_config

    def start_encoder(self, encoder: Encoder, output: Output | None = None) -> None:
        """Attach an encoder, which begins with the camera."""
        if self.camera_config is None:
            raise RuntimeError("Camera has not been configured")
        if output is not None:
            encoder.output = output
        encoder.size = self.camera_config["main"]["size"]
        self._encoder = encoder
        encoder.start()
        if self.started:
            self._begin()

    def start(self) -> None:
        """Let the camera run."""
        if self.camera_config is None:
            raise RuntimeError("Camera has not been configured")
        self.started = True
        if self._encoder is not None:
            self._begin()

    def stop_encoder(self, _encoders: Encoder | None = None) -> None:
        """Detach the encoder."""
        self._end()
        if self._encoder is not None:
            self._encoder.stop()
            self._encoder = None

    def stop(self) -> None:
        """Let the camera rest."""
        self._end()
        self.started = False

    def close(self) -> None:
        """Give it back."""
        if self.started:
            self.stop()
        self._strings.close()

    def _begin(self) -> None:
        assert self.camera_config is not None
        assert self._encoder is not None
        encoder = self._encoder
        fps = round(self.camera_config["controls"]["FrameRate"])
        footage = self._strings.footage()
        if footage is not None:
            from simulators.camera.replay import Replay  # noqa: PLC0415  one or the other

            self._sensor = Replay(footage, fps, self._strings, encoder.take_video)
        else:
            from simulators.camera.sensor import Sensor  # noqa: PLC0415  as above

            self._sensor = Sensor(
                self.camera_config["main"]["size"],
                fps,
                encoder.bitrate or 4_000_000,
                encoder.iperiod or fps,
                self._strings,
                encoder.take_video,
                encoder.take_audio if encoder.audio and encoder.audio_input["format"] == "alsa" else None,
            )
        if self._sensor.sound is not None:
            encoder.add_sound(self._sensor.sound)
        self._sensor.start()

    def _end(self) -> None:
        if self._sensor is not None:
            self._sensor.stop()
            self._sensor = None
