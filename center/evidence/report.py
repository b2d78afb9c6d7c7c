"""Verdicts in words and in JSON."""

from collections.abc import Iterator, Sequence

from agent.keys.certificate import utc_text
from center.evidence.timeline import ALTERED, MISSING, PROVEN, Second, Verdict

_MOST_LINES = 200


def as_json(verdicts: Sequence[Verdict]) -> dict[str, object]:
    """All verdicts: the sums, whether all is proven, and each recording with its seconds."""
    return {
        "all_proven": all_proven(verdicts),
        **_sums(verdicts),
        "recordings": [
            {
                "name": verdict.name,
                "device": verdict.device,
                "begin_ms": verdict.begin_ms,
                "ended": verdict.ended,
                "opened": verdict.opened,
                "receipted": verdict.receipted,
                "proven": verdict.proven,
                **_sums([verdict]),
                "seconds": [_second(second) for second in verdict.seconds],
                "notes": verdict.notes,
            }
            for verdict in verdicts
        ],
    }


def all_proven(verdicts: Sequence[Verdict]) -> bool:
    """Whether there is something, and nothing of it is altered, missing or open at its end."""
    return bool(verdicts) and all(verdict.proven for verdict in verdicts)


def as_text(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Lines for a person: each recording, the stretches of which there is something to say, and what else is to be known."""
    for verdict in verdicts:
        word = "all proven" if verdict.proven else "NOT all proven"
        sums = ", ".join(f"{verdict.total_s(one):g} s {one}" for one in (PROVEN, ALTERED, MISSING))
        begun = f", begun {utc_text(verdict.begin_ms)}" if verdict.begin_ms else ""
        yield f"{verdict.name}: {word}: {sums} (by {verdict.device or 'nobody known'}{begun})"
        for shown, (first, last) in enumerate(stretches(verdict.seconds)):
            if shown == _MOST_LINES:
                yield "  …"
                break
            if first.verdict != PROVEN or first.why:
                yield f"  {clock(first.number)} to {clock(last.number + 1)}  {first.verdict}: {'; '.join(first.why)}"
        if not verdict.opened:
            yield "  note: not opened; the encrypted files are proven. Give --custodian-key to look into them."
        for note in verdict.notes:
            yield f"  note: {note}"


def stretches(seconds: Sequence[Second]) -> Iterator[tuple[Second, Second]]:
    """The first and last of each run of seconds with one verdict and one reason."""
    first: Second | None = None
    last: Second | None = None
    for second in seconds:
        if first is None or last is None or (first.verdict, first.why) != (second.verdict, second.why):
            if first is not None and last is not None:
                yield first, last
            first = second
        last = second
    if first is not None and last is not None:
        yield first, last


def clock(second: int) -> str:
    """Seconds after the begin as ``1:02:03``."""
    return f"{second // 3600}:{second // 60 % 60:02d}:{second % 60:02d}"


def _sums(verdicts: Sequence[Verdict]) -> dict[str, object]:
    return {
        f"{one}_s": round(sum(verdict.total_s(one) for verdict in verdicts), 3) for one in (PROVEN, ALTERED, MISSING)
    }


def _second(second: Second) -> dict[str, object]:
    told: dict[str, object] = {"second": second.number, "verdict": second.verdict}
    if second.pictures_only:
        told["pictures_only"] = True
    if second.why:
        told["why"] = second.why
    return told
