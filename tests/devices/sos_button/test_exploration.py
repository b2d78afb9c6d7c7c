"""Every state of the button's logic that a few steps can reach, and what must hold in each of them."""

import copy
from collections import deque
from typing import Any

from agent.effects import EMIT
from devices.sos_button.logic import SosButton

BOOT = 7
EARLIER = (6, 12)  # an alarm of an earlier boot
WINDOW_S = 10
CLAIMS = {"received": 1, "acknowledged": 2, "dispatched": 3}
CONSTANT = {"_debounce_ms", "_stuck_ms", "_window_ms", "_evidence_ms", "_bounce_ms", "_limit_mv", "_settings"}


class World:
    """The logic, and beside it what truly happened: presses made, numbers given, receipts signed."""

    def __init__(self) -> None:
        self.now = 1000
        self.seq = 0
        self.pressed = 0
        self.tested = 0
        self.unsealed: list[int] = []
        self.raised: list[tuple[int, int]] = []
        self.counts: dict[tuple[int, int], int] = {}
        self.waiting: list[int] = []  # tags of raised alarms without a number
        self.signed: dict[tuple[int, int], int] = {}
        self.lamp = ""
        self.armed = 0
        self.current: tuple[int, int] | None = None
        self.window_end = -1
        self.button = SosButton({"alarm_window_s": WINDOW_S, "stuck_s": 5, "siren": True}, self.now)
        self.take(self.button.started([], self.now))
        self.take(self.button.input("button", 0, self.now))

    def take(self, effects: list[Any]) -> None:
        for effect in effects:
            if effect[0] != EMIT:
                if effect[1] == "lamp":
                    self.lamp = effect[2]
                continue
            _, tag, name, data = effect
            if name == "alarm.raised":
                assert tag > 0
                assert self.now > self.window_end or not self.current_is_open(), "a second alarm beside an open one"
                self.current = None
                self.waiting.append(tag)
                self.unsealed.append(tag)
            elif name == "alarm.escalated":
                number = tuple(data["alarm"])
                assert number in self.counts, "an escalation of nothing"
                assert data["count"] > self.counts[number], "a count that does not rise"
                self.counts[number] = data["count"]
                self.seq += 1
            elif name == "test.passed" and data["by"] == "user":
                self.tested += 1
                assert self.armed > 0, "a test press without a test"
                self.armed -= 1

    def current_is_open(self) -> bool:
        """Whether the alarm that presses belong to is not closed; None is the one raised last, which has no number yet."""
        if self.current is None:
            return bool(self.waiting)
        return self.signed.get(self.current, 0) < 4

    def seal(self) -> None:
        tag = self.unsealed.pop(0)
        self.waiting.remove(tag)
        self.seq += 1
        number = (BOOT, self.seq)
        self.raised.append(number)
        self.counts[number] = 1
        if self.current is None and not self.waiting:
            self.current = number
        self.take(self.button.sealed(tag, *number, self.now))

    def receipt(self, number: tuple[int, int], state: int) -> None:
        self.signed[number] = max(state, self.signed.get(number, 0))
        if number == EARLIER and number not in self.counts and state < 4:
            self.raised.append(number)
            self.counts[number] = 1
            if not self.current_is_open():
                self.current = EARLIER
                self.window_end = self.now + WINDOW_S * 1000
        self.take(self.button.receipt(*number, state, self.now))

    def pass_ms(self, duration_ms: int) -> None:
        end = self.now + duration_ms
        while (due := self.button.next_tick_ms(self.now)) is not None and due <= end:
            self.now = max(due, self.now)
            self.take(self.button.tick(self.now))
        self.now = end

    def press(self) -> None:
        self.pressed += 1
        self.take(self.button.input("button", 1, self.now))
        self.pass_ms(40)
        self.window_end = self.now - 10 + WINDOW_S * 1000 if not self.lamp.startswith("test") else self.window_end
        self.take(self.button.input("button", 0, self.now))
        self.pass_ms(40)

    def check(self) -> None:
        open_states = [self.signed.get(number, 0) for number in self.raised if self.signed.get(number, 0) < 4]
        open_states += [0] * len(self.waiting)
        if self.lamp in CLAIMS:
            assert min(open_states) >= 1, "the lamp claims a receipt while an alarm has none"
            assert CLAIMS[self.lamp] in open_states, "the lamp shows a state that no receipt gave"
        if self.lamp == "closed":
            assert open_states == [], "closed is shown while an alarm is open"
            assert 4 in self.signed.values()
        if 0 in open_states:
            assert self.lamp in ("sending", "sending-no-link"), f"an alarm without receipt shows {self.lamp}"
        if self.lamp in ("idle", "offline", "test-armed", "identify"):
            assert open_states == [], f"an alarm is open and the lamp shows {self.lamp}"

    def check_every_press_is_told(self) -> None:
        world = copy.deepcopy(self)
        while world.unsealed:
            world.seal()
        world.pass_ms(1000)
        adopted = 1 if EARLIER in world.counts else 0
        assert sum(world.counts.values()) - adopted + world.tested == world.pressed, "a press is in no event"


