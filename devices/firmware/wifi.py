"""Wi-Fi: joins one of the networks it knows, leaves one that is gone, and never gives up. It never blocks the loop.

Networks stand in order of preference, and are tried as a link tries its brokers (``agent.link.path``). There is no scan: it blocks for
seconds, and a network that is out of reach says so within the join. The driver's own reconnecting is off, for it would hold on to a
network that is gone and say nothing.

A fixed address that leads to no broker is given up for DHCP's, in the same network, and tried again when that is joined anew: somebody may
have changed the network, and an alarm has to get out. A network that leads nowhere with DHCP, as behind a captive portal, is left for
another.

An address that DHCP gave before a sleep is taken again without asking, as if it were fixed, in the first join of the same network and until
its time is over: half of the lease, when DHCP's own client would ask again (RFC 2131, T1).
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
LOOK_MS = 20
"""How often the driver is asked. It has no callback."""
FIXED_MS = 10_000
"""Within this time of joining, a fixed address has to lead to a broker."""
NOWHERE_MS = 120_000
"""And a network in which DHCP gave the address, if another is known."""
NO_LEASE: "tuple[tuple[str, ...], int]" = ((), 0)


class Wifi:
    """The station's side of Wi-Fi.

    Args:
        network: MicroPython's module ``network``.
        known: the networks, in order of preference, as `devices.firmware.config` has them: ``ssid``, ``key``, ``fixed`` (the address, as
            ``ifconfig`` takes it, or None for DHCP's), ``lease_s`` (how long DHCP gives it for, 0 if nobody knows).
        now_ms: monotonic milliseconds.
        log: for people.
        random: returns an int below 1000.
        on_change: called with whether a network is joined, when that changes.
        lease: an address that DHCP gave in the first of the networks, and until when it may be used.
    """

    def __init__(
        self,
        network: "Any",
        known: "list[dict[str, Any]]",
        now_ms: "Callable[[], int]",
        log: "Any",
        random: "Callable[[], int]",
        on_change: "Callable[[bool], None]",
        lease: "tuple[tuple[str, ...], int]" = NO_LEASE,
    ) -> None:
        self._wlan = network.WLAN(network.STA_IF)
        self._wrong_password = network.STAT_WRONG_PASSWORD
        self._failures = {
            self._wrong_password: "wrong password",
            network.STAT_NO_AP_FOUND: "not in reach",
            network.STAT_ASSOC_FAIL: "the access point refuses",
            network.STAT_HANDSHAKE_TIMEOUT: "wrong password, or too far away",
            network.STAT_BEACON_TIMEOUT: "too far away",
        }
        self._known = known
        self._now_ms = now_ms
        self._log = log
        self._on_change = on_change
        self._path = Path(len(known), LEAST_WAIT_MS, MOST_WAIT_MS, random)
        self._since_ms = self._next_ms = now_ms()
        self._hurried = False
        self._on = False
        self._fixed = False
        self._astray = False
        """Whether the address led to no broker: DHCP is asked next."""
        self._reached = False
        self.lease = lease
        """The address that DHCP gave in the network that is joined, and until when it may be used without asking again."""
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
    def chosen(self) -> "dict[str, Any]":
        """The network that is joined, or tried next."""
        return self._known[self._path.index]

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
                if not self._fixed:
                    self.lease = (self._wlan.ifconfig(), now_ms + self.chosen["lease_s"] * 500)
                self._log.info("wifi joined", network=self.chosen["ssid"])
                self._on_change(True)
            elif self._fixed and self.lease[0] and now_ms >= self.lease[1]:
                self._away("its lease is half over", 0)
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
            self._wlan.config(reconnects=0)
            self._on = True
        self.state = JOINING
        self._since_ms = self._now_ms()
        chosen = self.chosen
        fixed = chosen["fixed"]
        if self.lease[1] > self._since_ms:
            fixed = self.lease[0]
        else:
            self.lease = NO_LEASE
        if self._astray:
            fixed = None
        self._astray = False
        if fixed is not None:
            self._wlan.ifconfig(fixed)
        elif self._fixed:
            try:
                self._wlan.ifconfig("dhcp")
            except OSError:  # it is asked already
                pass
        self._fixed = fixed is not None
        self._reached = False
        self._wlan.connect(chosen["ssid"], chosen["key"])

    def _doubt(self, joined_ms: int) -> None:
        """No broker was reached over this network since it was joined."""
        if self._fixed and joined_ms >= FIXED_MS:
            self._astray = True
            self._away("no broker over its address", 0)
        elif joined_ms >= NOWHERE_MS and len(self._known) > 1:
            self._away("no broker", self._path.doubted())

    def _away(self, reason: str, wait_ms: int) -> None:
        """Not joined, or not any more. The path stands at the network that is tried next."""
        was, self.state = self.state, WAITING
        self._since_ms = self._now_ms()
        self._next_ms = self._since_ms + wait_ms
        self.lease = NO_LEASE
        try:
            self._wlan.disconnect()
        except OSError:  # it was not connected
            pass
        self._log.warning(
            "wifi left" if was == JOINED else "wifi not joined",
            reason=reason,
            next=self.chosen["ssid"],
            retry_ms=wait_ms,
        )
        if was == JOINED:
            self._on_change(False)
