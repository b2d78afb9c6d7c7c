"""Wi-Fi of a board: which network is joined when, by a driver that does what the test says and a clock that the test moves."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devices.firmware import wifi
from devices.firmware.wifi import JOINED, JOINING, WAITING, Wifi
from tests.devices.firmware import radio
from tests.devices.firmware.boards import MICROPYTHON, ROOT

Known = list[tuple[str, str, tuple[str, ...] | None]]
KNOWN: Known = [("home", "secret", None), ("spare", "other", None), ("phone", "third", None)]
HOME: Known = [("home", "secret", None)]
FIXED: Known = [("home", "secret", ("10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1"))]


class Notes:
    """What is logged."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def info(self, message: str, **facts: Any) -> None:
        self.said.append((message, facts))

    warning = info


class Rig:
    """Wi-Fi, its driver, and a clock moved by hand."""

    def __init__(self, known: Known | None = None, least_dbm: int | None = None, *, broker: bool = True) -> None:
        self.ms = 1000
        self.notes = Notes()
        self.changes: list[bool] = []
        self.wifi = Wifi(radio, known or KNOWN, lambda: self.ms, self.notes, lambda: 500, self._changed, least_dbm)
        self._broker = broker
        self.wlan = self.wifi._wlan

    def _changed(self, joined: bool) -> None:
        self.changes.append(joined)
        if joined and self._broker:
            self.wifi.reached()

    def go(self, ms: int) -> None:
        """Let time pass, looking as often as the board does."""
        end = self.ms + ms
        while self.ms < end:
            self.wifi.step()
            self.ms += wifi.LOOK_MS

    def joins(self) -> list[str]:
        return [call[5:] for call in self.wlan.calls if call.startswith("join ")]

    def reasons(self) -> list[str]:
        return [facts["reason"] for _, facts in self.notes.said if "reason" in facts]


def test_the_preferred_network_is_joined_and_the_drivers_own_reconnecting_is_off() -> None:
    rig = Rig()
    rig.wlan.air = {"home": -50, "spare": -40}
    assert (rig.wifi.state, rig.wifi.name) == (WAITING, "home")
    rig.wifi.step()
    assert rig.wifi.state == JOINING
    rig.go(60_000)
    assert (rig.wifi.state, rig.wifi.name, rig.changes) == (JOINED, "home", [True])
    assert rig.wlan.calls == ["off", "on", "reconnects 0", "join home"]
    assert rig.notes.said == [("wifi joined", {"network": "home"})]


def test_a_network_that_is_out_of_reach_is_passed_over_and_all_are_tried_in_turn() -> None:
    rig = Rig()
    rig.wlan.air = {"phone": -70}
    rig.go(3000)
    assert (rig.wifi.state, rig.joins()) == (JOINED, ["home", "spare", "phone"])
    assert rig.reasons() == ["not in reach", "not in reach"]
    assert [facts["next"] for message, facts in rig.notes.said if message == "wifi not joined"] == ["spare", "phone"]


def test_waits_grow_from_round_to_round_up_to_a_minute() -> None:
    rig = Rig()
    rig.go(3_600_000)
    waits = [facts["retry_ms"] for _, facts in rig.notes.said]
    assert waits[:9] == [500, 500, 500, 500, 500, 1000, 500, 500, 2000]
    assert max(waits) == wifi.MOST_WAIT_MS
    assert rig.joins()[:4] == ["home", "spare", "phone", "home"]
    assert rig.changes == []


def test_a_wrong_password_is_said_and_waits_longer_for_its_round() -> None:
    rig = Rig([("home", "wrong", None)])
    rig.wlan.air = {"home": -50}
    rig.wlan.secrets = {"home": "secret"}
    rig.go(1000)
    assert rig.notes.said[0] == ("wifi not joined", {"reason": "wrong password", "next": "home", "retry_ms": 8000})
    rig.wlan.secrets = {}
    rig.go(10_000)
    assert rig.wifi.state == JOINED


def test_an_access_point_that_gives_no_address_costs_one_timeout() -> None:
    rig = Rig()
    rig.wlan.air = {"spare": -50}
    rig.wlan.silent = True
    rig.go(wifi.JOIN_MS)
    assert rig.wifi.state == JOINING
    rig.wlan.silent = False
    rig.go(2000)
    assert rig.reasons() == ["no answer in time"]
    assert (rig.wifi.state, rig.wifi.name) == (JOINED, "spare")


