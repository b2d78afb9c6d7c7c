"""Verdicts on exported recordings, second by second, from files and trusted roots alone: each segment against its signed manifest, the
manifests against one another, and nothing left out between the first and the signed end.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from agent.keys.certificate import utc_text
from agent.recording.manifest import FIRST_PREV
from center.evidence import recording as recordings
from center.evidence.recording import Recording, Told
from center.evidence.segment import UNTOLD_US, judge_segment
from center.evidence.timeline import ALTERED, MISSING, Span, Verdict, seconds
from center.evidence.trust import Trust

_LONGEST_US = 10 * UNTOLD_US
"""A segment of which nothing is told counts for no more."""


def verify_folder(path: Path, trust: Trust, private: EllipticCurvePrivateKey | None) -> Iterator[Verdict]:
    """A verdict on each recording of an exported folder.

    Raises:
        EvidenceError: there is none, or a folder cannot be read; its NotCustodianError: ``private`` is not the key it is for.
    """
    for folder in recordings.folders(path):
        yield verify_recording(recordings.load(folder, trust), trust, private)


def verify_recording(recording: Recording, trust: Trust, private: EllipticCurvePrivateKey | None) -> Verdict:
    """A verdict on an exported recording. Without ``private`` nothing is opened: the files are proven as they are, encrypted.

    Raises:
        EvidenceError: a file cannot be read; its NotCustodianError: ``private`` is not the key that it is for.
    """
    verdict = Verdict(recording.folder.name, recording.device, ended=recording.ended, opened=private is not None)
    spans: list[Span] = []
    at = untaken = 0
    before: Told | None = None
    for n in range(1, recording.segments + 1):
        told = recording.told.get(n)
        if told is None:
            lasts = _untold_us(recording, n)
            if recording.unsigned(n):
                spans.append(Span(at, at + lasts, ALTERED, f"segment {n} has no signed manifest{_known(recording, n)}"))
            else:
                spans.append(Span(at, at + lasts, MISSING, f"segment {n} and its manifest are missing"))
        else:
            known = told.manifest.contents
            verdict.begin_ms = verdict.begin_ms or (known.at if known is not None else told.at_ms)
            found = judge_segment(recording.segment(n), told, recording.device, trust, private)
            lasts = found.lasts_us
            untaken += found.untaken
            spans += [
                Span(at + one.begin_us, at + one.end_us, one.verdict, one.why, one.pictures_only) for one in found.spans
            ]
            for note in found.notes:
                verdict.note(note)
            wrong = unchained(recording, before, told) or _receipted_otherwise(recording, told)
            if wrong:
                spans.append(Span(at, at + lasts, ALTERED, wrong))
        before = told
        at += lasts
    verdict.seconds = seconds(spans)
    for note in recording.notes:
        verdict.note(note)
    if untaken:
        verdict.note(
            f"{untaken} pictures were never taken: by what the badge has signed its camera did not deliver them"
        )
    _note_receipts(verdict, recording)
    if not recording.ended:
        verdict.note("its end is not signed: more may have been recorded")
    return verdict


def unchained(recording: Recording, before: Told | None, told: Told) -> str:
    """What is wrong with a manifest's place in the chain; empty if nothing."""
    n = told.manifest.n
    if n in recording.twice:
        return f"two different manifests of segment {n} are signed"
    if n == 1 and told.manifest.prev != FIRST_PREV:
        return "the first segment names one before it"
    if before is not None and told.manifest.prev != before.digest:
        return f"segment {n} does not follow the one before it"
    return ""


def _receipted_otherwise(recording: Recording, told: Told) -> str:
    receipt = recording.receipts.get(told.manifest.n)
    if receipt is None or (receipt.sha256, receipt.size) == (told.manifest.sha256, told.manifest.size):
        return ""
    return f"the center has receipted another file as segment {told.manifest.n}"


def _known(recording: Recording, n: int) -> str:
    """What the center knows of a file that no manifest tells of: a device that was revoked since proves nothing any more."""
    receipt = recording.receipts.get(n)
    if receipt is None or sha256(recording.segment(n) or b"").digest() != receipt.sha256:
        return ""
    return f", but {receipt.center} has receipted this very file on {utc_text(receipt.at)}"


def _note_receipts(verdict: Verdict, recording: Recording) -> None:
    verdict.receipted = len(recording.receipts)
    if recording.receipts:
        last = max(recording.receipts.values(), key=lambda receipt: receipt.at)
        verdict.note(
            f"{len(recording.receipts)} of {recording.segments} segments are receipted by {last.center}, "
            f"the last one on {utc_text(last.at)}"
        )


def _untold_us(recording: Recording, n: int) -> int:
    """How long a segment lasted whose manifest is missing, by the times around the hole."""
    low = max((one for one in recording.told if one < n), default=0)
    high = min((one for one in recording.told if one > n), default=0)
    left = recording.told[low].manifest.contents if low else None
    right = recording.told[high].manifest.contents if high else None
    if left is None or right is None:
        return UNTOLD_US
    each = (right.at - left.at - left.duration_ms) * 1000 // (high - low - 1)
    return each if 0 < each <= _LONGEST_US else UNTOLD_US
