# What only an ESP32 has: non-volatile storage, and the pins that end a deep sleep.
import json

import sim_bus

WAKEUP_ALL_LOW = 0
WAKEUP_ANY_HIGH = 1
_NOT_FOUND = -4354
_INVALID_LENGTH = -4364
_KEY_TOO_LONG = -4361
_stored = {}  # namespace -> key -> whole number, or bytes as hex text: what is committed
_wake = {"ext0": None, "ext1": None}


class NVS:
    """One namespace. What is set is lost with the power until `commit`."""

    def __init__(self, namespace):
        if not 0 < len(namespace) < 16:
            raise OSError(_KEY_TOO_LONG)
        self._namespace = namespace
        self._values = dict(_stored.get(namespace, {}))

    def get_i32(self, key):
        value = self._values.get(key)
        if not isinstance(value, int):
            raise OSError(_NOT_FOUND)
        return value

    def set_i32(self, key, value):
        if not -0x80000000 <= value <= 0x7FFFFFFF:
            raise OverflowError
        self._set(key, value)

    def get_blob(self, key, buffer):
        value = self._values.get(key)
        if not isinstance(value, str):
            raise OSError(_NOT_FOUND)
        data = bytes.fromhex(value)
        if len(data) > len(buffer):
            raise OSError(_INVALID_LENGTH)
        buffer[: len(data)] = data
        return len(data)

    def set_blob(self, key, value):
        if len(value) > 4000:
            raise OSError(_INVALID_LENGTH)
        self._set(key, bytes(value).hex())

    def erase_key(self, key):
        if key not in self._values:
            raise OSError(_NOT_FOUND)
        del self._values[key]

    def commit(self):
        _stored[self._namespace] = dict(self._values)
        sim_bus.call(sim_bus.NVS, payload=json.dumps([self._namespace, self._values]).encode())

    def _set(self, key, value):
        if not 0 < len(key) < 16:
            raise OSError(_KEY_TOO_LONG)
        self._values[key] = value


def wake_on_ext0(pin=None, level=None):
    _wake["ext0"] = None if pin is None else ([pin.id], 1 if level else 0)


def wake_on_ext1(pins=None, level=WAKEUP_ALL_LOW):
    _wake["ext1"] = None if not pins else ([pin.id for pin in pins], 1 if level else 0)


def raw_temperature():
    return 110
