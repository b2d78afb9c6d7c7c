"""Whatever presses, receipts, commands and times: no press is lost, levels rise, drills are marked rightly, no tick is late."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.effects import EMIT
from devices.panic_button import GESTURES, LEVELS
from devices.panic_button.logic import PanicButton

BOOT = 7
WINDOW_MS = 60_000
NOON = 1_700_000_000_000
PLACES = {1: {"building": "School 5", "room": "101"}, 2: {"building": "Gym"}}
CLAIMS = {"received": 1, "acknowledged": 2, "dispatched": 3}


class Machine(RuleBasedStateMachine):
    """The logic, and beside it what truly happened."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000
        self.seq = 0
        self.pressed = 0
        self.tested = 0
        self.armed = False
        self.unsealed: list[tuple[int, bool]] = []  # (tag, drill) of alarms without a number, oldest first
        self.over: set[int] = set()  # tags of alarms whose drill has ended
        self.current: tuple[int, int] | None = None  # the alarm that presses belong to, if it has a number
        self.last_press = 0
        self.counts: dict[tuple[int, int], int] = {}
        self.levels: dict[tuple[int, int], int] = {}
        self.raised_levels: list[int] = []
        self.drills: dict[tuple[int, int], bool] = {}
        self.signed: dict[tuple[int, int], int] = {}
        self.adopted: set[tuple[int, int]] = set()
        self.drill_end: int | None = None
        self.clock: int | None = None
        self.place: dict[str, Any] = {"building": "School 5", "floor": "2"}
        self.lamp = ""
        self.prompt = True  # an event gets its number at once
        self.until = 0
        self.history: list[int] = []
        self.button = PanicButton(
            {
                "building": "School 5",
                "floor": "2",
                "alarm_window_s": 60,
                "stuck_s": 6,
                "beacons": [{"id": 1, "room": "101"}, {"id": 2, "building": "Gym"}],
            },
            self.now,
        )
        self.take(self.button.started([], self.now))
        self.take(self.button.input("button", 0, self.now))

    # What the logic says

    def take(self, effects: list[Any]) -> None:
        for effect in effects:
            if effect[0] == EMIT:
                self.event(effect[1], effect[2], effect[3])
            elif effect[1] == "lamp":
                self.lamp = effect[2]
            elif effect[1] == "buzzer":
                assert effect[2] == "off", "a silent button sounds"

    def event(self, tag: int, name: str, data: dict[str, Any]) -> None:
        assert {key: data[key] for key in ("building", "floor", "room", "beacon") if key in data} == self.place
        on = self.drill_end is not None and self.now < self.drill_end
        if name == "drill.started":
            assert data["drill"] is True
        elif name == "drill.ended":
            self.ended(data)
        elif name == "alarm.raised":
            self.raise_alarm(tag, data, on)
        elif name == "alarm.escalated":
            self.escalate(tuple(data["alarm"]), data)
        else:
            assert data.get("drill", False) is on, f"{name} and the drill"
            if name == "test.passed" and data["by"] == "user":
                assert self.armed
                self.armed = False
                self.tested += 1
                self.history = []
            elif name == "test.failed" and data["by"] == "user":
                self.armed = False
        if name != "alarm.raised":
            self.seq += 1

    def raise_alarm(self, tag: int, data: dict[str, Any], on: bool) -> None:
        drill = data.get("drill", False)
        assert drill is on or not drill, "a real alarm is marked as a drill's"
        assert not (drill and self.real_open()), "a drill's alarm beside a real one"
        assert tag > 0
        if self.current_open() and self.current_drill() == on:
            assert self.now - self.last_press > WINDOW_MS, "a second alarm beside an open one"
        self.current = None
        self.unsealed.append((tag, drill))
        self.raised_levels.append(LEVELS.index(data["level"]))
        if self.prompt:
            self.seal()

    def escalate(self, number: tuple[int, int], data: dict[str, Any]) -> None:
        assert number in self.counts, "an escalation of nothing"
        assert data["exact"] is (number not in self.adopted)
        level = LEVELS.index(data["level"]) if "level" in data else 0
        assert ("level" in data) or number in self.adopted
        assert level >= self.levels[number], "a level falls"
        assert data["count"] >= self.counts[number], "a count falls"
        assert data["count"] > self.counts[number] or level > self.levels[number], "an escalation that says nothing"
        assert data.get("drill", False) is self.drills[number], "an alarm changes between drill and real"
        self.counts[number] = data["count"]
        self.levels[number] = level

    def ended(self, data: dict[str, Any]) -> None:
        assert "drill" not in data
        assert self.drill_end is not None, "the end of no drill"
        if data["by"] == "time":
            assert self.now >= self.drill_end
        elif data["by"] == "alarm":
            assert self.real_open(), "a drill yields to nothing"
        self.drill_end = None
        self.history = []
        self.over.update(tag for tag, drill in self.unsealed if drill)
        if self.current is not None and self.drills[self.current]:
            self.current = None

    def real_open(self) -> bool:
        numbered = [number for number in self.counts if self.signed.get(number, 0) < 4 and not self.drills[number]]
        return bool(numbered) or not all(drill for _, drill in self.unsealed)

    def current_open(self) -> bool:
        if self.current is None:
            return bool(self.unsealed) and self.unsealed[-1][0] not in self.over
        return self.signed.get(self.current, 0) < 4

    def current_drill(self) -> bool:
        return self.unsealed[-1][1] if self.current is None else self.drills[self.current]

    # What happens

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while (due := self.button.next_tick_ms(self.now)) is not None and due <= end:
            assert due >= self.now, "a tick in the past"
            self.now = due
            self.take(self.button.tick(self.now))
            after = self.button.next_tick_ms(self.now)
            assert after is not None
            assert after > self.now, "a due tick left something due"
        self.now = end

    @rule(
        times=st.sampled_from([1, 1, 2, 3, 8, 30]),
        held_ms=st.sampled_from([40, 90, 300]),
        gap_ms=st.sampled_from([40, 300, 700, 1100, 1500]),
    )
    def press_often(self, times: int, held_ms: int, gap_ms: int) -> None:
        for _ in range(times):
            self.press(held_ms, gap_ms)

    @rule(held_ms=st.sampled_from([4999, 5000, 7000]))
    def hold(self, held_ms: int) -> None:
        self.press(held_ms, 300)

    def press(self, held_ms: int, gap_ms: int) -> None:
        self.pressed += 1
        contact = self.now
        armed = self.armed
        self.take(self.button.input("button", 1, self.now))
        self.pass_ms(30)
        if not (armed and not self.armed and self.tested):
            self.history.append(contact)
        self.last_press = self.now
        self.expect_level()
        self.pass_ms(held_ms - 30)
        self.take(self.button.input("button", 0, self.now))
        if held_ms >= 5000:
            assert self.newest_level() == 2, "a hold of five seconds is no lockdown"
            self.last_press = contact + 5000
        self.pass_ms(gap_ms)

    def newest_level(self) -> int:
        """The level told of the newest alarm; an unsealed one tells the rest later."""
        if self.current is None:
            return max(self.raised_levels[-1], 2)
        return self.levels[self.current]

    def expect_level(self) -> None:
        if self.current is None or not self.history:
            return
        wanted = 0
        for entry in GESTURES:
            presses, within_ms = entry.get("presses"), entry.get("within_ms")
            if (
                isinstance(presses, int)
                and isinstance(within_ms, int)
                and len(self.history) >= presses
                and self.history[-1] - self.history[-presses] <= within_ms
            ):
                wanted = max(wanted, LEVELS.index(str(entry["level"])))
        assert self.levels[self.current] >= wanted, "a gesture that was made was not told"

    @rule(duration_ms=st.sampled_from([1, 500, 3000, 20_000, WINDOW_MS + 1, 3_600_000]))
    def wait(self, duration_ms: int) -> None:
        self.pass_ms(duration_ms)

    @precondition(lambda self: self.unsealed)
    @rule()
    def seal(self) -> None:
        tag, drill = self.unsealed.pop(0)
        self.seq += 1
        number = (BOOT, self.seq)
        self.counts[number] = 1
        self.levels[number] = self.raised_levels[-1 - len(self.unsealed)]
        self.drills[number] = drill
        if self.current is None and not self.unsealed and tag not in self.over:
            self.current = number
        self.take(self.button.sealed(tag, *number, self.now))

    @rule(boot=st.sampled_from([BOOT] * 7 + [6]), pick=st.integers(0, 9), state=st.sampled_from([1, 2, 3, 4, 4]))
    def receipt(self, boot: int, pick: int, state: int) -> None:
        ours = [number for number in self.counts if number[0] == BOOT]
        if boot == BOOT and not ours:
            return
        number = (6, pick % 3 + 1) if boot == 6 else ours[-1 - pick % len(ours)]
        self.sign(number, state)

    def sign(self, number: tuple[int, int], state: int) -> None:
        known = number in self.signed
        self.signed[number] = max(state, self.signed.get(number, 0))
        if number[0] == 6 and not known and state < 4:
            self.adopted.add(number)
            self.counts[number] = 1
            self.levels[number] = 0
            self.drills[number] = False
            if not self.current_open() or self.current_drill():
                self.current = number
                self.last_press = self.now
        self.take(self.button.receipt(*number, state, self.now))

    @rule(up=st.booleans(), beacon=st.sampled_from([1, 2, 9, -1]))
    def surroundings(self, up: bool, beacon: int) -> None:
        self.take(self.button.link(up, self.now))
        if beacon >= 0:
            self.place = {**PLACES.get(beacon, {}), "beacon": beacon}
        self.take(self.button.input("beacon", beacon, self.now))

    @initialize(known=st.sampled_from([True, True, False]), prompt=st.sampled_from([True, True, False]))
    def wake(self, known: bool, prompt: bool) -> None:
        self.prompt = prompt
        if known:
            self.set_clock(0)

    @rule(jump_ms=st.sampled_from([0, 0, -60_000, 60_000]))
    def set_clock(self, jump_ms: int) -> None:
        self.clock = NOON + jump_ms - self.now
        if self.drill_end is not None:
            self.drill_end = min(self.drill_end, self.until - self.clock)
        self.take(self.button.input("clock", self.clock + self.now, self.now))

    @rule(
        seconds=st.sampled_from([-1, 5, 30, 30, 4000, 14_400, 14_401]), calm=st.sampled_from([True, True, True, False])
    )
    def drill(self, seconds: int, calm: bool) -> None:
        if calm:  # otherwise a real alarm is nearly always open
            for number in [number for number in self.counts if not self.drills[number]]:
                self.sign(number, 4)
        until = (NOON if self.clock is None else self.clock + self.now) + seconds * 1000
        result, effects = self.button.command("drill", {"until": until}, self.now)
        assert result is not None
        good = self.clock is not None and 0 < seconds <= 14_400 and not self.real_open()
        assert result["ok"] is good
        if good:
            assert self.clock is not None
            if self.drill_end is None:
                self.history = []
            self.drill_end = until - self.clock
            self.until = until
        self.take(effects)
        assert self.button.drill_end_ms == self.drill_end

    @rule()
    def end_drill(self) -> None:
        self.take(self.button.command("drill-end", {}, self.now)[1])
        assert self.drill_end is None

    @rule()
    def user_test(self) -> None:
        result, effects = self.button.command("user-test", {"seconds": 3}, self.now)
        assert result is not None
        self.armed = self.armed or bool(result["ok"])
        self.take(effects)

    @rule(name=st.sampled_from(["self-test", "identify", "nonsense"]))
    def other_command(self, name: str) -> None:
        self.take(self.button.command(name, {}, self.now)[1])

    # What must hold

    @invariant()
    def every_press_is_told(self) -> None:
        told = sum(self.counts.values()) - len(self.adopted) + self.tested
        if not self.unsealed and self.button._alarms.next_tick_ms() is None:
            assert told >= self.pressed, "a press is in no event"

    @invariant()
    def the_next_tick_is_not_in_the_past(self) -> None:
        due = self.button.next_tick_ms(self.now)
        assert due is not None
        assert due >= self.now

    @invariant()
    def the_lamp_claims_what_was_signed(self) -> None:
        if self.lamp in CLAIMS:
            assert CLAIMS[self.lamp] in self.signed.values(), "the lamp shows a state that no receipt gave"
        if self.lamp == "closed":
            assert 4 in self.signed.values()
            assert not self.real_open()
        if self.real_open():
            assert self.lamp not in ("idle", "offline", "drill", "closed", "test-armed", "identify")

    @invariant()
    def a_drill_is_no_longer_than_its_end(self) -> None:
        assert self.button.drill_end_ms is None or self.now < self.button.drill_end_ms
        assert self.button.drill_end_ms == self.drill_end
        assert self.drill_end is None or not self.real_open()

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.button._alarms._open) <= 8 + len(self.unsealed)
        assert len(self.button._gestures._times) <= 8


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)
