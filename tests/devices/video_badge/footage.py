"""Footage for tests: pictures with their numbers, sound and sentences, made without a camera and without waiting."""

import dataclasses
import io
import pathlib

import av
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from agent.recording.manifest import Manifest
from agent.recording.unseal import open_segment
from devices.sensors.gnss import encode_nmea
from devices.video_badge.media import Item, Picture, Sentence
from simulators.camera import footage as camera
from simulators.camera.receiver import position
from simulators.camera.scene import Scene
from simulators.camera.sensor import RATE

SIZE = (160, 120)
FPS = 30
BEGIN_US = 5_000_000
UNIX_MS = 1_790_000_000_000


def footage(seconds: float) -> list[Item]:
    """What a badge's camera, microphone and receiver deliver in so many seconds, in order."""
    items: list[Item] = []
    for item in camera.footage(seconds, SIZE, FPS, 200_000, begin_us=BEGIN_US, unix_ms=UNIX_MS):
        items.append(item)
        number = (item.at_us - BEGIN_US) * FPS // 1_000_000
        if isinstance(item, Picture) and number % FPS == 10:
            items.append(Sentence(encode_nmea(position(number / FPS, item.unix_ms)), item.at_us))
    return items


SOUND = (RATE, 1)


@dataclasses.dataclass
class Played:
    """What a player finds in a segment."""

    numbers: list[int | None]
    times: list[int]
    sounds: int
    sound_rate: int


def played(mp4: bytes) -> Played:
    """Play a segment, as any player would."""
    scene = Scene(*SIZE)
    told = Played([], [], 0, 0)
    with av.open(io.BytesIO(mp4), "r") as container:
        for packet in container.demux():
            if packet.stream.type not in ("video", "audio"):
                continue
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    told.numbers.append(scene.number_in(frame.to_ndarray()[: SIZE[1]].astype(np.uint8)))
                    told.times.append(frame.pts or 0)
                elif isinstance(frame, av.AudioFrame):
                    told.sounds += 1
                    told.sound_rate = frame.sample_rate
    return told


def numbers_in(mp4: bytes) -> list[int]:
    """The numbers of a segment's pictures."""
    numbers = played(mp4).numbers
    assert None not in numbers
    return [number for number in numbers if number is not None]


def opened(spool: pathlib.Path, manifest: Manifest, custodian: EllipticCurvePrivateKey) -> bytes:
    """A segment's plaintext, by its file in the spool."""
    data = (spool / manifest.recording.hex() / f"{manifest.n:06d}.seg").read_bytes()
    return open_segment(data, custodian).plaintext
