"""What camera, microphone and receiver deliver, in the order in which it comes."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """One frame, encoded: an access unit as a byte stream. ``at_us`` is monotonic, ``unix_ms`` the time of day as the badge knows it."""

    data: bytes
    keyframe: bool
    at_us: int
    unix_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Sound:
    """One frame of AAC, without a header."""

    data: bytes
    at_us: int


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """What the receiver said: one NMEA sentence."""

    data: bytes
    at_us: int


Item = Picture | Sound | Sentence
