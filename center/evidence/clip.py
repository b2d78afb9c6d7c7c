"""A verdict on a clip: a video file that left its recording, in whatever container.

On its own the signature in its stream proves its pictures. With the manifests of its recording, what that signature does not cover is
compared too, for each segment that is whole in the clip.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from agent.recording.stream import content
from agent.recording.stream.content import TrackContent
from agent.recording.stream.errors import StreamError
from center.evidence.compare import compare
from center.evidence.errors import EvidenceError
from center.evidence.recording import Recording
from center.evidence.signing import Judgement, judge
from center.evidence.stream import Clip, Piece, read_clip
from center.evidence.timeline import ALTERED, MISSING, PROVEN, Span, Verdict, seconds, untaken
from center.evidence.trust import Trust


def verify_clip(path: Path, trust: Trust, manifests: Iterable[Recording] = ()) -> Verdict:
    """A verdict on a video file.

    Raises:
        EvidenceError: it is no video that can be read.
    """
    try:
        with path.open("rb") as file:
            clip = read_clip(file)
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror}") from None
    judged = judge(clip, trust)
    full = _full_proofs(clip, manifests, judged)
    spans = list(clip_spans(clip, judged, full))
    spans += [Span(0, spans[-1].end_us, ALTERED, problem) for problem in clip.problems]
    notes = judged.notes
    if len(full) < len(clip.pictures):
        notes = [*notes, "proven by the stream alone: pictures, not sound, times, size and position"]
    return Verdict(path.name, judged.device, judged.start_ms, None, opened=True, seconds=seconds(spans), notes=notes)


def clip_spans(clip: Clip, judged: Judgement, full: dict[int, str]) -> Iterator[Span]:
    """The pictures' spans, from 0; holes that the container's times leave out are put between.

    ``full`` names the pictures of which all is compared with a manifest, with what is wrong with them or an empty text.
    """
    usual = int(median(picture.lasts_us for picture in clip.pictures))
    holes = {hole.before: hole for hole in judged.holes}
    at = 0
    for number, picture in enumerate(clip.pictures):
        lasts = max(picture.lasts_us, 0)
        hole = holes.get(number + 1)
        shown = min(lasts, usual) if hole else lasts
        why = "; ".join(filter(None, (judged.faults.get(number), full.get(number))))
        yield Span(at, at + shown, ALTERED if why else PROVEN, why, pictures_only=number not in full)
        if not hole:
            yield from untaken([(at, lasts)], usual)
        at += shown
        if hole:
            gap = max(hole.lasts_us, lasts - shown, 1)
            told = f"{hole.frames} pictures are missing" if hole.frames else "pictures are missing"
            yield Span(at, at + gap, MISSING, told)
            at += gap


def _full_proofs(clip: Clip, manifests: Iterable[Recording], judged: Judgement) -> dict[int, str]:
    """The pictures that belong to segments which are whole in the clip: compared with their manifests, what is wrong or empty."""
    known = {}
    for recording in manifests:
        if recording.device == judged.device:
            for told in recording.told.values():
                if told.manifest.contents is not None:
                    try:
                        told_content = content.read(told.manifest.contents.content)
                    except StreamError:
                        continue
                    known[told_content.anchor] = told_content
    full: dict[int, str] = {}
    sound = position = 0
    for number, picture in enumerate(clip.pictures):
        part = known.get(picture.slices[0]) if picture.begins_gop else None
        if part is None or number + part.video.samples > len(clip.pictures):
            continue
        audio, sound = _next(clip.audio, sound, part.audio)
        places, position = _next(clip.position, position, part.position)
        cut = Clip(
            clip.pictures[number : number + part.video.samples], [], audio, places, clip.parameters, [], clip.tick_us
        )
        why = "; ".join(compare(cut, part).all())
        full.update(dict.fromkeys(range(number, number + part.video.samples), why))
    return full


def _next(pieces: list[Piece], at: int, track: TrackContent | None) -> tuple[list[Piece], int]:
    """The next segment's pieces of a track, and where the one after begins."""
    end = at + (track.samples if track is not None else 0)
    return pieces[at:end], end
