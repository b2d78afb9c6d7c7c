"""A board that sleeps between its signs of life: a badge on its battery.

It wakes by its button or for its next report, says what there is to say, and sleeps again, as `power.sleep_ms` decides. It leaves its
broker without goodbye, so its presence stands while it sleeps; in it the keepalive is the time between two reports, so that the center
misses a badge that is dead, and none that sleeps.
"""

import esp32
import machine
import network

from agent.link.errors import LinkError
from devices.firmware import power
from devices.firmware.app import Board
from devices.firmware.clock import rtc_ms
from devices.firmware.config import ConfigError
from devices.firmware.wifi import JOINING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devices.firmware.config import Config
    from devices.firmware.log import SerialLog
    from devices.firmware.schedule import Schedule
    from devices.firmware.slots import Slots
    from devices.firmware.watchdog import Watchdog

LONGEST_S = 65535
"""The longest keepalive that presence can tell."""
READ_MS = 500
"""The battery is read so often: not in one moment, but long enough awake for a judgement."""
SOON_MS = 15_000
"""A self-test that is due so soon is waited for."""
TEST_MS = 2000
"""A self-test that will be due before the next report is done this long after waking, when the battery has been read."""


class Badge(Board):
    """One badge at work. Takes and raises what `Board` does, and raises ConfigError for a kind that cannot sleep."""

    def __init__(
        self, config: "Config", schedule: "Schedule", log: "SerialLog", slots: "Slots", watchdog: "Watchdog"
    ) -> None:
        slept = machine.reset_cause() == machine.DEEPSLEEP_RESET
        self._record = kept = power.decode(machine.RTC().memory(), rtc_ms() - schedule.now_ms()) if slept else None
        self._felt_ms = -1
        self._read_ms = 0
        self._signed: "dict[tuple[int, bool], bytes]" = {}  # presence and will of the first connection, signed while the radio joins
        if kept is not None:
            self.first_broker = kept.broker % len(config.brokers)
            self.first_network = kept.network % len(config.wifi)
            self.lease = (kept.address, kept.lease_ms)
        super().__init__(config, schedule, log, slots, watchdog)
        try:
            self._resume = self._made.resume
        except AttributeError:
            raise ConfigError("device: a %s does not sleep" % config.device["kind"])
        self._hardware.sleeper(slept and machine.wake_reason() == machine.EXT1_WAKE)
        if kept is not None:
            self._report_ms = kept.report_ms

    def _missed_s(self, config: "Config") -> int:
        return min(LONGEST_S, int(config.device["heartbeat_s"]))

    def _presence(self, session: int, online: bool) -> bytes:
        return self._signed.pop((session, online), None) or super()._presence(session, online)

    def _begin(self) -> None:
        super()._begin()
        kept = self._record
        if kept is None:
            return
        test_ms = kept.test_ms
        if test_ms < self._config.device["heartbeat_s"] * 1000:
            test_ms = TEST_MS
        self._resume(kept.low, self._schedule.now_ms() + test_ms)
        self._look_ahead()

    def _input(self, name: str, value: int, time_ms: int) -> None:
        if name == "button" and (value or self._felt_ms >= 0):
            self._felt_ms = max(0, time_ms)
        super()._input(name, value, time_ms)

    async def _look(self) -> None:
        now_ms = self._schedule.now_ms()
        if self._wifi.state == JOINING and not self._link.session and not self._signed:
            try:
                self._signed = {(1, online): self._presence(1, online) for online in (False, True)}
            except LinkError:  # whoever connects says so
                pass
        if now_ms >= self._read_ms:
            self._read_ms = now_ms + READ_MS
            read = self._hardware.read()
            if "battery" in read:
                self._input("battery", read["battery"], now_ms)
        if self._sleep_ms():
            await self._link.pause()
            network.WLAN(network.STA_IF).active(False)
            self._hardware.look()  # who has pressed meanwhile is heard, and who presses now wakes the board
            sleep_ms = self._sleep_ms()
            if sleep_ms:
                self._sleep(sleep_ms)

    def _sleep_ms(self) -> int:
        now_ms = self._schedule.now_ms()
        button = self._hardware.button
        alarms = self._journal.unsettled_count(0)
        waiting = self._journal.unsettled_count() - alarms
        if self._felt_ms >= 0 and self._made.alarm_open:
            alarms += 1
        return power.sleep_ms(
            now_ms - max(0, self._felt_ms),
            self._report_ms - now_ms,
            alarms,
            waiting,
            now_ms - button.at_ms + 1 if button.value else 0,
            self._journal.unkept_count > 0
            or self._outgoing.unsigned > 0
            or self._made.busy
            or self._test_ms(now_ms) < SOON_MS,
        )

    def _test_ms(self, now_ms: int) -> int:
        """Until the next self-test: with nothing else going on, that is what the logic is waiting for."""
        return int(self._made.next_tick_ms(now_ms)) - now_ms

    def _sleep(self, sleep_ms: int) -> None:
        button = self._hardware.button
        now_ms = self._schedule.now_ms()
        address, until_ms = self._wifi.lease
        record = power.Kept(
            address,
            self._made.battery_low,
            rtc_ms(),
            self._report_ms - now_ms,
            self._test_ms(now_ms),
            until_ms - now_ms,
            self._broker(),
            self._config.wifi.index(self._wifi.chosen),
        )
        self._log.info("asleep", ms=sleep_ms)
        self._hardware.close()
        power.deep_sleep(machine, esp32, button.pin, bool(button.active_low), button.value > 0, sleep_ms, record)
