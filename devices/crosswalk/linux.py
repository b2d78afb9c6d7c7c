"""The hardware of either side of the road on Linux: pins through gpiozero's, serial lines through their threads, the beacon by its player.

It decides nothing. What the lamps do in the end rests on two that do not know each other: the player's thread drives them, the loop holds
their supply, and without either they are dark.
"""

from collections.abc import Callable, Mapping
from typing import Any

from devices.binding import PinsAndLines
from devices.crosswalk import far_settings
from devices.crosswalk.beacon import Player
from devices.crosswalk.counts import KEPT_MAX
from devices.crosswalk.farside_link import State
from devices.crosswalk.lines import FarLines, Lines, SideLines
from devices.crosswalk.patterns import BASES, OFF, OUTPUTS, Beacon, beacon_patterns
from devices.crosswalk.settings import completed
from devices.kept_file import KeptFile
from devices.pins import Pins, monotonic_ms

BUTTON_LAMP_HZ = 200
OnInput = Callable[[str, Any, int], None]


class SideBinding(PinsAndLines):
    """What both sides have.

    Args:
        whole: completed settings.
        pins: taken as far as they are its own.
        lines: not open yet.
        patterns: of its beacon.
    """

    _lines: SideLines

    def __init__(self, whole: Mapping[str, Any], pins: Pins, lines: SideLines, patterns: Mapping[str, Beacon]) -> None:
        # Pulled up, a cut wire is somebody, never nobody.
        pins.take_input("pir", "pir_pin", whole["pir_pin"], active_low=False, pull="up")
        for name in ("flood", "locator", "speech"):
            pins.take_output(name, name + "_pin", whole[name + "_pin"], OUTPUTS[name])
        lamp = whole["button_lamp_pin"]
        pins.take_output("button", "button_lamp_pin", lamp, OUTPUTS["button"], frequency=BUTTON_LAMP_HZ)
        pair = pins.take_bare("left_pin", whole["left_pin"]), pins.take_bare("right_pin", whole["right_pin"])
        super().__init__(pins, lines)
        self._player = Player(pair, patterns)

    def start(self) -> None:
        """Begin to report, every input's present level first."""
        super().start()
        self._player.start()

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Do what the logic asks for. Raises KeyError for an unknown name or pattern."""
        if name == "beacon":
            self._player.play(pattern)
            self._lines.light(pattern != OFF, now_ms)
        elif name == "supply":
            self._lines.supply(pattern)
        else:
            super().output(name, pattern, now_ms)

    def close(self) -> None:
        """Dark and silent; all pins and ports given back. Harmless twice."""
        self._player.close()
        super().close()


class Binding(SideBinding):
    """The hardware of one crosswalk controller, which stands on the near side.

    Args:
        settings: as in the kind's SETTINGS table.
        on_input: called with (name, value, time_ms), from any thread: levels of pins, readings of sensors and judgements on them, and None
            for a line that has something to be taken in ``step``.

    Raises:
        SettingsError: a setting is wrong.
        PinError: a pin is not to be had; pins taken before it are free again. A port that cannot be opened is no error, but a fault
            that heals.
    """

    _lines: Lines

    def __init__(self, settings: Mapping[str, object], on_input: OnInput) -> None:
        whole = completed(settings)
        pins = Pins(on_input)
        pins.take_contacts(("button", "tamper", "supply"), whole)
        # Pulled up, a cut wire is day, never night.
        pins.take_input("twilight", "twilight_pin", whole["twilight_pin"], active_low=True, pull="up")
        patterns = beacon_patterns(whole["pattern"], whole["night_percent"])
        super().__init__(whole, pins, Lines(whole, on_input), patterns)
        self._on_input = on_input
        self._counts = KeptFile(whole["counts_file"], KEPT_MAX, lambda failing: self._tell_counts(int(failing)))

    def start(self) -> None:
        """Begin to report, and bring back the counts."""
        super().start()
        self._tell_counts(self._counts.read())
        self._counts.start()

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Do what the logic asks for. Raises KeyError for an unknown name or pattern."""
        if name == "farside":
            self._lines.farside(pattern)
        elif name == "counts":
            self._counts.keep(pattern)
        else:
            super().output(name, pattern, now_ms)

    def close(self) -> None:
        """Dark and silent; all pins and ports given back. Harmless twice."""
        super().close()
        self._counts.close()

    def _tell_counts(self, value: str | int) -> None:
        self._on_input("counts", value, monotonic_ms())


class FarBinding(SideBinding):
    """The hardware of a unit on the far side; settings as in ``devices.crosswalk.far_settings``, all else as for ``Binding``."""

    _lines: FarLines

    def __init__(self, settings: Mapping[str, object], on_input: OnInput) -> None:
        whole = far_settings.completed(settings)
        pins = Pins(on_input)
        pins.take_contacts(("button",), whole)
        patterns = {name: one for base in BASES for name, one in beacon_patterns(base, whole["night_percent"]).items()}
        super().__init__(whole, pins, FarLines(whole, on_input), patterns)

    def tell(self, state: State) -> None:
        """Tell the near side how it is here."""
        self._lines.tell(state)
