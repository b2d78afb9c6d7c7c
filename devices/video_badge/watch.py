"""Whether the camera delivers, and how full the storage is: judgements out of reports and times."""

from typing import Any

from agent.effects import EMIT

Effect = tuple[Any, ...]

START_MS = 15_000
"""So long a camera may take until its first picture."""
SILENT_MS = 3_000
DROPPING_PERCENT = 20
IN_A_ROW = 3
"""So many reports of one second, one way or the other, make a judgement on dropped frames."""
LOW, LOW_OVER = 80, 75
FULL, FULL_OVER = 95, 90


class CameraWatch:
    """The judgement on the camera. ``state`` is None while it is well."""

    def __init__(self, now_ms: int) -> None:
        self.state: str | None = None
        self._heard_ms = now_ms + START_MS - SILENT_MS
        self._absent = False
        self._in_a_row = 0
        self._dropping = False

    def frames(self, count: int, missing: int, now_ms: int) -> list[Effect]:
        """It delivered, and did not deliver, so much in about a second."""
        self._heard_ms = now_ms
        self._absent = False
        dropping = missing * 100 >= (count + missing) * DROPPING_PERCENT
        self._in_a_row = self._in_a_row + 1 if dropping != self._dropping else 0
        if self._in_a_row >= IN_A_ROW:
            self._dropping = dropping
            self._in_a_row = 0
        return self._judge(now_ms)

    def trouble(self, trouble: str | None, now_ms: int) -> list[Effect]:
        """It cannot be used (and why), or can again."""
        self._absent = trouble is not None
        return self._judge(now_ms, (trouble or "")[:200])

    def tick(self, now_ms: int) -> list[Effect]:
        """Let time pass."""
        return self._judge(now_ms)

    def next_tick_ms(self) -> int | None:
        """When a tick could bring a judgement."""
        return None if self.state in ("absent", "silent") else self._heard_ms + SILENT_MS

    def _judge(self, now_ms: int, why: str = "") -> list[Effect]:
        state = None
        if self._absent:
            state = "absent"
        elif now_ms - self._heard_ms >= SILENT_MS:
            state = "silent"
        elif self._dropping:
            state = "dropping"
        if state == self.state:
            return []
        self.state = state
        if state is None:
            return [(EMIT, 0, "fault.cleared", {"input": "camera"})]
        data = {"input": "camera", "state": state}
        if why:
            data["why"] = why
        return [(EMIT, 0, "fault.camera", data)]


class RoomWatch:
    """How full the storage is: at 80 % it is ``low``, at 95 % ``full``, each until it is 5 points below that."""

    def __init__(self) -> None:
        self.now = 0
        self.low = False
        self.full = False

    def percent(self, percent: int) -> list[Effect]:
        """So much of it is taken."""
        before = (self.low, self.full)
        self.now = percent
        self.low = percent >= LOW or (self.low and percent >= LOW_OVER)
        self.full = percent >= FULL or (self.full and percent >= FULL_OVER)
        if (self.low, self.full) == before:
            return []
        type_ = "storage.full" if self.full else "storage.low" if self.low else "storage.restored"
        return [(EMIT, 0, type_, {"percent": percent})]
