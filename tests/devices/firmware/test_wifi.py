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

Known = list[dict[str, Any]]


def known(ssid: str, key: str = "secret", fixed: tuple[str, ...] | None = None, lease_s: int = 0) -> dict[str, Any]:
    return {"ssid": ssid, "key": key, "fixed": fixed, "lease_s": lease_s}


KNOWN: Known = [known("home"), known("spare"), known("phone")]
HOME: Known = [known("home")]
FIXED: Known = [known("home", fixed=("10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1"))]
KEPT = ("10.0.0.8", "255.255.255.0", "10.0.0.1", "10.0.0.1")


class Notes:
    """What is logged."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    def info(self, message: str, **facts: Any) -> None:
        self.said.append((message, facts))

    warning = info


class Rig:
    """Wi-Fi, its driver, and a clock moved by hand."""

    def __init__(
        self, known: Known | None = None, lease: tuple[tuple[str, ...], int] = wifi.NO_LEASE, *, broker: bool = True
    ) -> None:
        self.ms = 1000
        self.notes = Notes()
        self.changes: list[bool] = []
        self.wifi = Wifi(radio, known or KNOWN, lambda: self.ms, self.notes, lambda: 500, self._changed, lease)
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

    def told(self) -> list[str]:
        """What the driver was told of addresses and networks."""
        return [call for call in self.wlan.calls if call.startswith(("address", "join"))]

    def reasons(self) -> list[str]:
        return [facts["reason"] for _, facts in self.notes.said if "reason" in facts]


def test_the_preferred_network_is_joined_and_the_drivers_own_reconnecting_is_off() -> None:
    rig = Rig()
    rig.wlan.air = {"home": -50, "spare": -40}
    assert (rig.wifi.state, rig.wifi.chosen["ssid"]) == (WAITING, "home")
    rig.wifi.step()
    assert rig.wifi.state == JOINING
    rig.go(60_000)
    assert (rig.wifi.state, rig.wifi.chosen["ssid"], rig.changes) == (JOINED, "home", [True])
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
    rig = Rig([known("home", "wrong")])
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
    assert (rig.wifi.state, rig.wifi.chosen["ssid"]) == (JOINED, "spare")


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
    assert (rig.wifi.state, rig.wifi.chosen["ssid"]) == (JOINED, "spare")
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
    assert (rig.wifi.state, rig.reasons()) == (JOINED, ["no broker over its address"])
    rig.go(10 * wifi.NOWHERE_MS)
    rig.wlan.air = {}
    rig.go(1000)
    rig.wlan.air = {"home": -50}
    rig.go(20_000)
    told = rig.told()
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
    assert rig.told() == ["address 10.0.0.7", "join home", "address dhcp", "join spare", "join phone"]
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


LEASE_S = 86_400
T1_MS = LEASE_S * 500
LEASED: Known = [known("home", lease_s=LEASE_S), known("spare", lease_s=600)]


def test_what_dhcp_gave_is_known_from_then_on_until_half_of_the_lease_is_over() -> None:
    rig = Rig(LEASED)
    rig.wlan.air = {"home": -50, "spare": -50}
    rig.go(5000)
    joined_ms = rig.ms - 5000 + wifi.LOOK_MS
    assert rig.wifi.lease == (radio.GIVEN, joined_ms + T1_MS)
    del rig.wlan.air["home"]
    rig.go(wifi.LOOK_MS)
    assert rig.wifi.lease == wifi.NO_LEASE, "nothing is known of the next network"
    rig.go(5000)
    assert rig.wifi.chosen["ssid"] == "spare"
    assert rig.ms < rig.wifi.lease[1] <= rig.ms + 300_000


def test_where_nobody_knows_the_lease_it_is_over_at_once() -> None:
    rig = Rig(HOME)
    rig.wlan.air = {"home": -50}
    rig.go(1000)
    assert rig.wifi.lease[1] <= rig.ms


def test_an_address_of_before_is_taken_in_the_first_join_and_its_time_is_not_made_longer() -> None:
    rig = Rig(LEASED, lease=(KEPT, 50_000))
    rig.wlan.air = {"home": -50}
    rig.go(20_000)
    assert (rig.told(), rig.wifi.lease) == (["address 10.0.0.8", "join home"], (KEPT, 50_000))


@pytest.mark.parametrize("until_ms", [0, -1, 1000])
def test_an_address_of_before_whose_time_is_over_is_asked_for_again(until_ms: int) -> None:
    rig = Rig(LEASED, lease=(KEPT, until_ms))
    rig.wlan.air = {"home": -50}
    rig.go(5000)
    assert rig.told() == ["join home"]
    assert rig.wifi.lease[0] == radio.GIVEN


def test_an_address_of_before_is_of_the_first_network_and_of_its_first_join_only() -> None:
    rig = Rig(LEASED, lease=(KEPT, T1_MS))
    rig.wlan.air = {"spare": -50}
    rig.go(5000)
    assert rig.told() == ["address 10.0.0.8", "join home", "address dhcp", "join spare"]
    assert rig.wifi.lease[0] == radio.GIVEN


def test_an_address_of_before_that_leads_nowhere_gives_way_to_dhcp_in_the_same_network_within_ten_seconds() -> None:
    rig = Rig(LEASED, lease=(KEPT, T1_MS), broker=False)
    rig.wlan.air = {"home": -50, "spare": -50}
    rig.go(wifi.FIXED_MS + 1000)
    assert rig.told() == ["address 10.0.0.8", "join home", "address dhcp", "join home"]
    assert (rig.reasons(), rig.wifi.lease[0]) == (["no broker over its address"], radio.GIVEN)


def test_who_stays_awake_asks_dhcp_when_half_of_the_lease_is_over() -> None:
    rig = Rig(LEASED, lease=(KEPT, 50_000))
    rig.wlan.air = {"home": -50}
    rig.go(50_000 - rig.ms)
    assert rig.joins() == ["home"]
    rig.go(2000)
    assert rig.told() == ["address 10.0.0.8", "join home", "address dhcp", "join home"]
    assert rig.reasons() == ["its lease is half over"]
    rig.go(2 * T1_MS)
    assert rig.joins() == ["home", "home"], "from then on the driver renews it"


def test_a_fixed_address_has_no_lease_and_its_time_is_never_over() -> None:
    rig = Rig(FIXED, lease=(KEPT, 0))
    rig.wlan.air = {"home": -50}
    rig.go(10_000)
    assert (rig.told(), rig.wifi.lease) == (["address 10.0.0.7", "join home"], wifi.NO_LEASE)


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
        "fixed = ('10.0.0.7', '255.0.0.0', '10.0.0.1', '10.0.0.1')\n"
        "known = [dict(ssid='home', key='', fixed=fixed, lease_s=0), dict(ssid='spare', key='', fixed=None, lease_s=600)]\n"
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
