"""Real H.264 for the stream's tests: small pictures, encoded once."""

from fractions import Fraction

import av
import numpy as np
import pytest

GOP = 10
FPS = 30


def encoded(count: int, size: tuple[int, int] = (64, 48), options: dict[str, str] | None = None) -> list[bytes]:
    """Access units of a moving picture as a byte stream, a key frame every ``GOP``."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.gop_size = GOP
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", **(options or {})}
    units = []
    for number in range(count):
        plane = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
        plane[: size[1], number % size[0] :] = 30 + number
        frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
        frame.pts = number
        units += [bytes(packet) for packet in encoder.encode(frame)]
    return units + [bytes(packet) for packet in encoder.encode(None)]


@pytest.fixture(scope="session")
def units() -> list[bytes]:
    return encoded(40)
