"""A board's link, on MicroPython, with real brokers over mutual TLS: what is sent arrives, through restarts, kills and refusals."""

import os
import pathlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from provisioning.brokers.model import Limits
from simulators.site import CENTER, Site
from tests.agent.link.conftest import Authority
from tests.devices.firmware.boards import lay_out, lay_out_identity, until
from tests.devices.firmware.link_side import DEVICES, OLD_VERSION, Start
from tests.integration.mqtt import Voice

pytestmark = pytest.mark.micropython
mosquitto = pytest.mark.mosquitto


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), DEVICES, prefer="mosquitto", limits=Limits(packet_bytes=8192))
    yield made
    made.broker.stop()


@pytest.fixture
def broker(site: Site) -> Any:
    """The site's broker, running."""
    if not site.broker.running:
        site.broker.start()
    return site.broker


@pytest.fixture(scope="module")
def board_of(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], pathlib.Path]:
    """The identity of a device of the site, as a board holds it: its certificate and the issuing authority's."""

    def folder(name: str) -> pathlib.Path:
        made = tmp_path_factory.mktemp(name)
        assert lay_out_identity(made, site.devices[name].identity) == 2
        return made

    return folder


@pytest.fixture
def voice(site: Site, broker: Any) -> Iterator[Voice]:
    made = Voice(
        broker.port, site.center_identity, CENTER, ("dabyl/v1/+/alarm", "dabyl/v1/+/event", "dabyl/v1/+/presence")
    )
    yield made
    made.close()


@mosquitto
def test_a_board_is_present_sends_hears_and_leaves_its_presence_standing(
    start: Start, board_of: Any, site: Site, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2)
    board.until("change", up=True)
    board.tell("event one", "alarm two", "event three")
    until(lambda: len(voice.of(DEVICES[0], "event")) == 2, "events arrive")
    until(lambda: voice.of(DEVICES[0], "alarm") == [b"two"], "the alarm arrives")
    assert voice.of(DEVICES[0], "event") == [b"one", b"three"]
    assert [one["direct"] for one in board.of("emitted")] == [True] * 3
    voice.send(f"dabyl/v1/{DEVICES[0]}/receipt", b"signed receipt")
    voice.send(f"dabyl/v1/{DEVICES[0]}/command", b"signed command")
    assert board.until("message", leaf="receipt")["starts"] == "signed receipt"
    assert board.until("message", leaf="command")["starts"] == "signed command"
    until(lambda: board.status()["under_way"] == 0, "everything is acknowledged")
    told = board.status()
    assert (told["up"], told["session"], told["broker"], told["behind_ms"]) == (True, 1, 1, 0)
    board.tell("stop")
    board.until("stopped")
    assert board.finish() == 0
    late = Voice(broker.port, site.center_identity, CENTER, (f"dabyl/v1/{DEVICES[0]}/presence",))
    until(lambda: late.heard, "it is retained")
    assert (late.heard[0].payload, late.heard[0].retained) == (b"presence 1 True", True)
    assert voice.of(DEVICES[0], "presence") == [b"presence 1 True"], "no will: it was told DISCONNECT, and hung up"
    late.close()


@mosquitto
def test_the_signed_will_follows_a_power_cut(start: Start, board_of: Any, voice: Voice, broker: Any) -> None:
    board = start(board_of(DEVICES[1]), broker.port, chain=2, device=DEVICES[1])
    until(lambda: voice.of(DEVICES[1], "presence") == [b"presence 1 True"], "presence")
    board.kill()
    until(lambda: voice.of(DEVICES[1], "presence")[1:] == [b"presence 1 False"], "the will")


@mosquitto
def test_an_alarm_is_with_the_network_while_the_flash_is_still_being_written(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, flash_ms=4000)
    board.until("change", up=True)
    until(lambda: board.status()["under_way"] == 0, "nothing is under way")
    board.tell("alarm first")
    until(lambda: voice.of(DEVICES[0], "alarm") == [b"first"], "the alarm arrives")
    assert not board.of("emitted"), "the flash is not done"
    board.until("emitted", direct=True)


@mosquitto
@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_broker_that_went_away_is_found_again_and_everything_unsettled_sent_again(
    start: Start, board_of: Any, site: Site, broker: Any, how: str
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2)
    board.tell("event one")
    board.until("change", up=True)
    if how == "kill":
        broker.kill()
        board.until("log", said="connection lost", reason="the broker hung up")
        board.tell("alarm two")
        assert board.until("emitted", 2)["direct"] is False
        board.until("log", said="no connection")
        broker.start()
    else:
        broker.restart()
        board.until("log", said="connection lost")
        board.tell("alarm two")
    voice = Voice(broker.port, site.center_identity, CENTER, ("dabyl/v1/+/alarm", "dabyl/v1/+/event"))
    board.until("change", 2, up=True)
    board.tell("event three")
    until(lambda: b"three" in voice.of(DEVICES[0], "event"), "it sends again")
    told = board.status()
    assert told["up"]
    assert told["session"] >= 2
    assert [one["up"] for one in board.of("change")] == [True, False, True]
    voice.close()


