"""The crosswalk's hardware on Linux: pins through gpiozero's, serial lines through their reader threads, the beacon by its player.

It decides nothing. What the lamps do in the end rests on two that do not know each other: the player's thread drives them, the loop holds
their supply, and without either they are dark.
"""

from collections.abc import Callable, Mapping
from typing import Any

from devices.binding import PinsAndLines
from devices.crosswalk.beacon import Player
from devices.crosswalk.counts import KEPT_MAX
from devices.crosswalk.lines import Lines
from devices.crosswalk.patterns import OFF, OUTPUTS, beacon_patterns
from devices.crosswalk.settings import completed
from devices.kept_file import KeptFile
from devices.pins import Pins, monotonic_ms

BUTTON_LAMP_HZ = 200


class Binding(PinsAndLines):
    """The hardware of one crosswalk controller.

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

    def __init__(self, settings: Mapping[str, object], on_input: Callable[[str, Any, int], None]) -> None:
        whole = completed(settings)
        pins = Pins(on_input)
        _take_inputs(pins, whole)
        _take_outputs(pins, whole)
        pair = pins.take_bare("left_pin", whole["left_pin"]), pins.take_bare("right_pin", whole["right_pin"])
        super().__init__(pins, Lines(whole, on_input))
        self._player = Player(pair, beacon_patterns(whole["pattern"], whole["night_percent"]))
        self._on_input = on_input
        self._counts = KeptFile(whole["counts_file"], KEPT_MAX, lambda failing: self._tell_counts(int(failing)))

    def start(self) -> None:
        """Begin to report, every input's present level first."""
        super().start()
        self._player.start()
        self._tell_counts(self._counts.read())
        self._counts.start()

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Do what the logic asks for. Raises KeyError for an unknown name or pattern."""
        if name == "beacon":
            self._player.play(pattern)
            self._lines.light(pattern != OFF, now_ms)
        elif name == "supply":
            self._lines.supply(pattern)
        elif name == "farside":
            self._lines.farside(pattern)
        elif name == "counts":
            self._counts.keep(pattern)
        else:
            super().output(name, pattern, now_ms)

    def close(self) -> None:
        """Dark and silent; all pins and ports given back. Harmless twice."""
        self._player.close()
        super().close()
        self._counts.close()

    def _tell_counts(self, value: str | int) -> None:
        self._on_input("counts", value, monotonic_ms())


def _take_inputs(pins: Pins, whole: Mapping[str, Any]) -> None:
    pins.take_contacts(("button", "tamper", "supply"), whole)
    # Pulled up, a cut wire is somebody, never nobody ...
    pins.take_input("pir", "pir_pin", whole["pir_pin"], active_low=False, pull="up")
    # ... and day, never night.
    pins.take_input("twilight", "twilight_pin", whole["twilight_pin"], active_low=True, pull="up")


def _take_outputs(pins: Pins, whole: Mapping[str, Any]) -> None:
    for name in ("flood", "locator", "speech"):
        pins.take_output(name, name + "_pin", whole[name + "_pin"], OUTPUTS[name])
    pins.take_output("button", "button_lamp_pin", whole["button_lamp_pin"], OUTPUTS["button"], frequency=BUTTON_LAMP_HZ)
