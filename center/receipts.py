"""Receipts in the making: alarms at once, everything else gathered, for a moment after a quiet time and for up to a
second in a stream, ranges merged. Pure; times are passed in.

Only what is durably stored may be added here. A receipt says what the contract lets it say and fits its bounds; what does not fit in one
goes into the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.wire import cose, receipt
from agent.wire.receipt import Receipt
from center.continuity import ranges

GATHER_MS = 20
"""How long the first of what is no alarm waits for company after a quiet time: a badge waits for its receipt with its radio on."""
APART_MS = 1_000
"""How long after a device's last receipt the next one waits without an alarm: a microcontroller takes 0.2 s to verify one."""
MAX_PENDING = 512
"""Numbers of one device at most before they are sent without waiting."""


@dataclass(slots=True)
class _Waiting:
    due_ms: int
    settled: set[tuple[int, int]] = field(default_factory=set)
    alarms: dict[tuple[int, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """What one receipt will say to ``device``; it lacks its number ``n``."""

    device: str
    settled: tuple[tuple[int, int, int], ...]
    alarms: tuple[tuple[int, int, int], ...]

    def sealed(self, signer: "cose.Signer", center: str, n: int, at_ms: int, boots: int) -> bytes:
        """The signed receipt. ``n`` must never have been used before; ``boots`` is the highest regular boot known."""
        told = Receipt(self.device, center, n, at_ms, boots, list(self.settled), list(self.alarms))
        return cose.sign(told.encode(), receipt.CONTEXT, signer)


class Receipts:
    """What is still to be receipted, by device."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._told_ms: dict[str, int] = {}  # when each device's last receipt went, as long as that matters

    def settle(self, device: str, boot: int, seq: int, now_ms: int, *, urgent: bool) -> None:
        """(boot, seq) is durably stored. ``urgent``: it is an alarm, and the device's whole receipt goes at once."""
        waiting = self._of(device, now_ms, urgent=urgent)
        waiting.settled.add((boot, seq))
        if len(waiting.settled) >= MAX_PENDING:
            waiting.due_ms = now_ms

    def state(self, device: str, boot: int, seq: int, state: int, now_ms: int) -> None:
        """An alarm's state, ``agent.wire.receipt.RECEIVED`` … ``CLOSED``; goes at once. A state never falls."""
        waiting = self._of(device, now_ms, urgent=True)
        waiting.alarms[boot, seq] = max(state, waiting.alarms.get((boot, seq), 0))

    def due(self, now_ms: int) -> list[Draft]:
        """What is to be sent now, and no longer waits. Those with alarms come first."""
        drafts: list[Draft] = []
        self._told_ms = {device: at_ms for device, at_ms in self._told_ms.items() if now_ms < at_ms + APART_MS}
        for device in [device for device, waiting in self._waiting.items() if waiting.due_ms <= now_ms]:
            drafts += _drafts(device, self._waiting.pop(device))
            self._told_ms[device] = now_ms
        drafts.sort(key=lambda draft: not draft.alarms)
        return drafts

    def put_back(self, drafts: Iterable[Draft], now_ms: int) -> None:
        """These could not be sent: they are due again at once."""
        for draft in drafts:
            waiting = self._of(draft.device, now_ms, urgent=True)
            waiting.settled.update((boot, seq) for boot, first, last in draft.settled for seq in range(first, last + 1))
            for boot, seq, state in draft.alarms:
                self.state(draft.device, boot, seq, state, now_ms)

    def _of(self, device: str, now_ms: int, *, urgent: bool) -> _Waiting:
        due_ms = now_ms
        if not urgent:
            due_ms = max(now_ms + GATHER_MS, self._told_ms.get(device, now_ms - APART_MS) + APART_MS)
        waiting = self._waiting.setdefault(device, _Waiting(due_ms))
        waiting.due_ms = min(waiting.due_ms, due_ms)
        return waiting


def _drafts(device: str, waiting: _Waiting) -> list[Draft]:
    by_boot: dict[int, list[int]] = {}
    for boot, seq in waiting.settled:
        by_boot.setdefault(boot, []).append(seq)
    settled = [(boot, first, last) for boot, seqs in sorted(by_boot.items()) for first, last in ranges(seqs)]
    alarms = [(boot, seq, state) for (boot, seq), state in sorted(waiting.alarms.items())]
    most = receipt.MAX_ENTRIES
    parts = max(1, -(-max(len(settled), len(alarms)) // most))
    return [
        Draft(device, tuple(settled[i * most : (i + 1) * most]), tuple(alarms[i * most : (i + 1) * most]))
        for i in range(parts)
    ]
