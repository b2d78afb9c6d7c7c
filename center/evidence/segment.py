"""A verdict on one segment: its file against its proven manifest and, with the custodian's key, what is in it."""

import io
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from agent.keys import p256
from agent.recording.manifest import Contents, Manifest
from agent.recording.stream import content
from agent.recording.stream.errors import StreamError
from agent.recording.unseal import UnsealError, open_segment
from center.evidence import fragments
from center.evidence.clip import clip_spans
from center.evidence.compare import compare
from center.evidence.errors import EvidenceError
from center.evidence.fragments import FragmentsError
from center.evidence.recording import Told
from center.evidence.signing import Judgement, judge
from center.evidence.stream import Clip, NoClipError, read_clip
from center.evidence.timeline import ALTERED, MISSING, PROVEN, Span, untaken
from center.evidence.trust import Trust

UNTOLD_US = 2_000_000
"""How long a segment lasts of which nothing is told."""
_OTHER_FILE = "the file is not the one that was signed"


class NotCustodianError(EvidenceError):
    """The key that was given is not the one that the recording is for."""

    exit_code = 2


@dataclass(slots=True)
class Found:
    """A segment's spans from its own zero, how long it lasts, what else is to be told, and how many pictures were never taken."""

    spans: list[Span]
    lasts_us: int
    notes: list[str] = field(default_factory=list)
    untaken: int = 0


def judge_segment(
    data: bytes | None, told: Told, device: str, trust: Trust, private: EllipticCurvePrivateKey | None
) -> Found:
    """What is proven of a segment. ``data`` is its file, None if it is gone; without ``private`` the file alone is looked at.

    Raises:
        NotCustodianError: ``private`` is not the key that it is for.
    """
    known = told.manifest.contents
    found = _judged(data, told, device, trust, private)
    if data is not None and known is not None:
        _tell_untaken(known, found)
    return found


def _judged(
    data: bytes | None, told: Told, device: str, trust: Trust, private: EllipticCurvePrivateKey | None
) -> Found:
    manifest = told.manifest
    known = manifest.contents
    lasts = known.duration_ms * 1000 if known is not None else UNTOLD_US
    if data is None:
        return Found([Span(0, lasts, MISSING, f"segment {manifest.n} is missing")], lasts)
    same = len(data) == manifest.size and sha256(data).digest() == manifest.sha256
    if private is None:
        return Found([Span(0, lasts, PROVEN if same else ALTERED, "" if same else _OTHER_FILE)], lasts)
    try:
        plain = _plain(data, manifest, private)
        if known is None:
            plain = fragments.whole(plain)
            if same and not plain:
                return Found([], 0, [f"segment {manifest.n} had only been begun when the power went"])
        clip = read_clip(io.BytesIO(plain))
    except (UnsealError, NoClipError, FragmentsError) as error:
        return Found([Span(0, lasts, ALTERED, f"segment {manifest.n}: {error}")], lasts)
    judged = judge(clip, trust)
    if known is None:
        return _recovered(clip, judged, device, same=same)
    if same and sha256(plain).digest() == known.plain_sha256:
        return _as_signed(manifest, judged, lasts)
    return _changed(clip, judged, manifest.n, known, device)


def _tell_untaken(known: Contents, found: Found) -> None:
    """Where, by the signed times, the camera delivered nothing."""
    try:
        video = content.read(known.content).video
    except StreamError:
        return
    steps = [step * 1_000_000 // video.ticks for count, step in video.runs for _ in range(count)]
    pictures = list(zip(accumulate(steps, initial=0), steps, strict=False))
    last = pictures[-1][0]
    pictures[-1] = (last, max(steps[-1], known.duration_ms * 1000 - last))
    usual = max(1, max(video.runs)[1] * 1_000_000 // video.ticks)
    found.spans += untaken(pictures, usual)
    found.untaken = known.missing  # of a camera that is evenly too slow the badge alone knows what it should have made


def _plain(data: bytes, manifest: Manifest, private: EllipticCurvePrivateKey) -> bytes:
    numbers = private.public_key().public_numbers()
    kid = p256.kid_of(p256.spki_of_point(numbers.x, numbers.y))
    if kid != manifest.custodian:
        raise NotCustodianError(
            f"the recording is for the custodian's key {manifest.custodian.hex()}, and this one is {kid.hex()}: give the other one"
        )
    return open_segment(data, private).plaintext


def _as_signed(manifest: Manifest, judged: Judgement, lasts_us: int) -> Found:
    """The manifest proves every byte. What the stream's own signature lacks matters for copies only."""
    notes = list(judged.notes)
    if judged.faults or judged.holes:
        notes.append(f"segment {manifest.n}: the signature in the stream alone would not prove all pictures of a copy")
    return Found([Span(0, lasts_us, PROVEN)], lasts_us, notes)


def _recovered(clip: Clip, judged: Judgement, device: str, *, same: bool) -> Found:
    """Found after the power went: its manifest covers the file as it was found, its stream says what was recorded."""
    spans = list(clip_spans(clip, judged, dict.fromkeys(range(len(clip.pictures)), "")))
    lasts = max(span.end_us for span in spans)
    if not same:
        spans.append(Span(0, lasts, ALTERED, _OTHER_FILE))
    if judged.device and judged.device != device:
        spans.append(Span(0, lasts, ALTERED, f"its stream is signed by another device, {judged.device}"))
    return Found(
        spans,
        lasts,
        [*judged.notes, "the last seconds were found after the power had gone: their sound is proven as a file"],
    )


def _changed(clip: Clip, judged: Judgement, n: int, known: Contents, device: str) -> Found:
    """Another file than was signed: what of its contents is still what was signed."""
    lasts = known.duration_ms * 1000
    try:
        signed = content.read(known.content)
    except StreamError as error:
        return Found([Span(0, lasts, ALTERED, f"segment {n}: {error}")], lasts)
    difference = compare(clip, signed)
    if not difference.all():
        note = f"segment {n} is in another file than was signed, its contents are those that were signed"
        return Found([Span(0, lasts, PROVEN)], lasts, [*judged.notes, note])
    wrong = list(difference.reasons)
    if judged.device and judged.device != device:
        wrong.append(f"its stream is signed by another device, {judged.device}")
    if difference.pictures and not judged.faults and not judged.holes:
        wrong.append("pictures were altered")
    spans = [Span(0, lasts, ALTERED, why) for why in wrong]
    shown = list(clip_spans(clip, judged, dict.fromkeys(range(len(clip.pictures)), "")))
    spans += [Span(one.begin_us, min(one.end_us, lasts), one.verdict, one.why) for one in shown if one.begin_us < lasts]
    if difference.cut:
        spans.append(Span(min(shown[-1].end_us, lasts), lasts, MISSING, f"{difference.cut} pictures are cut off"))
    return Found(spans, lasts, judged.notes)