def test_a_network_that_is_gone_is_left_for_another_and_the_preferred_one_comes_back_after_a_good_time() -> None:
    rig = Rig()
    rig.wlan.air = {"home": -50, "spare": -50}
    rig.go(5000)
    del rig.wlan.air["home"]
    rig.go(5000)
    assert (rig.joins(), rig.changes, rig.reasons()) == (["home", "spare"], [True, False, True], ["gone"])
    rig.go(200_000)
    rig.wlan.air = {"home": -50}
    rig.go(5000)
    assert (rig.joins(), rig.changes) == (["home", "spare", "home"], [True, False, True, False, True])


def test_a_network_that_is_weak_for_long_is_left_and_somebody_who_walks_by_is_not_seen() -> None:
    rig = Rig(least_dbm=-80)
    rig.wlan.air = {"home": -85, "spare": -60}
    rig.go(1000)
    for _ in range(5):
        rig.go((wifi.WEAK_LOOKS - 10) * wifi.LOOK_MS)
        rig.wlan.air["home"] = -80
        rig.go(wifi.LOOK_MS)
        rig.wlan.air["home"] = -81
    assert rig.joins() == ["home"]
    rig.go((wifi.WEAK_LOOKS + 10) * wifi.LOOK_MS)
    assert (rig.joins(), rig.reasons()) == (["home", "spare"], ["too weak"])
    rig.go(3_600_000)
    assert rig.joins() == ["home", "spare"]


def test_each_network_has_its_own_time_to_be_found_too_weak() -> None:
    rig = Rig(least_dbm=-80)
    rig.wlan.air = {"home": -85, "spare": -85}
    rig.go((wifi.WEAK_LOOKS + 10) * wifi.LOOK_MS)
    assert rig.joins() == ["home", "spare"]
    rig.go((wifi.WEAK_LOOKS - 20) * wifi.LOOK_MS)
    assert rig.joins() == ["home", "spare"]


@pytest.mark.parametrize(("known", "least_dbm"), [(HOME, -80), (KNOWN, None)])
def test_a_weak_network_is_kept_where_there_is_no_other_or_nobody_minds(known: Any, least_dbm: int | None) -> None:
    rig = Rig(known, least_dbm)
    rig.wlan.air = {"home": -90}
    rig.go(100_000)
    assert (rig.wifi.state, rig.joins()) == (JOINED, ["home"])


def test_the_strength_is_told_while_a_network_is_joined() -> None:
    rig = Rig(HOME)
    rig.wlan.air = {"home": -61}
    told = [rig.wifi.rssi]
    rig.wifi.step()
    assert (rig.wifi.state, rig.wlan.status("rssi")) == (JOINING, -61)  # the driver is ahead: no address is known yet
    told.append(rig.wifi.rssi)
    rig.go(1000)
    told.append(rig.wifi.rssi)
    rig.wlan.air = {}  # gone, and nobody has looked yet
    told.append(rig.wifi.rssi)
    assert (rig.wifi.state, told) == (JOINED, [None, None, -61, None])


def test_a_network_that_leads_nowhere_is_left_for_another() -> None:
    rig = Rig(broker=False)
    rig.wlan.air = {"home": -50, "spare": -50}
    rig.go(wifi.NOWHERE_MS - 1000)
    assert (rig.wifi.state, rig.joins()) == (JOINED, ["home"])
    rig.go(3000)
    assert (rig.wifi.state, rig.wifi.name) == (JOINED, "spare")
    assert rig.notes.said[1] == ("wifi left", {"reason": "no broker", "next": "spare", "retry_ms": 500})
    rig.wifi.reached()
    rig.go(10 * wifi.NOWHERE_MS)
    assert rig.joins() == ["home", "spare"]


def test_the_only_network_is_kept_wherever_it_leads() -> None:
    rig = Rig(HOME, broker=False)
    rig.wlan.air = {"home": -50}
    rig.go(10 * wifi.NOWHERE_MS)
    assert rig.joins() == ["home"]


def test_a_fixed_address_is_taken_before_joining() -> None:
    rig = Rig(FIXED, broker=False)
    rig.wlan.air = {"home": -50}
    rig.go(wifi.FIXED_MS - 1000)
    rig.wifi.reached()
    rig.go(10 * wifi.NOWHERE_MS)
    assert rig.wlan.calls == ["off", "on", "reconnects 0", "address 10.0.0.7", "join home"]


def test_a_fixed_address_that_leads_nowhere_gives_way_to_dhcp_until_the_network_is_joined_anew() -> None:
    rig = Rig(FIXED, broker=False)
    rig.wlan.air = {"home": -50}
    rig.wifi.reached()  # of a time before
    rig.go(wifi.FIXED_MS)
    assert rig.wifi.state == JOINED
    assert "address dhcp" not in rig.wlan.calls
    rig.go(1000)
    assert (rig.wifi.state, rig.reasons()) == (JOINED, ["no broker over its fixed address"])
    rig.go(10 * wifi.NOWHERE_MS)
    rig.wlan.air = {}
    rig.go(1000)
    rig.wlan.air = {"home": -50}
    rig.go(20_000)
    told = [call for call in rig.wlan.calls if call.startswith(("address", "join"))]
    assert told[:4] == ["address 10.0.0.7", "join home", "address dhcp", "join home"]
    assert told[4:6] == ["address 10.0.0.7", "join home"]


