"""A device kind from outside the tree (``kind = "benchmarks.burst_kind"``) that makes as many events as a benchmark wants.

One press of the real pin emits ``burst`` events of ``type``, at the first edge; with ``every_ms`` events come by themselves too, of each
class in turn. Everything below the logic is the product's own: the pin through the SOS button's binding, seal, journal, link. It shows
nothing and knows no command. Each event has its number ``n`` in this process's life, so that a listener knows which press made it.
"""

from agent.effects import EMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from agent.kinds import Effects
    from devices.sos_button.linux import Binding

KIND = "benchmark-burst"
SETTINGS: "dict[str, tuple[Any, ...]]" = {
    "button_pin": (int, 17, 0, 27, "BCM number of the button's input"),
    "burst": (int, 1, 1, 100_000, "events for one press"),
    "type": (str, "alarm.raised", None, None, "type of the events that a press makes"),
    "every_ms": (int, 0, 0, 60_000, "milliseconds between events that come by themselves, 0: none come"),
}
TURN = ("alarm.raised", "reading.taken", "count.told", "reading.taken")


class Logic:
    """Counts, and emits."""

    def __init__(self, settings: "Mapping[str, object]", now_ms: int) -> None:
        for name in settings:
            if name not in SETTINGS:
                raise ValueError(f"no setting '{name}'; known are {', '.join(SETTINGS)}")
        chosen: dict[str, Any] = {name: settings.get(name, row[1]) for name, row in SETTINGS.items()}
        self._burst: int = chosen["burst"]
        self._type: str = chosen["type"]
        self._every_ms: int = chosen["every_ms"]
        self._due_ms = now_ms + self._every_ms
        self._level = 0
        self._made = 0

    def started(self, open_alarms: "list[tuple[int, int, int]]", now_ms: int) -> "Effects":  # noqa: ARG002, D102
        return []

    def input(self, name: str, value: int, now_ms: int) -> "Effects":  # noqa: ARG002
        """A rising level of the button is a press."""
        if name != "button":
            return []
        pressed = value == 1 and not self._level
        self._level = value
        return [self._event(self._type) for _ in range(self._burst)] if pressed else []

    def tick(self, now_ms: int) -> "Effects":
        """The next event, if it is due."""
        if not self._every_ms or now_ms < self._due_ms:
            return []
        self._due_ms = now_ms + self._every_ms
        return [self._event(TURN[self._made % len(TURN)])]

    def next_tick_ms(self, now_ms: int) -> "int | None":  # noqa: ARG002, D102
        return self._due_ms if self._every_ms else None

    def sealed(self, tag: int, boot: int, seq: int, now_ms: int) -> "Effects":  # noqa: ARG002, D102
        return []

    def receipt(self, boot: int, seq: int, state: int, now_ms: int) -> "Effects":  # noqa: ARG002, D102
        return []

    def command(  # noqa: D102
        self,
        name: str,  # noqa: ARG002
        args: "dict[str, object]",  # noqa: ARG002
        now_ms: int,  # noqa: ARG002
    ) -> "tuple[dict[str, object] | None, Effects]":
        return None, []

    def link(self, up: bool, now_ms: int) -> "Effects":  # noqa: ARG002, D102
        return []

    def _event(self, type_: str) -> "tuple[object, ...]":
        self._made += 1
        return (EMIT, 0, type_, {"n": self._made, "level": "sos", "silent": False, "tamper": False})


def make_logic(settings: "Mapping[str, object]", now_ms: int) -> Logic:
    """The logic. Raises ValueError for a setting that is not in the table."""
    return Logic(settings, now_ms)


def make_binding(settings: "Mapping[str, object]", on_input: "Callable[[str, int, int], None]") -> "Binding":
    """The SOS button's own binding, with its button and nothing else."""
    from devices.sos_button.linux import Binding  # noqa: PLC0415  loads gpiozero

    return Binding({"button_pin": settings.get("button_pin", SETTINGS["button_pin"][1]), "lamp_pin": -1}, on_input)
