"""What the recorder's threads tell the logic: small immutable records, handed over as inputs."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Began:
    """A recording began; ``pre_ms`` of it were before."""

    recording: bytes
    trigger: str
    pre_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A segment is on the disk: the data of its event, see ``agent.recording.manifest``."""

    data: dict[str, object]


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """A recording is over, ``by`` whatever ended it, with so many segments and milliseconds, None where that is not known.

    ``resume``: it was cut a moment ago, and whoever wore the badge believes that it still records.
    """

    recording: bytes
    by: str
    segments: int
    duration_ms: int | None
    resume: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """For so long nothing was recorded, because of the ``camera`` or the ``storage``."""

    recording: bytes
    for_ms: int
    input: str


@dataclasses.dataclass(frozen=True, slots=True)
class Frames:
    """The camera delivers: so many frames since the last such report, of which so many should have come and did not."""

    count: int
    missing: int


@dataclasses.dataclass(frozen=True, slots=True)
class Camera:
    """The camera cannot be used, and why; None: it can."""

    trouble: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """So much of the room for recordings is taken."""

    percent: int


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """Recordings cannot be written, and why; None: they can."""

    trouble: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Untaken:
    """A segment that the center does not take, and why; it is kept."""

    why: str