def test_a_driver_that_asks_dhcp_already_is_no_failure() -> None:
    rig = Rig(FIXED, broker=False)
    rig.wlan.air = {"home": -50}
    rig.go(1000)
    rig.wlan.dhcp = True
    rig.go(wifi.FIXED_MS + 1000)
    assert rig.wlan.calls[3:] == ["address 10.0.0.7", "join home", "address of its own again", "join home"]
    assert rig.wifi.state == JOINED


def test_dhcp_is_asked_in_the_next_network_and_once() -> None:
    rig = Rig([*FIXED, *KNOWN[1:]])
    rig.wlan.air = {"phone": -50}
    rig.go(5000)
    told = [call for call in rig.wlan.calls if call.startswith(("address", "join"))]
    assert told == ["address 10.0.0.7", "join home", "address dhcp", "join spare", "join phone"]
    assert rig.wifi.state == JOINED


def test_an_alarm_skips_one_wait() -> None:
    rig = Rig(HOME)
    rig.go(400_000)
    while rig.wifi.state != WAITING or rig.wifi._next_ms - rig.ms < 30_000:
        rig.go(wifi.LOOK_MS)
    tried = len(rig.joins())
    rig.go(2000)
    assert len(rig.joins()) == tried
    rig.wifi.hurry()
    rig.go(5000)
    assert len(rig.joins()) == tried + 1


def test_an_alarm_on_a_network_skips_no_wait_after_it() -> None:
    rig = Rig(HOME)
    rig.go(60_000)
    rig.wlan.air = {"home": -50}
    rig.go(60_000)
    assert rig.wifi.state == JOINED
    rig.wifi.hurry()
    rig.wlan.air = {}
    tried = len(rig.joins())
    rig.go(3000)
    assert len(rig.joins()) == tried


def test_alarms_without_end_do_not_make_it_hammer() -> None:
    rig = Rig(HOME)
    for _ in range(100):
        rig.wifi.hurry()
        rig.go(100)
    assert 10 < len(rig.joins()) < 30


def test_a_driver_that_fails_is_switched_off_and_on() -> None:
    rig = Rig()
    rig.wlan.air = {"home": -50, "spare": -50}
    rig.wlan.breaks = 1
    rig.go(3000)
    assert rig.wlan.calls == ["off", "on", "reconnects 0", "off", "on", "reconnects 0", "join spare"]
    assert "Wifi Internal Error" in rig.reasons()[0]
    assert rig.wifi.state == JOINED


def test_a_port_without_reconnecting_of_its_own_is_not_asked_for_it_twice() -> None:
    rig = Rig()
    rig.wlan.air = {"home": -50}
    rig.wlan.knows_reconnects = False
    rig.go(1000)
    assert (rig.wifi.state, rig.wlan.calls) == (JOINED, ["off", "on", "join home"])


@pytest.mark.micropython
def test_it_runs_on_a_board(tmp_path: Path) -> None:
    script = tmp_path / "wifi.py"
    script.write_text(
        "import asyncio, sys, time\n"
        "from devices.firmware import wifi\n"
        "from tests.devices.firmware import radio\n"
        "class Notes:\n"
        "    def info(self, message, **facts): print(message, sorted(facts.items()))\n"
        "    warning = info\n"
        "wifi.LOOK_MS = 1\n"
        "known = [('home', '', ('10.0.0.7', '255.0.0.0', '10.0.0.1', '10.0.0.1')), ('spare', '', None)]\n"
        "one = wifi.Wifi(radio, known, time.ticks_ms, Notes(), lambda: 0, lambda up: print(up))\n"
        "one._wlan.air = {'spare': -50}\n"
        "async def main():\n"
        "    task = asyncio.create_task(one.run())\n"
        "    while one.state != wifi.JOINED: await asyncio.sleep_ms(1)\n"
        "asyncio.run(main())\n",
        encoding="ascii",
    )
    done = subprocess.run(
        [str(MICROPYTHON), str(script)],
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.stdout.decode().splitlines() == [
        "wifi not joined [('next', 'spare'), ('reason', 'not in reach'), ('retry_ms', 250)]",
        "wifi joined [('network', 'spare')]",
        "True",
    ], done.stderr
