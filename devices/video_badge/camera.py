"""The camera through picamera2's own interface: an output of ours behind its H.264 encoder, opened, watched, and opened again.

A camera that is not there, goes away or freezes is an ordinary state. picamera2 comes with Raspberry Pi OS (``python3-picamera2``).
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from picamera2 import Picamera2
from picamera2.encoders import H264Encoder
from picamera2.outputs import Output

from devices.video_badge.media import Item, Picture, Sound
from devices.video_badge.reports import Camera

AGAIN_S = (1.0, 2.0, 5.0, 10.0)
"""Pauses before the camera is opened again; the last one repeats."""
SILENT_S = 10.0
LOOK_S = 0.5
CLOCK_SET_MS = 3_000
"""So far the time of day may be from where the camera's clock says it is; an encoder is never so late."""
AUDIO_RATES = range(8000, 48001)


class Tap(Output):
    """Takes what the encoder makes, with the monotonic clock's times. picamera2 calls it from its encoder's threads."""

    def __init__(self, take: Callable[[Item], None], on_sound: Callable[[int, int], None]) -> None:
        super().__init__()
        self._take = take
        self._on_sound = on_sound
        self._base_us: int | None = None
        self._ahead_ms = 0  # of the monotonic clock
        self.heard = time.monotonic()
        """When the last picture came."""

    def outputframe(
        self,
        frame: bytes | None,
        keyframe: bool | None = True,
        timestamp: int | None = None,
        packet: Any = None,
        audio: bool = False,
    ) -> None:
        """Hand on a picture or a sound."""
        if timestamp is None:
            return
        if audio:
            if packet is not None and self._base_us is not None:
                self._take(Sound(bytes(packet), self._base_us + timestamp))
        elif frame is not None:
            self.heard = time.monotonic()
            if self._base_us is None:
                self._base_us = int(self.heard * 1_000_000) - timestamp
            at_us = self._base_us + timestamp
            self._take(Picture(bytes(frame), bool(keyframe), at_us, self._time_of_day(at_us)))

    def _time_of_day(self, at_us: int) -> int:
        """By the camera's clock, whatever the encoder's queue; anew where the badge's own clock was set."""
        now_ms = time.time_ns() // 1_000_000
        if abs(self._ahead_ms + at_us // 1000 - now_ms) > CLOCK_SET_MS:
            self._ahead_ms = now_ms - at_us // 1000
        return self._ahead_ms + at_us // 1000

    def _add_stream(self, encoder_stream: Any, *_args: Any, **_kwargs: Any) -> None:
        """The encoder says what it makes: of sound, rate and channels."""
        context = getattr(encoder_stream, "codec_context", None)
        rate, layout = getattr(context, "sample_rate", None), getattr(context, "layout", None)
        if type(rate) is int and rate in AUDIO_RATES and layout is not None:
            self._on_sound(rate, layout.nb_channels)


class CameraKeeper:
    """Keeps the camera running, in a thread of its own.

    Args:
        settings: width, height, fps, bitrate_kbps, sound and microphone.
        take: takes pictures and sounds, from the encoder's threads.
        on_sound: takes rate and channels of the sound before the first of it.
        report: takes a ``Camera`` when it fails, and when it is well again.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        take: Callable[[Item], None],
        on_sound: Callable[[int, int], None],
        report: Callable[[Camera], None],
    ) -> None:
        self._settings = settings
        self._take = take
        self._on_sound = on_sound
        self._report = report
        self._trouble: str | None = "not yet opened"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="badge camera", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Give the camera back; returns when it is."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                seen = self._session()
            except Exception as error:  # noqa: BLE001  picamera2, libcamera and the encoder fail in ways of their own
                seen = False
                self._tell(f"{type(error).__name__}: {error}")
            failures = 0 if seen else failures + 1
            self._stopped.wait(AGAIN_S[min(failures, len(AGAIN_S) - 1)])

    def _session(self) -> bool:
        """Open the camera and let it run until it is silent or no more wanted; whether it delivered anything."""
        whole = self._settings
        tap = Tap(self._take, self._on_sound)
        camera = Picamera2()
        try:
            main = {"size": (whole["width"], whole["height"]), "format": "YUV420"}
            camera.configure(camera.create_video_configuration(main=main, controls={"FrameRate": whole["fps"]}))
            encoder = H264Encoder(bitrate=whole["bitrate_kbps"] * 1000, repeat=True, iperiod=whole["fps"])
            encoder.audio = whole["sound"]
            encoder.audio_input = {
                "file": whole["microphone"],
                "format": "alsa",
            }  # PulseAudio is a person's, not a service's
            camera.start_encoder(encoder, tap)
            camera.start()
            begun = tap.heard
            while not self._stopped.wait(LOOK_S):
                if tap.heard > begun:
                    self._tell(None)
                if time.monotonic() - tap.heard > SILENT_S:
                    self._tell("it delivers no pictures")
                    break
            camera.stop_encoder()
            camera.stop()
        finally:
            camera.close()
        return tap.heard > begun

    def _tell(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._report(Camera(trouble))
