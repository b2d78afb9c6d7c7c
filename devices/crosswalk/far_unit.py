"""What the unit on the far side does: it flashes as it is told, for a while after each order, and says what it does and whom it sees. Pure.

It needs no clock, no network and no key: it is lamps, sensors and a button at the other end of the link. Whatever happens to the link, it
is dark ``farside.HOLD_MS`` after the last order. It judges who is there, its lamps and the relay in their supply as the near side does.

Inputs: ``order`` (a pattern), ``button`` (1 pressed), ``pir`` (1 sees warmth move), readings of ``tracker``, ``presence`` and ``lamps``,
and a ``Status`` of any sensor or of the relay.
"""

from collections.abc import Mapping
from typing import Any

from devices.crosswalk.area import Area
from devices.crosswalk.farside import HOLD_MS
from devices.crosswalk.farside_link import State
from devices.crosswalk.fusion import WELL, Fusion
from devices.crosswalk.lights import Lights
from devices.crosswalk.nonyield import Kerb
from devices.crosswalk.patterns import BASES, OFF, name_of
from devices.crosswalk.pedestrian_button import PedestrianButton
from devices.crosswalk.settings import detectors
from devices.sensors.contacts import motion
from devices.sensors.readings import LampCurrent, Presence, Status, Targets

TELLS_MS = 1000
"""From one state to the next while nothing changes."""
PRESSED_MS = 1000
"""How long a press is told."""
AGAIN_MS = 200
"""From one state to the next meanwhile: a message may be lost, a press not."""
ORDERS = {name_of(base, night): (base, night) for base in BASES for night in (False, True)}
"""The patterns that it may be told to flash."""

Output = tuple[str, Any]


class FarUnit:
    """One unit. ``settings`` are completed ones of ``devices.crosswalk.far_settings``."""

    def __init__(self, settings: Mapping[str, Any], now_ms: int) -> None:
        self.lit = False
        """Whether it plays a pattern, as far as it knows."""
        self._area = Area(settings)
        self._fusion = Fusion(detectors(settings))
        self._fusion.advance(now_ms)
        self._kerb = Kerb(settings)
        self._lights = Lights(settings)
        self._button = PedestrianButton(settings["debounce_ms"], settings["stuck_s"] * 1000)
        self._order = OFF
        self._playing = next(iter(ORDERS.values()))
        self._until_ms = now_ms
        self._pressed_until_ms = now_ms
        self._ill: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._told: State | None = None
        self._tells_at_ms = now_ms
        self._now_ms = now_ms

    @property
    def pedestrian(self) -> bool:
        """Whether it believes somebody to be there."""
        return self._fusion.detected

    @property
    def faults(self) -> dict[str, str]:
        """What is in fault -> how."""
        found = {name: str(data["state"]) for name, (_kind, data) in self._lights.faults().items()}
        found |= {**self._ill, **self._fusion.faults()}
        if self._order not in ORDERS and self._order != OFF:
            found["order"] = "unknown"
        if self._button.contact.stuck:
            found["button"] = "stuck"
        return found

    def take(self, name: str, value: object, at_ms: int) -> None:
        """Take an input with the time it was seen; ``tick`` follows. An unknown name changes nothing."""
        self._now_ms = now_ms = max(self._now_ms, at_ms)
        if isinstance(value, Status):
            self._judged(value, now_ms)
        elif isinstance(value, Targets):
            inside = self._area.inside(value)
            self._kerb.look(inside, now_ms)
            self._fusion.say(name, bool(inside), now_ms)
        elif isinstance(value, Presence):
            self._fusion.say(name, self._area.reached(value), now_ms)
        elif isinstance(value, LampCurrent):
            self._lights.sample(value.lamp, value.ma, self._playing[1], now_ms)
        elif name == "order":
            self._obey(str(value), now_ms)
        elif name == "pir":
            self._fusion.say(name, motion(value == 0, now_ms).active, now_ms)
        elif name == "button":
            self._pressed(self._button.level(int(value != 0), at_ms)[0])

    def tick(self, now_ms: int) -> list[Output]:
        """Let time pass; what is to be put out now: patterns by the names of their outputs, and to ``near`` the state that is due."""
        self._now_ms = now_ms = max(self._now_ms, now_ms)
        lit = now_ms < self._until_ms
        if lit != self.lit:
            self.lit = lit
            self._lights.light(lit, now_ms)
        self._fusion.advance(now_ms)
        self._lights.advance(now_ms)
        self._pressed(self._button.tick(now_ms)[0])
        outputs: list[Output] = [effect[1:] for effect in self._lights.show(lit, *self._playing, now_ms)]
        shown = {"locator": "on", **self._button.show(self._flashing, now_ms)}
        outputs += [(name, pattern) for name, pattern in shown.items() if self._shown.get(name) != pattern]
        self._shown = shown
        return outputs + self._tell(now_ms)

    def due_at_ms(self) -> int:
        """When the next ``tick`` is wanted."""
        due = [self._tells_at_ms, *self._lights.due_ms()]
        if self.lit:
            due.append(self._until_ms)
        due += [at_ms for at_ms in (self._fusion.next_tick_ms(), self._button.next_tick_ms()) if at_ms is not None]
        return min(due)

    @property
    def _flashing(self) -> bool:
        """Whether a lamp flashes, as far as is known."""
        return self.lit and self._lights.sound and "relay" not in self._ill

    def _obey(self, pattern: str, now_ms: int) -> None:
        """Every order is answered."""
        self._order = pattern
        self._until_ms = now_ms + HOLD_MS if pattern in ORDERS else now_ms
        self._playing = ORDERS.get(pattern, self._playing)
        self._tells_at_ms = now_ms

    def _judged(self, status: Status, now_ms: int) -> None:
        self._fusion.judge(status.sensor, status.state.value, now_ms)
        if status.state.value == WELL:
            self._ill.pop(status.sensor, "")
        else:
            self._ill[status.sensor] = status.state.value

    def _pressed(self, presses: int) -> None:
        if presses:
            self._pressed_until_ms = self._now_ms + PRESSED_MS
            self._button.called(self._now_ms)

    def _tell(self, now_ms: int) -> list[Output]:
        pressed = now_ms < self._pressed_until_ms
        waiting = self._fusion.detected and self._kerb.occupied(now_ms)
        state = State(self._flashing, pressed, self._fusion.detected, waiting, not self.faults)
        if state == self._told and now_ms < self._tells_at_ms:
            return []
        self._told = state
        self._tells_at_ms = now_ms + (AGAIN_MS if pressed else TELLS_MS)
        return [("near", state)]
