"""The sequence parameter set (ITU-T H.264 §7.3.2.1.1): the picture's size, which containers repeat and which no stream signature covers."""

from dataclasses import dataclass

from agent.recording.stream import nal
from agent.recording.stream.errors import StreamError

MAX_SIDE = 16384
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128})
_MAX_CYCLE = 255
_MAX_LEADING_ZEROS = 31


@dataclass(frozen=True, slots=True)
class Picture:
    """What the parameter set says about pictures: pixels after cropping; ``profile``, ``constraints`` and ``level`` as coded."""

    width: int
    height: int
    profile: int
    constraints: int
    level: int


class _Bits:
    """Bits from the left, and the Exp-Golomb numbers of §9.1."""

    def __init__(self, raw: bytes) -> None:
        self._value = int.from_bytes(raw, "big")
        self._left = len(raw) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise StreamError("the sequence parameter set ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MAX_LEADING_ZEROS:
                raise StreamError("the sequence parameter set holds a number that is too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def read(unit: bytes) -> Picture:
    """What a sequence parameter set (a whole NAL unit) says.

    Raises:
        StreamError: it is none, it ends too early, or it tells an impossible picture.
    """
    if len(unit) < 4 or nal.kind(unit) != nal.SPS:
        raise StreamError("no sequence parameter set")
    bits = _Bits(nal.unprotect(unit[4:]))
    bits.unsigned()  # seq_parameter_set_id
    chroma = 1
    if unit[1] in _HIGH_PROFILES:
        chroma = _high_profile(bits)
    bits.unsigned()  # log2_max_frame_num_minus4
    _picture_order(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.take(1)  # gaps_in_frame_num_value_allowed_flag
    columns = bits.unsigned() + 1
    rows = bits.unsigned() + 1
    frames_only = bits.take(1)
    if not frames_only:
        bits.take(1)  # mb_adaptive_frame_field_flag
    bits.take(1)  # direct_8x8_inference_flag
    width, height = columns * 16, rows * 16 * (2 - frames_only)
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1) * (2 - frames_only)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise StreamError(f"the sequence parameter set tells a picture of {width} by {height} pixels")
    return Picture(width, height, unit[1], unit[2], unit[3])


def _high_profile(bits: _Bits) -> int:
    """Read over what only the high profiles have; the chroma format."""
    chroma = bits.unsigned()
    if chroma > 3:
        raise StreamError(f"the sequence parameter set tells a chroma format {chroma}")
    if chroma == 3:
        bits.take(1)  # separate_colour_plane_flag
    bits.unsigned()  # bit_depth_luma_minus8
    bits.unsigned()  # bit_depth_chroma_minus8
    bits.take(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.take(1):
        for number in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _scaling_list(bits, 16 if number < 6 else 64)
    return chroma


def _scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _picture_order(bits: _Bits) -> None:
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()  # log2_max_pic_order_cnt_lsb_minus4
    elif order == 1:
        bits.take(1)  # delta_pic_order_always_zero_flag
        bits.signed()  # offset_for_non_ref_pic
        bits.signed()  # offset_for_top_to_bottom_field
        count = bits.unsigned()
        if count > _MAX_CYCLE:
            raise StreamError(f"the sequence parameter set tells a cycle of {count} frames")
        for _ in range(count):
            bits.signed()
