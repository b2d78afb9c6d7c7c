"""One recording's folder as it was exported: its signed manifests, read and verified, and where its segments lie."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from agent.keys.credentials import chain_from_pem
from agent.keys.errors import KeysError
from agent.recording import manifest
from agent.recording.manifest import SEGMENTS_MAX, Manifest, ManifestError
from agent.wire import cose, event, fields
from agent.wire.errors import WireError
from agent.wire.event import Event
from agent.wire.evidence import Evidence
from center.evidence import files, receipted
from center.evidence.errors import EvidenceError
from center.evidence.trust import Holder, Trust

MAX_FILES = 1_000_000
MAX_SEGMENT = 256 * 1024 * 1024
_MAX_SMALL = 65536
_MAX_CHAINS = 8
_MAX_WRONG = 8
_FOLDER = re.compile(r"[0-9a-f]{32}")
_SEGMENT = re.compile(r"[0-9]{6}\.seg")
_STOPPED = "recording.stopped"


@dataclass(frozen=True, slots=True)
class Told:
    """A proven manifest; ``digest`` is what the next one has as ``prev``."""

    manifest: Manifest
    digest: bytes
    at_ms: int


@dataclass(slots=True)
class Recording:
    """What a folder tells: proven manifests by number, the numbers of which two different ones are signed, the highest number that the
    event at its end names, the center's proven receipts by number, and what is wrong.
    """

    folder: Path
    device: str = ""
    name: str = ""
    told: dict[int, Told] = field(default_factory=dict)
    twice: set[int] = field(default_factory=set)
    stopped_at: int | None = None
    receipts: dict[int, Evidence] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether its end is signed: nothing can have been left out behind it."""
        last = self.told.get(max(self.told, default=0))
        return self.stopped_at is not None or (last is not None and last.manifest.last)

    @property
    def segments(self) -> int:
        """How many there are by all that is signed."""
        return max(self.stopped_at or 0, max(self.told, default=0), max(self.receipts, default=0))

    def unsigned(self, n: int) -> bool:
        """Whether segment ``n`` is there though no proven manifest tells of it."""
        return n not in self.told and (self.folder / f"{n:06d}.seg").exists()

    def segment(self, n: int) -> bytes | None:
        """The file of segment ``n``, None if there is none.

        Raises:
            StoreError: it cannot be read, or is longer than any segment.
        """
        return files.read(self.folder / f"{n:06d}.seg", MAX_SEGMENT)

    def note(self, text: str) -> None:
        """Tell it once."""
        if text and text not in self.notes:
            self.notes.append(text)


def folders(path: Path) -> list[Path]:
    """The folders of recordings in an exported folder, or that one itself if it is one.

    Raises:
        EvidenceError: there is none.
    """
    with files.translated(path):
        found = sorted(one for one in path.iterdir() if one.is_dir() and _FOLDER.fullmatch(one.name))
        if found:
            return found
        if any(one.suffix in (".cose", ".seg") for one in path.iterdir()):
            return [path]
    raise EvidenceError(f"{path} holds no recording: give the folder that was exported, or a video file")


def load(folder: Path, trust: Trust) -> Recording:
    """Read and verify all manifests in a recording's folder.

    Raises:
        EvidenceError: the folder cannot be read, or holds too many files.
    """
    recording = Recording(folder, name=folder.name if _FOLDER.fullmatch(folder.name) else "")
    chains = _chains(folder)
    with files.translated(folder):
        names = sorted((one.name for one in folder.iterdir()), key=lambda name: (len(name), name))
    if len(names) > MAX_FILES:
        raise EvidenceError(f"{folder} holds {len(names)} files, at most {MAX_FILES} are read")
    for name in names:
        if name.endswith(".cose"):
            try:
                made, holder = _event(folder / name, chains, trust)
                _take(recording, made, holder)
            except (WireError, ManifestError, EvidenceError) as error:
                recording.note(f"{name} proves nothing: {error}")
    recording.receipts, wrong = receipted.load(folder, names, recording.name, recording.device, trust)
    for note in wrong[:_MAX_WRONG]:
        recording.note(note)
    unsigned = [name for name in names if _SEGMENT.fullmatch(name) and int(name[:6]) not in recording.told]
    if unsigned:
        recording.note(
            f"segments without a signed manifest: {', '.join(unsigned[:8])}{' …' if len(unsigned) > 8 else ''}"
        )
    return recording


def _chains(folder: Path) -> list[list[bytes]]:
    """The certificates of the device: of the key that signed first, and of each that was renewed during the recording."""
    places = [folder / "chain.pem", folder.parent / "chain.pem"]
    first = next((place for place in places if place.exists()), None)
    if first is None:
        raise EvidenceError(f"{folder} holds no chain.pem, the certificates of the device that recorded")
    with files.translated(folder):
        renewed = sorted(folder.glob("chain-*.pem"))[:_MAX_CHAINS]
    found = []
    for place in (first, *renewed):
        contents = files.read(place, _MAX_SMALL) or b""
        try:
            found.append(chain_from_pem(contents.decode("ascii", "replace"), str(place)))
        except KeysError as error:
            raise EvidenceError(str(error)) from None
    return found


def _event(path: Path, chains: list[list[bytes]], trust: Trust) -> tuple[Event, Holder]:
    """The event in a file, proven by the device's key, and its certificates at the event's time (today if its clock was unset)."""
    envelope = files.read(path, _MAX_SMALL)
    if envelope is None:
        raise EvidenceError("it is gone")
    parts = cose.parse(envelope)
    claimed = event.decode(parts.payload)
    holders = [trust.holder(chain, claimed.at if claimed.clock else trust.now_ms) for chain in chains]
    known = [one for one in holders if not isinstance(one, str)]
    if not known:
        raise EvidenceError(str(holders[0]))
    holder = next((one for one in known if one.kid == parts.headers.get(cose.KID)), known[0])
    kid, check = holder.kid, holder.check
    made = event.decode(cose.verify(envelope, event.CONTEXT, lambda asked: check if asked == kid else None).payload)
    if made.device != holder.device:
        raise EvidenceError(f"{holder.device} signed for {made.device}")
    return made, holder


def _take(recording: Recording, made: Event, holder: Holder) -> None:
    recording.note(holder.note)
    named = made.data.get("recording")
    if not isinstance(named, bytes) or named.hex() != (recording.name or named.hex()):
        raise EvidenceError("it is of another recording")
    if made.device != (recording.device or made.device):
        raise EvidenceError(f"{made.device} signed it, and the recording is of {recording.device}")
    recording.name, recording.device = named.hex(), made.device
    if made.type == _STOPPED:
        recording.stopped_at = fields.uint(made.data.get("segments"), "segments", 0, SEGMENTS_MAX)
    if made.type != manifest.TYPE:
        return
    found = Manifest.of(made.data)
    told = Told(found, manifest.digest(made.data), made.at)
    known = recording.told.setdefault(found.n, told)
    if known.digest != told.digest:
        recording.twice.add(found.n)
