"""Wi-Fi: joins one of the networks it knows, leaves one that is gone or too weak, and never gives up. It never blocks the loop.

Networks stand in order of preference, and are tried as a link tries its brokers (``agent.link.path``). There is no scan: it blocks for
seconds, and a network that is out of reach says so within the join. The driver's own reconnecting is off, for it would hold on to a
network that is gone and say nothing.

A fixed address that leads to no broker is given up for DHCP's, in the same network, and tried again when that is joined anew: somebody may
have changed the network, and an alarm has to get out. A network that leads nowhere with DHCP, as behind a captive portal, is left for
another.
"""

import asyncio

from agent.link.path import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WAITING = "waiting"
JOINING = "joining"
JOINED = "joined"

LEAST_WAIT_MS = 500
MOST_WAIT_MS = 60_000
JOIN_MS = 15_000
"""Association, keys and DHCP within this time, or the next network is tried."""
LOOK_MS = 200
"""How often the driver is asked. It has no callback."""
WEAK_LOOKS = 50
"""So many looks in a row below the least strength: ten seconds, not somebody who walks by."""
FIXED_MS = 10_000
"""Within this time of joining, a fixed address has to lead to a broker."""
NOWHERE_MS = 120_000
"""And a network in which DHCP gave the address, if another is known."""
_FAILURES = (
    ("STAT_WRONG_PASSWORD", "wrong password"),
    ("STAT_NO_AP_FOUND", "not in reach"),
    ("STAT_ASSOC_FAIL", "the access point refuses"),
    ("STAT_HANDSHAKE_TIMEOUT", "wrong password, or too far away"),
    ("STAT_BEACON_TIMEOUT", "too far away"),
    ("STAT_CONNECT_FAIL", "failed"),
)
"""Names of states in MicroPython's ``network``, of which each port has some."""


class Wifi:
    """The station's side of Wi-Fi.

    Args:
        network: MicroPython's module ``network``.
        known: (name, password, fixed address) of the networks, in order of preference; the address as ``ifconfig`` takes it, or None.
        now_ms: monotonic milliseconds.
        log: for people.
        random: returns an int below 1000.
        on_change: called with whether a network is joined, when that changes.
        least_dbm: a network that is weaker for long is left for another known one; None to stay as long as it holds.
    """

    def __init__(
        self,
        network: "Any",
        known: "list[tuple[str, str, tuple[str, ...] | None]]",
        now_ms: "Callable[[], int]",
        log: "Any",
        random: "Callable[[], int]",
        on_change: "Callable[[bool], None]",
        least_dbm: "int | None" = None,
    ) -> None:
        self._wlan = network.WLAN(network.STA_IF)
        self._failures = {getattr(network, name): text for name, text in _FAILURES if hasattr(network, name)}
        self._wrong_password = getattr(network, "STAT_WRONG_PASSWORD", None)
        self._known = known
        self._now_ms = now_ms
        self._log = log
        self._on_change = on_change
        self._least_dbm = least_dbm
        self._path = Path(len(known), LEAST_WAIT_MS, MOST_WAIT_MS, random)
        self._since_ms = self._next_ms = now_ms()
        self._weak = 0
        self._hurried = False
        self._on = False
        self._fixed = False
        self._wrong_place = -1
        """Place of the network whose fixed address led to no broker: there DHCP is asked next."""
        self._reached = False
        self.state = WAITING
        """``WAITING`` before the next attempt, ``JOINING``, or ``JOINED``."""

    @property
    def rssi(self) -> "int | None":
        """How strong the access point is heard, in dBm; None while no network is joined."""
        try:
            return int(self._wlan.status("rssi")) if self.state == JOINED else None
        except OSError:  # it has just gone
            return None

    async def run(self) -> None:
        """Join, and join again, until cancelled."""
        while True:
            self.step()
            await asyncio.sleep_ms(LOOK_MS)  # type: ignore[attr-defined]  # MicroPython's own

    @property
    def name(self) -> str:
        """The network that is joined, or tried next."""
        return self._known[self._path.index][0]

    def hurry(self) -> None:
        """An alarm waits: skip the wait before the next attempt, if there is one."""
        self._hurried = self.state != JOINED

    def reached(self) -> None:
        """A broker is reached: the network that is joined leads somewhere."""
        self._reached = True

    def step(self) -> None:
        """Look at the driver once, and do what is due."""
        try:
            self._step()
        except OSError as error:  # the driver is in a state of its own: begin anew
            self._on = False
            self._away("the driver fails: %r" % error, self._path.failed())

    def _step(self) -> None:
        now_ms = self._now_ms()
        if self.state == WAITING:
            if now_ms >= self._next_ms or (self._hurried and now_ms >= self._since_ms + LEAST_WAIT_MS):
                self._join()
        elif self._wlan.isconnected():
            if self.state == JOINING:
                self.state = JOINED
                self._since_ms = now_ms
                self._weak = 0
                self._log.info("wifi joined", network=self.name)
                self._on_change(True)
            elif self._too_weak():
                self._away("too weak", self._path.doubted())
            elif not self._reached:
                self._doubt(now_ms - self._since_ms)
        elif self.state == JOINED:
            self._away("gone", self._path.ended(now_ms - self._since_ms))
        else:
            status = self._wlan.status()
            failure = self._failures.get(status)
            if failure is None and now_ms - self._since_ms >= JOIN_MS:
                failure = "no answer in time"
            if failure is not None:
                self._away(failure, self._path.failed(refused=status == self._wrong_password))

    def _join(self) -> None:
        self._hurried = False
        if not self._on:
            self._wlan.active(False)
            self._wlan.active(True)
            try:
                self._wlan.config(reconnects=0)
            except (ValueError, TypeError):  # a port without reconnecting of its own
                pass
            self._on = True
        self.state = JOINING
        self._since_ms = self._now_ms()
        name, password, fixed = self._known[self._path.index]
        if self._path.index == self._wrong_place:
            fixed = None
        self._wrong_place = -1
        if fixed is not None:
            self._wlan.ifconfig(fixed)
        elif self._fixed:
            try:
                self._wlan.ifconfig("dhcp")
            except OSError:  # it is asked already
                pass
        self._fixed = fixed is not None
        self._reached = False
        self._wlan.connect(name, password)

    def _doubt(self, joined_ms: int) -> None:
        """No broker was reached over this network since it was joined."""
        if self._fixed and joined_ms >= FIXED_MS:
            self._wrong_place = self._path.index
            self._away("no broker over its fixed address", 0)
        elif joined_ms >= NOWHERE_MS and len(self._known) > 1:
            self._away("no broker", self._path.doubted())

    def _away(self, reason: str, wait_ms: int) -> None:
        """Not joined, or not any more. The path stands at the network that is tried next."""
        was, self.state = self.state, WAITING
        self._since_ms = self._now_ms()
        self._next_ms = self._since_ms + wait_ms
        try:
            self._wlan.disconnect()
        except OSError:  # it was not connected
            pass
        self._log.warning(
            "wifi left" if was == JOINED else "wifi not joined", reason=reason, next=self.name, retry_ms=wait_ms
        )
        if was == JOINED:
            self._on_change(False)

    def _too_weak(self) -> bool:
        """Whether the signal has been weaker than wanted for long, and there is something else to try."""
        if self._least_dbm is None or len(self._known) < 2:
            return False
        self._weak = self._weak + 1 if self._wlan.status("rssi") < self._least_dbm else 0
        return self._weak >= WEAK_LOOKS
