"""Which level presses mean: so many presses within a time, or a press held for a time, by a checked table.

Guarantees: the level of each press and each hold is known at that very moment, nothing is waited for; in a table that is accepted each
gesture can be the first that raises an alarm to its level, and no two are the same. It raises no alarm. Runs on MicroPython and CPython
alike.
"""

from devices.common.settings import SettingsError
from devices.panic_button import LEVELS
from devices.panic_button.settings import entry, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Count = tuple[int, int, int]  # presses, within_ms, level
    Hold = tuple[int, int]  # hold_ms, level

FASTEST_MS = 200  # from press to press: nobody does much better on purpose
PRESSES_MAX = 20
WITHIN_MAX_MS = 60_000
HOLD_MIN_MS = 1000  # less than that is a press
HOLD_MAX_MS = 30_000


class Gestures:
    """The presses of one button against one table. Raises SettingsError if the table is no good."""

    def __init__(self, table: "list[Any]", stuck_ms: int) -> None:
        self._counts, self._holds = checked(table, stuck_ms)
        self._most = max([presses for presses, _within_ms, _level in self._counts] + [1])
        self._times: "list[int]" = []
        self._held_ms = 0  # the longest hold of the present press that was told

    def press(self, at_ms: int) -> int:
        """Take a press; return its level, 0 if it completes no gesture."""
        self._held_ms = 0
        self._times.append(at_ms)
        if len(self._times) > self._most:
            self._times.pop(0)
        level = 0
        for presses, within_ms, gains in self._counts:
            if len(self._times) >= presses and at_ms - self._times[-presses] <= within_ms:
                level = max(level, gains)
        return level

    def hold(self, held_ms: int) -> int:
        """Take how long the present press has been held; return the level it reached, 0 if none that was not told before."""
        level = 0
        for hold_ms, gains in self._holds:
            if self._held_ms < hold_ms <= held_ms:
                level = gains
        if level:
            self._held_ms = held_ms
        return level

    def next_hold_ms(self) -> "int | None":
        """How long the present press must be held for the next level, None if there is no more."""
        for hold_ms, _level in self._holds:
            if hold_ms > self._held_ms:
                return hold_ms
        return None

    def forget(self) -> None:
        """Let no press so far count towards a gesture of later ones."""
        self._times = []


def checked(table: "list[Any]", stuck_ms: int) -> "tuple[list[Count], list[Hold]]":
    """The table's counts, and its holds, the shortest first.

    Raises:
        SettingsError: an entry is wrong, two are the same gesture, or one can never be reached.
    """
    counts: "list[tuple[Count, str]]" = []
    holds: "list[tuple[Hold, str]]" = []
    for number, value in enumerate(table):
        name = "gesture %d" % (number + 1)
        if type(value) is dict and "hold_ms" in value:
            row = entry(name, value, ("level", "hold_ms"), ())
            hold_ms = whole(name + ": hold_ms", row["hold_ms"], HOLD_MIN_MS, HOLD_MAX_MS)
            if hold_ms >= stuck_ms:
                raise SettingsError(
                    "%s can never be reached: stuck_s is over before hold_ms; make stuck_s longer" % name
                )
            holds.append(((hold_ms, _level(name, row["level"])), name))
        else:
            row = entry(name, value, ("level", "presses", "within_ms"), ())
            presses = whole(name + ": presses", row["presses"], 2, PRESSES_MAX)
            within_ms = whole(name + ": within_ms", row["within_ms"], FASTEST_MS, WITHIN_MAX_MS)
            counts.append(((presses, within_ms, _level(name, row["level"])), name))
    _no_twins([(gesture[:2], name) for gesture, name in counts] + [(gesture[:1], name) for gesture, name in holds])
    for gesture, name in counts:
        presses, within_ms, level = gesture
        if shortest_ms(presses, [], FASTEST_MS) > within_ms:
            raise SettingsError(
                "%s can never be reached: %d presses take %d ms or more" % (name, presses, (presses - 1) * FASTEST_MS)
            )
        rivals = [other for other, _name in counts if other is not gesture and other[2] >= level]
        if shortest_ms(presses, rivals, FASTEST_MS) > within_ms:
            raise _unreachable(name)
    for hold, name in holds:
        for rival, _name in holds:
            if rival is not hold and rival[0] < hold[0] and rival[1] >= hold[1]:
                raise _unreachable(name)
    return [gesture for gesture, _name in counts], sorted([hold for hold, _name in holds])


def shortest_ms(presses: int, rivals: "list[Count]", fastest_ms: int) -> int:
    """The shortest time that so many presses can take without being one of ``rivals``, at ``fastest_ms`` from press to press at least."""
    times = [0]
    for number in range(1, presses):
        at_ms = times[number - 1] + fastest_ms
        for rival_presses, rival_ms, _level in rivals:
            if number >= rival_presses - 1:
                at_ms = max(at_ms, times[number - rival_presses + 1] + rival_ms + 1)
        times.append(at_ms)
    return times[-1]


def _level(name: str, word: object) -> int:
    for level in range(1, len(LEVELS)):
        if word == LEVELS[level]:
            return level
    if word == LEVELS[0]:
        raise SettingsError("%s can never be reached: the first press has the level %s already" % (name, LEVELS[0]))
    raise SettingsError("%s: level must be one of %s, not %s" % (name, ", ".join(LEVELS[1:]), repr(word)[:60]))


def _no_twins(gestures: "list[tuple[tuple[int, ...], str]]") -> None:
    seen: "dict[tuple[int, ...], str]" = {}
    for gesture, name in gestures:
        if gesture in seen:
            raise SettingsError("%s and %s are the same gesture; a gesture has one level" % (seen[gesture], name))
        seen[gesture] = name


def _unreachable(name: str) -> SettingsError:
    return SettingsError("%s can never be reached: another of its level or a higher one always comes before it" % name)