def moves(world: World) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [("press", lambda w: w.press())]
    found += [(f"pass {ms}", lambda w, ms=ms: w.pass_ms(ms)) for ms in (500, 6000, WINDOW_S * 1000 + 1)]
    found += [(f"link {up}", lambda w, up=up: w.take(w.button.link(up, w.now))) for up in (True, False)]
    if world.unsealed:
        found.append(("seal", lambda w: w.seal()))
    for number in [*world.raised, EARLIER]:
        for state in (1, 2, 4):
            found.append((f"receipt {number} {state}", lambda w, number=number, state=state: w.receipt(number, state)))

    def test(w: World) -> None:
        result, effects = w.button.command("user-test", {"seconds": 3}, w.now)
        w.armed = 1 if result is not None and result["ok"] else w.armed
        w.take(effects)

    found.append(("user-test", test))
    found.append(("silence", lambda w: w.take(w.button.command("silence", {}, w.now)[1])))
    return found


def shape(value: Any, now_ms: int, name: str = "") -> Any:
    """A value with its times made relative, so that states that differ only in the hour are one."""
    if hasattr(value, "__dict__"):
        return tuple(
            (key, shape(inner, value.now if isinstance(value, World) else now_ms, key))
            for key, inner in sorted(vars(value).items())
            if key not in ("now", "pressed", "tested", "_settings")
        )
    if isinstance(value, dict):
        return tuple(sorted((repr(key), shape(inner, now_ms, name)) for key, inner in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(shape(inner, now_ms, name) for inner in value)
    if isinstance(value, int) and name not in CONSTANT and (name.endswith(("_ms", "_end")) or name == "_until"):
        return max(value - now_ms, -2 * WINDOW_S * 1000)
    return value


def explore(depth: int, start: World) -> int:
    """Visits every state within ``depth`` moves from ``start``; returns how many there are."""
    seen = {shape(start, start.now)}
    queue: deque[tuple[World, int, tuple[str, ...]]] = deque([(start, 0, ())])
    while queue:
        world, steps, path = queue.popleft()
        if steps == depth:
            continue
        for name, move in moves(world):
            after = copy.deepcopy(world)
            try:
                move(after)
                after.check()
                after.check_every_press_is_told()
            except AssertionError as error:
                raise AssertionError(f"{error}, after {' > '.join([*path, name])}") from error
            form = shape(after, after.now)
            if form not in seen:
                seen.add(form)
                queue.append((after, steps + 1, (*path, name)))
    return len(seen)


def test_every_state_within_four_moves_keeps_the_promises() -> None:
    assert explore(4, World()) > 1000


def test_every_state_within_three_moves_of_two_open_alarms_keeps_the_promises() -> None:
    world = World()
    for _ in range(2):
        world.press()
        world.seal()
        world.pass_ms(WINDOW_S * 1000 + 1)
    assert len(world.raised) == 2
    assert explore(3, world) > 300
