"""What the running center says on standard error: one line a happening, for people or (``json``) for programs. Rate-limited for what is
refused or parked, so that a flood of hostile messages cannot become a flood of lines. Each stage of an event carries ``time.monotonic_ns``.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from center.errors import UNKNOWN_KEY
from center.verify import VerifiedEvent

TOLD_PER_SECOND = 5
"""Messages refused or parked; the rest of a second is told together."""


class Report:
    """Lines on ``stream``. ``as_json``: JSON lines; ``stages``: also tell each event's stages (JSON always does)."""

    def __init__(self, stream: TextIO, *, as_json: bool, stages: bool = False) -> None:
        self._stream = stream
        self._json = as_json
        self._stages = stages or as_json
        self._second = 0
        self._told = 0
        self._held: dict[str, Counter[str]] = {}

    def say(self, what: str, text: str, **more: object) -> None:
        """One line: ``what`` is a short word for programs, ``text`` a sentence for people."""
        if self._json:
            self._write(json.dumps({"what": what, "text": text, **more, "mono_ns": time.monotonic_ns()}))
        else:
            self._write(f"{time.strftime('%H:%M:%S')} {what}: {text}")

    def stage(self, name: str, events: Sequence[VerifiedEvent]) -> None:
        """These events reached a stage: ``verified`` or ``stored``."""
        if not self._stages or not events:
            return
        for one in events:
            made = one.event
            self._stage(name, made.device, made.boot, made.seq, made.type)

    def receipted(
        self, device: str, settled: Sequence[tuple[int, int, int]], alarms: Sequence[tuple[int, int, int]]
    ) -> None:
        """A receipt went out: the stage ``receipt``, for each settled range and each alarm."""
        if not self._stages:
            return
        for boot, first, last in settled:
            self._stage("receipt", device, boot, last, "", first=first)
        for boot, seq, state in alarms:
            self._stage("receipt", device, boot, seq, "", state=state)

    def refused(self, topic: str, reason: str, text: str) -> None:
        """A message was not believed."""
        self._limited("refused", reason, topic, text)

    def parked(self, topic: str) -> None:
        """A message came before its device's key, and waits for it."""
        self._limited("parked", UNKNOWN_KEY, topic, "it waits for its device's presence")

    def flush(self) -> None:
        """Tell how many messages were not told one by one."""
        for what, held in self._held.items():
            counts = ", ".join(f"{count} {reason}" for reason, count in sorted(held.items()))
            self.say(what, f"and more: {counts}", held=dict(held))
        self._held.clear()

    def _limited(self, what: str, reason: str, topic: str, text: str) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self.flush()
            self._second, self._told = second, 0
        if self._told < TOLD_PER_SECOND:
            self._told += 1
            self.say(what, f"{reason}: {text[:300]}", reason=reason, topic=topic[:200])
        else:
            self._held.setdefault(what, Counter())[reason] += 1

    def _stage(self, name: str, device: str, boot: int, seq: int, event_type: str, **more: object) -> None:
        now = time.monotonic_ns()
        if self._json:
            told = {
                "stage": name,
                "device": device,
                "boot": boot,
                "seq": seq,
                "type": event_type,
                **more,
                "mono_ns": now,
            }
            self._write(json.dumps(told))
        else:
            self._write(f"{time.strftime('%H:%M:%S')} {name}: {device} {boot}/{seq} {event_type} {more or ''}".rstrip())

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody listens any more; the center's work goes on