@mosquitto
def test_a_frozen_broker_is_noticed_and_an_alarm_meanwhile_arrives_afterwards(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, keepalive_s=2, connect_timeout_s=2)
    board.until("change", up=True)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        board.tell("alarm one")
        board.until("log", said="connection lost", reason="the broker is silent")
        board.until("log", said="no connection", reason="no answer in time")
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    board.until("change", 2, up=True)
    until(lambda: b"one" in voice.of(DEVICES[0], "alarm"), "the alarm")


@mosquitto
def test_what_mosquitto_is_told_not_to_take_is_quarantined_and_the_rest_goes_on(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, look_ms=60_000)
    board.until("change", up=True)
    board.tell("event before")
    until(
        lambda: voice.of(DEVICES[0], "event") == [b"before"] and not board.status()["under_way"], "nothing is awaited"
    )
    board.tell("large 7937")
    assert board.until("quarantined")["size"] == 7937
    board.tell("event after")
    until(lambda: voice.of(DEVICES[0], "event")[1:] == [b"after"], "what came after it")
    assert board.status()["session"] == 1


@mosquitto
def test_a_revoked_device_is_refused_and_does_not_hammer(start: Start, board_of: Any, tmp_path: pathlib.Path) -> None:
    made = Site(tmp_path / "site", DEVICES, prefer="mosquitto")
    (tmp_path / "board").mkdir()
    lay_out_identity(tmp_path / "board", made.devices[DEVICES[0]].identity)
    with made.broker:
        board = start(tmp_path / "board", made.broker.port, chain=2, retry_min_ms=200)
        board.until("change", up=True)
        record = next(one for one in made.authority.issued() if one.identity == DEVICES[0])
        made.broker.revoke(DEVICES[0], made.authority.revoke(record.serial, time.time_ns() // 1_000_000).encode())
        made.broker.restart()
        board.until("log", said="connection lost")
        told = board.until("log", 3, said="no connection")
        assert told["reason"] == "no connection: the broker hung up"
        assert board.status()["up"] is False


@mosquitto
def test_a_device_of_a_foreign_authority_is_refused(
    start: Start, site: Site, broker: Any, authority: Authority, tmp_path: pathlib.Path
) -> None:
    certificate, key = authority.leaf("foreign-1", "device", host="", server=False)
    lay_out(tmp_path / "board", site.root, pathlib.Path(certificate), pathlib.Path(key))
    board = start(tmp_path / "board", broker.port)
    told = board.until("log", said="no connection")
    assert told["reason"].startswith("no connection: ")
    assert not board.of("log", said=OLD_VERSION)
    assert not board.of("change")


def test_a_broker_that_speaks_only_3_1_1_is_spoken_to_in_it(start: Start, tmp_path: pathlib.Path) -> None:
    made = Site(tmp_path / "site", DEVICES, prefer="nats")
    lay_out_identity(tmp_path / "board", made.devices[DEVICES[0]].identity)
    with made.broker:
        voice = Voice(made.broker.port, made.center_identity, CENTER, ("dabyl/v1/+/alarm",))
        board = start(tmp_path / "board", made.broker.port, chain=2)
        board.until("log", said=OLD_VERSION)
        board.until("change", up=True)
        board.tell("alarm one")
        until(lambda: voice.of(DEVICES[0], "alarm") == [b"one"], "the alarm")
        voice.close()


@mosquitto
def test_a_board_that_has_no_memory_for_a_moment_connects_anew(
    start: Start, board_of: Any, voice: Voice, broker: Any
) -> None:
    board = start(board_of(DEVICES[0]), broker.port, chain=2, presence_ms=300, look_ms=10)
    board.until("change", up=True)
    voice.send(f"dabyl/v1/{DEVICES[0]}/command", b"greedy")
    board.until("log", said="connection lost", reason="no memory")
    board.until("change", 2, up=True)
    board.tell("greedy")
    board.until("log", 2, said="connection lost", reason="no memory")
    board.until("change", 3, up=True)
    board.tell("event after")
    until(lambda: b"after" in voice.of(DEVICES[0], "event"), "it works again")
