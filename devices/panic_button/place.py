"""Where a button is: the place it was given, or that of the beacon it heard last. Runs on MicroPython and CPython alike."""

from devices.common.settings import SettingsError
from devices.panic_button import SETTINGS
from devices.panic_button.settings import entry, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

NAMES = ("building", "floor", "room")
BEACON_MAX = 4294967295


class Place:
    """One button's place. ``settings`` are completed ones. Raises SettingsError if an entry of ``beacons`` is wrong."""

    def __init__(self, settings: "Mapping[str, Any]") -> None:
        self._home = {name: settings[name] for name in NAMES if settings[name]}
        self._beacons: "dict[int, dict[str, str]]" = {}
        for number, value in enumerate(settings["beacons"]):
            self._add("beacon %d" % (number + 1), value)
        self._beacon: "int | None" = None
        self._heard_ms = 0

    def heard(self, beacon: int, at_ms: int) -> None:
        """A beacon was heard; a number that no beacon can have changes nothing."""
        if 0 <= beacon <= BEACON_MAX:
            self._beacon = beacon
            self._heard_ms = at_ms

    def data(self, now_ms: int) -> "dict[str, object]":
        """What an event says of the place. A beacon whose place is not known is told by its number, and no place is claimed beside it."""
        told: "dict[str, object]" = {}
        told.update(self._home if self._beacon is None else self._beacons.get(self._beacon, {}))
        if self._beacon is not None:
            told["beacon"] = self._beacon
            told["beacon_age_s"] = max(0, now_ms - self._heard_ms) // 1000
        return told

    def _add(self, name: str, value: object) -> None:
        row = entry(name, value, ("id",), NAMES)
        beacon = whole(name + ": id", row["id"], 0, BEACON_MAX)
        if beacon in self._beacons:
            raise SettingsError("%s: id %d has a place already" % (name, beacon))
        place = {"building": self._home["building"]}
        for key in NAMES:
            text = row.get(key, place.get(key, ""))
            most = SETTINGS[key][3]
            if type(text) is not str or most is None or len(text) > most:
                raise SettingsError("%s: %s must be a text of at most %s characters" % (name, key, most))
            if text:
                place[key] = text
        self._beacons[beacon] = place
