"""Access points, and a board's connections through them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from simulators.board.board import HOME, Board
from simulators.board.radio import AccessPoint
from simulators.errors import WiringError
from tests.simulators.board.conftest import Firmware

pytestmark = pytest.mark.micropython

JOIN = """
    import network, time
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    seen = [wlan.status()]
    wlan.connect("{ssid}", "{key}")
    def look():
        status = wlan.status()
        if status != seen[-1]:
            seen.append(status)
            print("status", status, wlan.isconnected())
    until = time.ticks_add(time.ticks_ms(), 20000)
    while time.ticks_diff(until, time.ticks_ms()) > 0:
        look()
        time.sleep_ms(2)
"""

CLIENT = """
    import asyncio, network, time
    wlan = network.WLAN()
    wlan.active(True)
    wlan.connect("dabyl", "correct horse")
    while not wlan.isconnected():
        time.sleep_ms(5)
    async def main():
        try:
            reader, writer = await asyncio.open_connection("{host}", {port})
            n = 0
            while True:
                writer.write(b"line %d\\n" % n)
                await writer.drain()
                line = await reader.readline()
                if not line:
                    print("closed")
                    break
                print("got", line)
                n += 1
                await asyncio.sleep_ms(20)
        except OSError as error:
            print("error", error.errno)
    asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that says each line again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def test_a_board_joins_loses_and_finds_its_network(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        async with Board(firmware(JOIN.format(ssid="dabyl", key="correct horse"))) as board:
            await board.printed("status 1010 True")
            board.radio.down()
            await board.printed("status 201 False")
            board.radio.up()
            await board.until(lambda: board.console.tail().count("1010") == 2, 20, "it to join again")
            return [line for line in board.console.of_boot(1) if line.startswith("status")]

    assert asyncio.run(scenario()) == [
        "status 1001 False",
        "status 1010 True",
        "status 200 False",
        "status 201 False",
        "status 1010 True",
    ]


def test_a_wrong_password_and_a_missing_network_have_their_statuses(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with Board(firmware(JOIN.format(ssid="dabyl", key="wrong horse"))) as board:
            await board.printed("status 202 False")
            board.radio.change(AccessPoint("dabyl", "wrong horse"))
            await board.printed("status 1010 True")
        async with Board(firmware(JOIN.format(ssid="elsewhere", key=""))) as board:
            await board.printed("status 201 False")

    asyncio.run(scenario())


def test_the_interface_says_what_an_esp32_says(firmware: Firmware) -> None:
    main = """
        import network, time
        wlan = network.WLAN()
        def tried(call, *arguments, **settings):
            try:
                return call(*arguments, **settings)
            except (OSError, ValueError, TypeError) as error:
                return error.args[0]
        print("off", tried(wlan.connect, "a", "b"), tried(wlan.scan), wlan.status(), wlan.ifconfig()[0])
        wlan.active(True)
        print("nets", sorted((n[0], n[3], n[4]) for n in wlan.scan()), wlan is network.WLAN(network.STA_IF))
        wlan.config(reconnects=1, hostname="sos")
        print("config", wlan.config("reconnects"), network.hostname(), wlan.config("mac"),
            tried(wlan.config, "nonsense"), tried(wlan.config, nonsense=1))
        wlan.connect("a", "wrong wrong")
        print("twice", tried(wlan.connect, "a", "aaaaaaaa"), tried(wlan.status, "rssi"))
        time.sleep_ms(300)
        wlan.connect("a", "aaaaaaaa")
        while not wlan.isconnected():
            time.sleep_ms(5)
        print("on", wlan.status("rssi"), wlan.config("ssid"), wlan.ifconfig()[0] != "0.0.0.0")
        wlan.disconnect()
        print("left", wlan.isconnected(), wlan.status())
        wlan.active(False)
        print("end", wlan.active(), wlan.status())
    """
    points = (AccessPoint("a", "aaaaaaaa", rssi=-80), AccessPoint("a", "aaaaaaaa", rssi=-40), AccessPoint("open"))

    async def scenario() -> list[str]:
        async with Board(firmware(main), points=points) as board:
            await board.printed("end")
            return board.console.of_boot(1)[:7]

    assert asyncio.run(scenario()) == [
        "off Wifi Not Started Wifi Not Started 1000 0.0.0.0",
        "nets [(b'a', -80, 3), (b'a', -40, 3), (b'open', -55, 0)] True",
        r"config 1 sos b'\xa0\xb1\xc2\xd3\xe4\xf5' unknown config param unknown config param",
        "twice Wifi Internal Error Wifi Not Connected",
        "on -40 a True",
        "left False 1000",
        "end False 1000",
    ]


def test_connections_pass_by_name_and_fall_silent_with_the_network(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with (
            echo() as port,
            Board(firmware(CLIENT.format(host="broker.example", port=8883)), hosts={"broker.example": port}) as board,
        ):
            await board.printed("got b'line 3")
            assert board.radio.network(port).connections == 1
            board.radio.down()
            await asyncio.sleep(0.1)
            before = len(board.console.lines)
            await asyncio.sleep(0.2)
            assert len(board.console.lines) == before  # neither answered nor reset
            board.radio.up()
            await board.until(lambda: len(board.console.lines) > before + 2, 20, "the connection to go on")
            assert "closed" not in board.console.tail()
            with pytest.raises(WiringError, match="looked up"):
                board.radio.network(1)

    asyncio.run(scenario())


@pytest.mark.parametrize(("host", "joined"), [("nowhere.example", True), ("127.0.0.1", False)])
def test_no_name_resolves_without_a_network_or_if_nobody_knows_it(firmware: Firmware, host: str, joined: bool) -> None:
    main = CLIENT.format(host=host, port=1)
    if not joined:
        main = main.replace("while not wlan.isconnected():", "while False:")

    async def scenario() -> None:
        async with Board(firmware(main)) as board:
            await board.printed("error -202")

    asyncio.run(scenario())


def test_captive_portals_refuse_or_hijack_and_go_away(firmware: Firmware) -> None:
    async def scenario() -> None:
        async with echo() as port, Board(firmware(CLIENT.format(host="127.0.0.1", port=port))) as board:
            await board.printed("got b'line 1")
            await board.radio.portal("refuses")
            await board.until(
                lambda: "error" in board.console.tail() or "closed" in board.console.tail(), 20, "the cut"
            )
            await board.power_cut()
            assert await board.printed("error") in ("error 104", "error 111")
            await board.radio.portal(None)
            await board.power_cut()
            await board.printed("got b'line 1")
            await board.radio.portal("hijacks")
            await board.power_cut()
            await board.printed("got b'HTTP/1.1 302 Found")
            await board.radio.portal(None)
            await board.power_cut()
            await board.printed("got b'line 1")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "wrong",
    [
        {"ssid": ""},
        {"ssid": "x" * 33},
        {"ssid": "a", "key": "short"},
        {"ssid": "a", "rssi": 3},
        {"ssid": "a", "join_ms": -1},
    ],
)
def test_an_access_point_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(WiringError):
        AccessPoint(**wrong)  # type: ignore[arg-type]
    assert HOME.ssid == "dabyl"


ADDRESSES = """
    import network, socket, time
    wlan = network.WLAN(network.STA_IF)
    def join(address):
        wlan.active(False)
        wlan.active(True)
        wlan.ifconfig(address)
        began = time.ticks_ms()
        wlan.connect("dabyl", "correct horse")
        while not wlan.isconnected():
            time.sleep_ms(5)
        try:
            there = socket.getaddrinfo("127.0.0.1", 8883) is not None
        except OSError:
            there = False
        print("address", wlan.ifconfig()[0], time.ticks_diff(time.ticks_ms(), began) >= 500, there)
    join(("192.168.4.77", "255.255.255.0", "192.168.4.1", "192.168.4.1"))
    join(("10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1"))
    join("dhcp")
    try:
        wlan.ifconfig("dhcp")
    except OSError:
        print("asked twice")
"""


def test_a_fixed_address_saves_the_time_of_dhcp_and_leads_on_in_its_own_network_only(firmware: Firmware) -> None:
    async def scenario() -> list[str]:
        point = AccessPoint("dabyl", "correct horse", dhcp_ms=500)
        async with Board(firmware(ADDRESSES), points=(point,)) as board:
            await board.printed("asked twice")
            await board.taken()
            assert (board.radio.joins, board.radio.dhcp_requests) == (3, 1)
            return [line for line in board.console.of_boot(1) if line.startswith("address")]

    assert asyncio.run(scenario()) == [
        "address 192.168.4.77 False True",
        "address 10.0.0.7 False False",
        "address 192.168.4.2 True True",
    ]
