"""The far unit at work on Linux: its logic and its hardware, turned by one loop."""

import queue
from collections.abc import Mapping
from typing import Any

from agent.log import Log
from agent.service import Service
from devices.crosswalk import far_settings
from devices.crosswalk.far_unit import FarUnit
from devices.crosswalk.linux import FarBinding
from devices.pins import monotonic_ms

STOP = "stop"


class FarLoop:
    """One unit between ``run`` and ``stop``.

    Args:
        settings: as in ``devices.crosswalk.far_settings``.
        log: is told what is in fault, and what is well again.
        service: the service manager, if any.

    Raises:
        SettingsError: a setting is wrong.
        PinError: a pin is not to be had.
    """

    def __init__(self, settings: Mapping[str, object], log: Log, service: Service) -> None:
        self._log = log
        self._service = service
        self._inbox: queue.SimpleQueue[tuple[str, Any, int]] = queue.SimpleQueue()
        self._unit = FarUnit(far_settings.completed(settings), monotonic_ms())
        self._binding = FarBinding(settings, lambda *said: self._inbox.put(said))
        self._alive_at_ms = monotonic_ms()
        self._faults: dict[str, str] = {}

    def stop(self) -> None:
        """Let ``run`` end; from any thread, or a signal's handler."""
        self._inbox.put((STOP, None, 0))

    def run(self) -> None:
        """Work until ``stop``; dark in the end, whatever happens."""
        try:
            self._binding.start()
            self._log.info("started")
            self._service.ready("waiting for orders")
            while self._turn():
                pass
        finally:
            self._service.stopping()
            self._binding.close()

    def _turn(self) -> bool:
        """Wait for what comes next, and do it; False to stop."""
        now_ms = monotonic_ms()
        said = self._next(self._due_ms(now_ms) - now_ms)
        while said is not None:
            name, value, at_ms = said
            if name == STOP:
                return False
            if value is not None:
                self._unit.take(name, value, at_ms)
            said = self._next(0)
        now_ms = monotonic_ms()
        self._binding.step(now_ms)
        for output, value in self._unit.tick(now_ms):
            if output == "near":
                self._binding.tell(value)
            else:
                self._binding.output(output, value, now_ms)
        self._tell_faults()
        self._feed(now_ms)
        return True

    def _due_ms(self, now_ms: int) -> int:
        due = [self._unit.due_at_ms()]
        step_ms = self._binding.next_step_ms(now_ms)
        if step_ms is not None:
            due.append(step_ms)
        return min(due)

    def _next(self, wait_ms: int) -> tuple[str, Any, int] | None:
        try:
            return self._inbox.get(timeout=wait_ms / 1000) if wait_ms > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None

    def _tell_faults(self) -> None:
        faults = self._unit.faults
        for name in self._faults.keys() - faults.keys():
            self._log.info("well again", input=name)
        for name, state in faults.items():
            if self._faults.get(name) != state:
                self._log.warning("in fault", input=name, state=state)
        self._faults = faults

    def _feed(self, now_ms: int) -> None:
        """A sign of life for the watchdog: it turns at least once a second, for it tells its state."""
        if self._service.watchdog_s is not None and now_ms >= self._alive_at_ms:
            self._alive_at_ms = now_ms + int(self._service.watchdog_s * 1000)
            self._service.alive()
