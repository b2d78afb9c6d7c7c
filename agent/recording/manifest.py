"""What the signed event ``recording.segment`` says of a segment: the one place that both the badge and a verifier take it from.

The signature in the video stream covers the pictures. This covers what that one by its specification does not: the parameter sets, the
container's times, the sound and the positions (``content``, see ``agent.recording.stream.content``); and, over the file as it lies on
the disk, everything at once. ``prev`` chains the segments of a recording, so that none can be left out, or put in another place.
"""

import dataclasses
import hashlib

from agent.wire import cbor

TYPE = "recording.segment"
RECORDING_LENGTH = 16
HASH_LENGTH = 32
KID_LENGTH = 8
FIRST_PREV = bytes(HASH_LENGTH)
"""``prev`` of a recording's first segment."""
SEGMENTS_MAX = 999_999
"""Of one recording: 23 days."""
KEY_MAX = 512
"""Bytes of a wrapped key at most."""
RECOVERED = "recovered"
"""The trigger of a segment that was found without its manifest after a restart: the badge cannot read what it has encrypted."""
TRIGGERS = ("button", "command", "alarm", "duress", "restart", RECOVERED)
_UINT = (1 << 53) - 1


class ManifestError(ValueError):
    """The data of a ``recording.segment`` is not what it has to be. The text names the key."""


@dataclasses.dataclass(frozen=True, slots=True)
class Contents:
    """What is known of a segment that was written to its end.

    Args:
        at: milliseconds since 1970 UTC of the first frame, as the badge knew them.
        duration_ms: from the first frame to where the next segment begins.
        plain_sha256: over the segment before its encryption.
        frames: of video.
        missing: frames that the camera did not deliver, by their times.
        content: hashes over what is in it, see ``agent.recording.stream.content``.
    """

    at: int
    duration_ms: int
    plain_sha256: bytes
    frames: int
    missing: int
    content: dict[str, object]


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """One segment.

    Args:
        recording: its recording.
        n: its number in the recording, from 1, without holes.
        size: bytes of its file.
        sha256: over its file.
        prev: ``digest`` of the segment before.
        trigger: what began the recording.
        custodian: the identifier of the key that can open it.
        key: its own key, wrapped for that one.
        contents: None if it was recovered.
        last: the recording ends with it.
    """

    recording: bytes
    n: int
    size: int
    sha256: bytes
    prev: bytes
    trigger: str
    custodian: bytes
    key: bytes
    contents: Contents | None
    last: bool = False

    def data(self) -> dict[str, object]:
        """The event's data."""
        data: dict[str, object] = {
            "recording": self.recording,
            "n": self.n,
            "bytes": self.size,
            "sha256": self.sha256,
            "prev": self.prev,
            "trigger": self.trigger,
            "custodian": self.custodian,
            "key": self.key,
        }
        known = self.contents
        if known is not None:
            data |= {
                "at": known.at,
                "duration_ms": known.duration_ms,
                "plain_sha256": known.plain_sha256,
                "frames": known.frames,
                "content": known.content,
            }
            if known.missing:
                data["missing"] = known.missing
        if self.last:
            data["last"] = True
        return data

    @classmethod
    def of(cls, data: object) -> "Manifest":
        """A segment out of an event's data, whose signature was verified. Keys that are not known are left aside.

        Raises:
            ManifestError: it is no such data.
        """
        if not isinstance(data, dict):
            raise ManifestError("recording.segment: the data is no map")
        trigger = data.get("trigger")
        if trigger not in TRIGGERS:
            raise ManifestError("recording.segment: 'trigger' is none of " + ", ".join(TRIGGERS))
        contents = None
        if trigger != RECOVERED:
            content = data.get("content")
            if not isinstance(content, dict):
                raise ManifestError("recording.segment: 'content' is no map")
            contents = Contents(
                _uint(data, "at"),
                _uint(data, "duration_ms"),
                _octets(data, "plain_sha256", HASH_LENGTH),
                _uint(data, "frames"),
                _uint(data, "missing") if "missing" in data else 0,
                content,
            )
        key = data.get("key")
        if not isinstance(key, bytes) or not 0 < len(key) <= KEY_MAX:
            raise ManifestError(f"recording.segment: 'key' is no byte string of 1 to {KEY_MAX} bytes")
        n = _uint(data, "n")
        if not 1 <= n <= SEGMENTS_MAX:
            raise ManifestError(f"recording.segment: 'n' is not 1 to {SEGMENTS_MAX}")
        return cls(
            _octets(data, "recording", RECORDING_LENGTH),
            n,
            _uint(data, "bytes"),
            _octets(data, "sha256", HASH_LENGTH),
            _octets(data, "prev", HASH_LENGTH),
            trigger,
            _octets(data, "custodian", KID_LENGTH),
            key,
            contents,
            _flag(data, "last"),
        )


def digest(data: dict[str, object]) -> bytes:
    """What the next segment of the recording has as ``prev``: SHA-256 over the event's data as it is encoded in the event."""
    return hashlib.sha256(cbor.dumps(data)).digest()


def _uint(data: dict[str, object], name: str) -> int:
    value = data.get(name)
    if type(value) is not int or not 0 <= value <= _UINT:
        raise ManifestError(f"recording.segment: '{name}' is no whole number from 0 to 2^53 - 1")
    return value


def _octets(data: dict[str, object], name: str, length: int) -> bytes:
    value = data.get(name)
    if not isinstance(value, bytes) or len(value) != length:
        raise ManifestError(f"recording.segment: '{name}' is no byte string of {length} bytes")
    return value


def _flag(data: dict[str, object], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise ManifestError(f"recording.segment: '{name}' is neither true nor false")
    return value
