"""Signed clips out of real footage, as lists of access units that a test can tamper with, and as files."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import av

from agent.recording.stream import nal, sei
from agent.recording.stream.fmp4 import Audio, Muxer, Sample, Track, Video
from agent.recording.stream.media_signing import MediaSigner
from devices.video_badge.media import Item, Picture, Sound
from tests.center.scripted import Device
from tests.devices.video_badge.footage import FPS, SOUND

GOP = FPS
TICKS = 90_000 // FPS
Unit = list[bytes]
"""The NAL units of one access unit."""


def signed(items: Sequence[Item], device: Device, *, close_every: int = 2 * GOP) -> list[Unit]:
    """The access units with their signatures, closed after every so many pictures."""
    signer = MediaSigner(device.signer, device.certificates, sei.Vendor("1", device.name, "dabyl"))
    units = []
    for number, picture in enumerate(item for item in items if isinstance(item, Picture)):
        unit = signer.unit(nal.split(picture.data), picture.unix_ms)
        if (number + 1) % close_every == 0:
            unit += signer.close(picture.unix_ms + 1000 // FPS)
        units.append(unit)
    return units


def without_signatures(units: Iterable[Unit]) -> list[Unit]:
    return [[one for one in unit if not sei.is_signing(one)] for unit in units]


def flipped(unit: Unit) -> Unit:
    """With one bit of its first slice changed."""
    number = next(number for number, one in enumerate(unit) if nal.is_slice(one))
    changed = bytearray(unit[number])
    changed[len(changed) // 2] ^= 1
    return [*unit[:number], bytes(changed), *unit[number + 1 :]]


def mp4(units: Sequence[Unit], sounds: Sequence[Sound] = (), *, ticks: int = TICKS) -> bytes:
    """A file; each picture is shown for ``ticks``."""
    parameters = {nal.kind(one): one for unit in units for one in unit if nal.kind(one) in (nal.SPS, nal.PPS)}
    tracks: list[Track] = [Video(parameters[nal.SPS], parameters[nal.PPS])]
    if sounds:
        tracks.append(Audio(*SOUND))
    muxer = Muxer(tracks)
    out = muxer.header()
    for begin in range(0, len(units), 6):
        pictures = [
            Sample(
                nal.joined(one for one in unit if nal.kind(one) not in (nal.SPS, nal.PPS, nal.DELIMITER)),
                (begin + number) * ticks,
                ticks,
                keyframe=any(nal.kind(one) == nal.IDR for one in unit),
            )
            for number, unit in enumerate(units[begin : begin + 6])
        ]
        some = sounds[begin * len(sounds) // len(units) : (begin + 6) * len(sounds) // len(units)]
        first = begin * len(sounds) // len(units)
        heard = [Sample(sound.data, (first + number) * 1024, 1024) for number, sound in enumerate(some)]
        out += b"".join(muxer.fragment([pictures, heard] if sounds else [pictures]))
    return out


def remuxed(source: bytes, path: Path) -> Path:
    """The same in the container that the file's name says, as anybody's tools would do it."""
    with av.open(io.BytesIO(source), "r") as container, av.open(str(path), "w") as out:
        streams = {
            one.index: out.add_stream_from_template(one) for one in container.streams if one.type in ("video", "audio")
        }
        for packet in container.demux():
            if packet.size and packet.stream.index in streams:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return path
