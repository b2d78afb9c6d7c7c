"""Sensor, encoder and microphone at true pace: frames of the scene through libx264, a beep each second through AAC.

A frame's number and time are those of the sensor's clock: what is dropped, frozen or throttled leaves a hole in both. If the machine is too
slow for the pace, frames are lost as on a real one, once it is a second behind.
"""

import random
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext

from simulators.camera.control import Strings
from simulators.camera.scene import Scene

RATE = 48_000
TONE_HZ = 880
TONE_MS = 120
BEHIND_S = 1.0
US = 1_000_000

VideoOut = Callable[[bytes, bool, int], None]
"""Takes a frame, whether it is a key frame, and its microseconds since the first one."""
AudioOut = Callable[[Any, int], None]
"""Takes a packet of sound and its microseconds since the first frame."""


class Sensor:
    """One run of the camera, in a thread of its own, from ``start`` to ``stop``.

    Args:
        size: width and height.
        fps: frames a second.
        bitrate: of the pictures, in bit/s.
        iperiod: frames from a key frame to the next.
        strings: what is wrong with it.
        video: takes frames.
        audio: takes sound, None without a microphone.
    """

    def __init__(
        self,
        size: tuple[int, int],
        fps: int,
        bitrate: int,
        iperiod: int,
        strings: Strings,
        video: VideoOut,
        audio: AudioOut | None,
    ) -> None:
        self._scene = Scene(*size)
        self._fps = fps
        self._strings = strings
        self._video = video
        self._audio = audio
        self._encoder = encoder(size, fps, bitrate, iperiod)
        self._microphone = Microphone() if audio is not None else None
        self._random = random.Random(1)  # noqa: S311  reproducible, no secrets
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera sensor", daemon=True)

    @property
    def sound(self) -> "AudioStream | None":
        """The stream that packets of sound belong to."""
        return None if self._microphone is None else self._microphone.stream

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when nothing is handed over any more."""
        self._stopped.set()
        self._thread.join()
        if self._microphone is not None:
            self._microphone.close()

    def _run(self) -> None:
        began = time.monotonic()
        number = 0
        while not self._stopped.is_set():
            faults = self._strings.faults()
            wait_s = began + number / self._fps - time.monotonic()
            if wait_s < -BEHIND_S:
                number = int((time.monotonic() - began) * self._fps) + 1
                continue
            late_s = self._random.random() * faults.jitter_ms / 1000
            if self._stopped.wait(max(0.0, wait_s) + late_s):
                return
            lost = faults.frozen or number % faults.throttle or (faults.drop_every and number % faults.drop_every == 0)
            if not lost or number == 0:
                self._deliver(number)
            self._listen(number)
            number += 1

    def _deliver(self, number: int) -> None:
        picture = self._scene.frame(number, time.time_ns() // 1_000_000)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number * US // self._fps
        for packet in self._encoder.encode(frame):
            self._strings.hand_over(number)
            self._video(bytes(packet), packet.is_keyframe, frame.pts)

    def _listen(self, number: int) -> None:
        if self._microphone is None or self._audio is None:
            return
        for packet, at_us in self._microphone.until((number + 1) * US // self._fps):
            self._audio(packet, at_us)


class Microphone:
    """A low noise, and a beep at the beginning of each second. ``stream`` is what its packets belong to."""

    def __init__(self) -> None:
        self._container = av.open("/dev/null", "w", format="null")
        self.stream = self._container.add_stream("aac", rate=RATE, layout="mono")
        self.stream.bit_rate = 64_000
        times = np.arange(RATE) / RATE
        beep = np.where(times < TONE_MS / 1000, np.sin(2 * np.pi * TONE_HZ * times) * 0.4, 0)
        self._second = (beep + np.random.default_rng(3).normal(0, 0.004, RATE)).astype(np.float32)
        self._samples = 0

    def until(self, at_us: int) -> list[tuple[Any, int]]:
        """The packets of sound up to a time, each with its own."""
        packets = []
        while (self._samples + 1024) * US // RATE <= at_us:
            begin = self._samples % RATE
            block = np.take(self._second, range(begin, begin + 1024), mode="wrap").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate = RATE
            frame.pts = self._samples
            frame.time_base = Fraction(1, RATE)
            self._samples += 1024
            packets += [(one, (one.pts or 0) * US // RATE) for one in self.stream.encode(frame)]
        return [(packet, at) for packet, at in packets if at >= 0]

    def close(self) -> None:
        """No more."""
        self._container.close()


def encoder(size: tuple[int, int], fps: int, bitrate: int, iperiod: int) -> VideoCodecContext:
    """H.264 as a camera's hardware makes it: no B frames, parameter sets before each key frame."""
    made = av.CodecContext.create("libx264", "w")
    assert isinstance(made, VideoCodecContext)
    made.width, made.height = size
    made.pix_fmt = "yuv420p"
    made.time_base = Fraction(1, US)
    made.framerate = Fraction(fps)
    made.bit_rate = bitrate
    made.gop_size = iperiod
    made.thread_count = 1
    # A hardware encoder knows no B frames, and begins each group with its parameter sets; so does this.
    made.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"scenecut=0:keyint={iperiod}:min-keyint={iperiod}",
    }
    return made
