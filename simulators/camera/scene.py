"""What the camera sees: a street that passes by, people that walk, and on top the time and the number of the frame.

The number is there twice: in digits for a person, and as a row of black and white blocks in the first lines for a test, which survives any
encoding worth its name. Frames that are missing can so be counted in the decoded pictures.
"""

import datetime as dt
import math

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Plane = NDArray[np.uint8]
BITS = 24
"""Of the frame's number in blocks, the highest first; a white block and a black one go ahead."""
SPEED = 3
"""Pixels a frame that the street moves by."""
PEOPLE = 4
BLACK, WHITE = 16, 235
DIGITS = "0123456789:.-# "


class Scene:
    """The scene at a size whose sides are even, 160 by 120 at least."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._street = _street(2 * width, height)
        self._block = max(2, width // (BITS + 2) & ~1)
        self._block_height = max(8, height // 24 & ~1)
        font = ImageFont.load_default(max(12, height // 16))
        self._glyphs = {one: _glyph(one, font) for one in DIGITS}
        self._picture = np.empty((height * 3 // 2, width), dtype=np.uint8)

    def frame(self, number: int, unix_ms: int) -> Plane:
        """The frame as planar YUV 4:2:0, its planes one below the other. The same array each time."""
        picture, width, height = self._picture, self.width, self.height
        # Back and forth, for the street has an end.
        at = SPEED * number % (2 * width)
        at = (at if at < width else 2 * width - at - 1) & ~1
        chroma = height // 4
        picture[:height] = self._street[:height, at : at + width]
        for plane in (0, 1):
            rows = self._street[
                height + plane * height // 2 : height + (plane + 1) * height // 2, at // 2 : (at + width) // 2
            ]
            picture[height + plane * chroma : height + (plane + 1) * chroma] = rows.reshape(chroma, width)
        self._draw_people(number)
        self._draw_number(number)
        when = dt.datetime.fromtimestamp(unix_ms / 1000, dt.UTC)
        self._write(f"{when:%Y-%m-%d %H:%M:%S}.{unix_ms % 1000:03} #{number}")
        return picture

    def number_in(self, luma: Plane) -> int | None:
        """The number of a frame by its blocks in the luma plane of a decoded picture, None if there are none."""
        row = luma[2 : self._block_height - 2]
        levels = [float(row[:, n * self._block + 1 : (n + 1) * self._block - 1].mean()) for n in range(BITS + 2)]
        if levels[0] < 128 or levels[1] >= 128:
            return None
        return int("".join("1" if level >= 128 else "0" for level in levels[2:]), 2)

    def _draw_people(self, number: int) -> None:
        width, height = self.width, self.height
        tall = height // 3
        for person in range(PEOPLE):
            step = number * (2 + person) + person * width // PEOPLE
            x = step % (width - tall // 2)
            y = height - tall - height // 12 + round(3 * math.sin(step / 5))
            self._paint(x, y, tall // 3, tall, 60 + 40 * person, 100 + 20 * person, 160 - 20 * person)
            self._paint(x + tall // 12, y - tall // 6, tall // 6, tall // 6, 170, 115, 145)

    def _paint(self, x: int, y: int, wide: int, high: int, *colour: int) -> None:
        """A rectangle in a colour of luma and two chromas."""
        self._picture[y : y + high, x : x + wide] = colour[0]
        quarter = self.height // 4
        for plane in (0, 1):
            begin = self.height + plane * quarter
            chroma = self._picture[begin : begin + quarter].reshape(self.height // 2, self.width // 2)
            chroma[y // 2 : (y + high) // 2, x // 2 : (x + wide) // 2] = colour[1 + plane]

    def _draw_number(self, number: int) -> None:
        bits = f"10{number % (1 << BITS):0{BITS}b}"
        for n, bit in enumerate(bits):
            self._picture[: self._block_height, n * self._block : (n + 1) * self._block] = (
                WHITE if bit == "1" else BLACK
            )

    def _write(self, text: str) -> None:
        x, y = 8, self._block_height + 6
        for one in text:
            glyph = self._glyphs[one]
            high, wide = glyph.shape
            if x + wide > self.width:
                return
            self._picture[y : y + high, x : x + wide] = glyph
            x += wide


def _glyph(one: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Plane:
    box = font.getbbox("0")
    wide, high = math.ceil(font.getlength(one)) or 4, math.ceil(box[3]) + 4
    image = Image.new("L", (wide, high), BLACK)
    ImageDraw.Draw(image).text((0, 0), one, fill=WHITE, font=font)
    return np.asarray(image, dtype=np.uint8)


def _street(width: int, height: int) -> Plane:
    """A row of houses, as planar YUV 4:2:0: luma, then both chroma planes in full rows of half the width."""
    image = Image.new("RGB", (width, height), (150, 190, 225))
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(5)
    ground = height * 4 // 5
    x = 0
    while x < width:
        wide = int(rng.integers(height // 4, height // 2))
        top = int(rng.integers(height // 6, height // 2))
        colour = tuple(int(level) for level in rng.integers(90, 210, 3))
        draw.rectangle((x, top, x + wide - 4, ground), fill=colour)
        for row in range(top + 12, ground - 24, 28):
            for column in range(x + 8, x + wide - 20, 24):
                lit = rng.random() < 0.4
                draw.rectangle((column, row, column + 12, row + 16), fill=(250, 225, 130) if lit else (50, 60, 80))
        x += wide
    draw.rectangle((0, ground, width, height), fill=(90, 90, 95))
    for x in range(0, width, height // 4):
        draw.rectangle((x, height - height // 10, x + height // 8, height - height // 10 + 6), fill=(230, 230, 230))
    yuv = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(format="yuv420p").to_ndarray()
    chroma = yuv[height:].reshape(2, height // 2, width // 2)
    whole = np.zeros((2 * height, width), dtype=np.uint8)
    whole[:height] = yuv[:height]
    whole[height : height + height // 2, : width // 2] = chroma[0]
    whole[height + height // 2 :, : width // 2] = chroma[1]
    return whole
