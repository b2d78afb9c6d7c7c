# WLAN of an ESP32 in the air that the host describes: a list of access points (ssid, key, rssi, channel, join_ms, dhcp_ms, network).
import time

import sim_bus

STA_IF = 0
AP_IF = 1
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204
MODE_11B, MODE_11G, MODE_11N = 1, 2, 4
AUTH_OPEN, AUTH_WPA2_PSK = 0, 3

_air = []
_names = ["mpy-esp32"]
_country = ["XX"]
_NOT_FOUND_MS = 20
_station = None  # the one station interface


class WLAN:
    """One interface. While it is not connected it tries for ever, as ESP-IDF does, or as often as config(reconnects=...) says."""

    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2

    def __new__(cls, interface=STA_IF):
        return _station if interface == STA_IF and _station is not None else object.__new__(cls)

    def __init__(self, interface=STA_IF):
        if self is _station:
            return
        self._active = False
        self._wanted = None  # (ssid, key)
        self._joined = None  # the access point
        self._until = None  # the end of the attempt under way
        self._reason = 0
        self._settings = {"reconnects": -1, "txpower": 20, "pm": WLAN.PM_PERFORMANCE, "channel": 1}
        self._left = -1
        self._fixed = None

    def active(self, on=None):
        if on is None:
            return self._active
        self._active = bool(on)
        if not on:
            self._wanted = self._joined = self._until = None
            self._reason = 0
        return self._active

    def connect(self, ssid=None, key=None, *, bssid=None):
        if not self._active:
            raise OSError("Wifi Not Started")
        self._look()
        if self._until is not None:
            raise OSError("Wifi Internal Error")  # ESP-IDF: sta is connecting
        if ssid is not None:
            self._wanted = (_text(ssid), _text(key or ""))
        if self._wanted is None:
            raise OSError("Wifi Invalid SSID")
        self._left = self._settings["reconnects"]
        self._joined = None
        self._reason = 0
        self._try(time.ticks_ms())

    def disconnect(self):
        self._wanted = self._joined = self._until = None
        self._reason = 0

    def isconnected(self):
        self._look()
        return self._joined is not None

    def status(self, what=None):
        self._look()
        if what == "rssi":
            if self._joined is None:
                raise OSError("Wifi Not Connected")
            return self._joined["rssi"]
        if what is not None:
            raise ValueError("unknown status param")
        if self._joined is not None:
            return STAT_GOT_IP
        if self._reason:
            return self._reason
        return STAT_CONNECTING if self._wanted else STAT_IDLE

    def scan(self):
        if not self._active:
            raise OSError("Wifi Not Started")
        time.sleep_ms(5)
        return [
            (
                one["ssid"].encode(),
                bytes((2, 0, 0, 0, 0, i)),
                one["channel"],
                one["rssi"],
                3 if one["key"] else 0,
                False,
            )
            for i, one in enumerate(_air)
        ]

    def config(self, *names, **settings):
        if len(names) == 1 and not settings:
            return self._setting(names[0])
        if names:
            raise TypeError("either a name or settings")
        for name, value in settings.items():
            if name in ("hostname", "dhcp_hostname"):
                _names[0] = value
            elif name in self._settings:
                self._settings[name] = value
            else:
                raise ValueError("unknown config param")

    def _setting(self, name):
        if name == "mac":
            return _mac
        if name in ("ssid", "essid"):
            return self._joined["ssid"] if self.isconnected() else ""
        if name in ("hostname", "dhcp_hostname"):
            return _names[0]
        if name in self._settings:
            return self._settings[name]
        raise ValueError("unknown config param")

    def ifconfig(self, config=None):
        if config == "dhcp":
            if self._fixed is None and self.isconnected():
                raise OSError("ESP_ERR_ESP_NETIF_DHCP_ALREADY_STARTED")
            self._fixed = None
        elif config is not None:
            address, netmask, gateway, dns = config
            self._fixed = (address, netmask, gateway, dns)
        elif not self.isconnected():
            return ("0.0.0.0",) * 4
        else:
            here = self._joined["network"]
            return self._fixed or (here + "2", "255.255.255.0", here + "1", here + "1")

    def _leads_on(self):
        # Whether packets find their way: from the address that DHCP gave, or from a fixed one of this network.
        return self.isconnected() and (self._fixed is None or self._fixed[0].startswith(self._joined["network"]))

    def ipconfig(self, *names, **_settings):
        if names == ("addr4",):
            return self.ifconfig()[:2]
        raise ValueError("unknown config param")

    def _try(self, now):
        found = _access_point(self._wanted[0])
        self._until = time.ticks_add(
            now, found["join_ms"] + (found["dhcp_ms"] if self._fixed is None else 0) if found else _NOT_FOUND_MS
        )

    def _look(self):
        """Let happen what happened since somebody looked last."""
        if self._joined is not None and self._joined not in _air:
            found = _access_point(self._joined["ssid"])
            if found is not None and found["key"] == self._joined["key"]:
                self._joined = found  # the same network, changed
            else:
                self._joined = None
                self._reason = STAT_BEACON_TIMEOUT
                self._left = self._settings["reconnects"]
                self._try(time.ticks_ms())
        while self._until is not None and time.ticks_diff(self._until, time.ticks_ms()) <= 0:
            began, self._until = self._until, None
            found = _access_point(self._wanted[0])
            if found is None:
                self._reason = STAT_NO_AP_FOUND
            elif found["key"] != self._wanted[1]:
                self._reason = STAT_WRONG_PASSWORD
            else:
                self._reason = 0
                self._joined = found
                sim_bus.say(sim_bus.JOIN, int(self._fixed is None))
                return
            if self._left:
                self._left -= 1
                self._try(began)


def _access_point(ssid):
    best = None
    for one in _air:
        if one["ssid"] == ssid and (best is None or one["rssi"] > best["rssi"]):
            best = one
    return best


def _text(name):
    return name.decode() if isinstance(name, bytes) else name


def hostname(name=None):
    if name is None:
        return _names[0]
    _names[0] = name


def country(code=None):
    if code is None:
        return _country[0]
    _country[0] = code


def _changed(_number, _value, _extra, payload):
    global _air
    _air = sim_bus.json.loads(payload)


_mac = bytes(6)
_station = WLAN(STA_IF)
sim_bus.handlers[sim_bus.AIR] = _changed
