"""The simulated camera as a program finds it: real H.264 and sound at true pace, frames that can be counted, and its faults."""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import pytest

from devices.sensors.gnss import Decoder
from devices.sensors.readings import Fix
from simulators.camera.control import Control, Faults
from simulators.camera.receiver import PLACE_E7, Receiver, position
from simulators.camera.scene import Scene

SIZE = (320, 240)
PROGRAM = """
import json, sys, time
from picamera2 import Picamera2
from picamera2.encoders import H264Encoder
from picamera2.outputs import Output

class Take(Output):
    def __init__(self):
        super().__init__()
        self.video, self.sound, self.streams = [], [], []
    def outputframe(self, frame, keyframe=True, timestamp=None, packet=None, audio=False):
        if audio:
            self.sound.append((timestamp, len(bytes(packet))))
        else:
            self.video.append((timestamp, keyframe, frame.hex()))
    def _add_stream(self, encoder_stream, *args, **kwargs):
        self.streams.append(kwargs.get("codec_name") or args[0])

camera = Picamera2()
camera.configure(camera.create_video_configuration(main={"size": (320, 240), "format": "YUV420"}, controls={"FrameRate": 30}))
encoder = H264Encoder(bitrate=400_000, repeat=True, iperiod=30)
encoder.audio = True
encoder.audio_input = {"file": "default", "format": "alsa"}
take = Take()
camera.start_encoder(encoder, take)
camera.start()
time.sleep(float(sys.argv[1]))
camera.stop_encoder()
camera.stop()
camera.close()
json.dump({"video": take.video, "sound": take.sound, "streams": take.streams}, sys.stdout)
"""


def taken(control: Control, seconds: float) -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seconds)],
        env=control.environment(os.environ),
        capture_output=True,
        timeout=30,
        check=True,
    )
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def numbers(video: Sequence[tuple[int, bool, str]]) -> list[int | None]:
    """The frame numbers in the decoded pictures."""
    decoder = av.CodecContext.create("h264", "r")
    scene = Scene(*SIZE)
    packets = [av.Packet(bytes.fromhex(frame)) for _at, _key, frame in video]
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    return [scene.number_in(picture.to_ndarray()[: SIZE[1]].astype(np.uint8)) for picture in pictures]


def test_every_frame_is_there_with_its_number_its_time_and_sound(tmp_path: pathlib.Path) -> None:
    control = Control(tmp_path)
    told = taken(control, 1.6)
    video = told["video"]
    assert numbers(video) == list(range(len(video)))
    assert [at for at, _key, _frame in video] == [n * 1_000_000 // 30 for n in range(len(video))]
    assert [n for n, one in enumerate(video) if one[1]] == list(range(0, len(video), 30))
    assert told["streams"] == ["h264", "aac"]
    assert [number for number, _at_ns in control.handed()] == list(range(len(video)))
    assert 20 <= len(video) <= 60
    first = told["sound"][0][0]
    assert all(abs(at - first - n * 1024e6 / 48_000) < 3 for n, (at, _size) in enumerate(told["sound"]))
    assert len(told["sound"]) > 40


def test_what_is_lost_is_missing_in_numbers_and_times(tmp_path: pathlib.Path) -> None:
    control = Control(tmp_path)
    control.set(Faults(drop_every=7, throttle=2))
    video = taken(control, 0.8)["video"]
    shown = numbers(video)
    expected = [n for n in range((shown[-1] or 0) + 1) if n == 0 or (n % 2 == 0 and n % 7)]
    assert shown == expected
    assert [at for at, _key, _frame in video] == [n * 1_000_000 // 30 for n in expected]


def test_a_frozen_camera_delivers_no_more_and_an_absent_one_is_none(tmp_path: pathlib.Path) -> None:
    control = Control(tmp_path)
    control.set(Faults(frozen=True))
    assert len(taken(control, 0.5)["video"]) == 1
    control.set(Faults(absent=True))
    with pytest.raises(subprocess.CalledProcessError) as failed:
        taken(control, 0.1)
    assert b"IndexError" in failed.value.stderr


def test_a_receiver_says_where_it_is_and_when_it_does_not_know(tmp_path: pathlib.Path) -> None:
    receiver = Receiver(tmp_path / "gnss", every_s=0.02)
    descriptor = os.open(tmp_path / "gnss", os.O_RDONLY | os.O_NOCTTY)
    try:
        receiver.start()
        decoder = Decoder()
        fixes: list[Fix] = []
        while len(fixes) < 3:
            fixes += decoder.feed(os.read(descriptor, 4096), 0)
        receiver.sees = False
        understood = decoder.understood
        before = len(fixes)
        while decoder.understood < understood + 5:
            fixes += decoder.feed(os.read(descriptor, 4096), 0)
        assert len(fixes) <= before + 2
    finally:
        receiver.close()
        os.close(descriptor)
    assert all(abs(fix.latitude_e7 - PLACE_E7[0]) < 10_000 for fix in fixes)


def test_somebody_who_walks_comes_round() -> None:
    begun, round_trip = position(0, 0), position(2 * 3.14159265 * 60, 0)
    assert abs(begun.latitude_e7 - round_trip.latitude_e7) <= 1
    assert position(60, 0).latitude_e7 > begun.latitude_e7
