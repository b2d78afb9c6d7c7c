"""A driver for ``devices.firmware.wifi`` that does what the test says, in the words of MicroPython's ``network``.

Runs on both interpreters.
"""

STA_IF = 0
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_BEACON_TIMEOUT = 200
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204

GIVEN = ("10.0.0.9", "255.255.255.0", "10.0.0.1", "10.0.0.1")


class WLAN:
    """The station. ``air`` names what can be joined, with the strength; ``calls`` are what the firmware did."""

    def __init__(self, interface: int) -> None:
        self.interface = interface
        self.air: dict[str, int] = {}
        self.silent = False
        self.breaks = 0
        self.calls: list[str] = []
        self.tried = ""
        self.state = STAT_IDLE
        self.secrets: dict[str, str] = {}
        self.dhcp = True

    def active(self, on: bool) -> None:
        """On or off."""
        self.calls.append("on" if on else "off")

    def config(self, reconnects: int) -> None:
        """As often does the driver itself try again."""
        self.calls.append("reconnects %d" % reconnects)  # noqa: UP031

    def connect(self, name: str, password: str) -> None:
        """Begin to join."""
        if self.breaks:
            self.breaks -= 1
            raise OSError("Wifi Internal Error")
        self.calls.append("join " + name)
        self.tried = name
        if self.silent:
            self.state = STAT_CONNECTING
        elif name not in self.air:
            self.state = STAT_NO_AP_FOUND
        elif self.secrets.get(name, password) != password:
            self.state = STAT_WRONG_PASSWORD
        else:
            self.state = STAT_GOT_IP

    def ifconfig(self, address: "tuple[str, ...] | str | None" = None) -> "tuple[str, ...] | None":
        """The address that DHCP gave, or the one to take; DHCP cannot be asked to begin twice."""
        if address is None:
            return GIVEN
        if address == "dhcp":
            if self.dhcp:
                self.calls.append("address of its own again")
                raise OSError("ESP_ERR_ESP_NETIF_DHCP_ALREADY_STARTED")
            self.dhcp = True
        else:
            self.dhcp = False
        self.calls.append("address " + (address if isinstance(address, str) else address[0]))
        return None

    def disconnect(self) -> None:
        """End whatever there is."""
        if self.state == STAT_IDLE:
            raise OSError("Wifi Not Connected")
        self.state = STAT_IDLE

    def isconnected(self) -> bool:
        """Whether there is an address."""
        if self.state == STAT_GOT_IP and self.tried not in self.air:
            self.state = STAT_NO_AP_FOUND
        return self.state == STAT_GOT_IP

    def status(self, what: str = "") -> int:
        """The state, or the strength in dBm."""
        if what == "rssi":
            if not self.isconnected():
                raise OSError("Wifi Not Connected")
            return self.air[self.tried]
        return self.state
