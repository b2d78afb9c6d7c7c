"""A kind's settings, completed and checked against its table.

Guarantees that what it returns has every key of the table, each of the right type and in range, and that no pin serves two purposes.
Reads no file and touches no hardware. Runs on MicroPython and CPython alike.

A table is ``name -> (type, default, minimum, maximum, help)``. The bounds are of a number's value, of a text's length in characters, of a
list's length in entries; None for flags. What a list holds, its owner checks.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Table = Mapping[str, tuple[type[Any], Any, int | None, int | None, str]]

WORDS = {bool: "true or false", int: "a whole number", str: "a text", list: "a list"}
UNITS = {int: "", str: " characters", list: " entries"}


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type, out of range, or takes another's pin. The text says which and what is allowed."""


def completed(kind: str, table: "Table", pins: "Sequence[str]", settings: "Mapping[str, object]") -> "dict[str, Any]":
    """Return all settings of ``kind``, defaults filled in; ``pins`` are the names of those that are pin numbers, negative: not fitted.

    Raises:
        SettingsError: names the setting, what was given, and what is allowed.
    """
    for name in settings:
        if name not in table:
            known = ", ".join(sorted(table))
            raise SettingsError("setting %s is unknown to %s; known are: %s" % (name, kind, known))
    whole = {name: _checked(name, table[name], settings.get(name, table[name][1])) for name in table}
    taken: dict[int, str] = {}
    for name in pins:
        pin = whole[name]
        if pin < 0:
            continue
        if pin in taken:
            raise SettingsError("%s and %s both name GPIO%d; give each its own pin" % (taken[pin], name, pin))
        taken[pin] = name
    return whole


def _checked(name: str, entry: "tuple[type[Any], Any, int | None, int | None, str]", value: "Any") -> "Any":
    wanted, _default, minimum, maximum, meaning = entry
    if meaning:  # a board's firmware carries none
        name = "%s (%s)" % (name, meaning)
    if type(value) is not wanted:
        raise SettingsError("setting %s must be %s, not %s" % (name, WORDS[wanted], repr(value)[:60]))
    if minimum is not None and maximum is not None:
        size = value if wanted is int else len(value)
        if not minimum <= size <= maximum:
            allowed = "%d to %d%s" % (minimum, maximum, UNITS[wanted])
            raise SettingsError("setting %s must be %s, not %d" % (name, allowed, size))
    return value
