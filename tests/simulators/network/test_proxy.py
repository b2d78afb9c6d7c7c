"""A proxied connection under every toxic. Times are asserted from below only, so that a busy machine changes nothing."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from simulators.errors import NetworkStateError
from simulators.network.proxy import Network
from simulators.network.toxics import Bandwidth, Latency, LimitData, ResetPeer, SlowClose, Timeout, slow_link

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that sends back what it gets; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
            writer.write(b"end")
            writer.write_eof()
        except OSError:
            pass  # the network under test broke it
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def run(scenario: Callable[[Network], Awaitable[None]]) -> None:
    """Runs a scenario with a network before an echo server, and shows that nothing is left behind."""

    async def play() -> None:
        async with echo() as port:
            network = Network(port, seed=5)
            await network.start()
            async with asyncio.timeout(20):
                await scenario(network)
            await network.stop()
            assert network.connections == 0
        await asyncio.sleep(0)

    asyncio.run(play())


async def opened(network: Network) -> Stream:
    return await asyncio.open_connection("127.0.0.1", network.port)


async def asked(stream: Stream, payload: bytes) -> bytes:
    stream[1].write(payload)
    await stream[1].drain()
    return await stream[0].readexactly(len(payload))


def test_without_toxics_everything_passes_unchanged_both_ways() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        payload = bytes(range(256)) * 4096  # 1 MiB
        stream[1].write(payload)
        assert await stream[0].readexactly(len(payload)) == payload
        stream[1].write_eof()
        assert await stream[0].read() == b"end"
        assert network.counters.upstream_bytes == len(payload)
        assert network.counters.downstream_bytes == len(payload) + 3
        stream[1].close()

    run(scenario)


def test_latency_holds_back_each_direction_and_ends_with_its_removal() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add("far", Latency(60))
        started = time.monotonic()
        assert await asked(stream, b"one") == b"one"
        assert time.monotonic() - started >= 0.12
        network.remove("far")
        assert await asked(stream, b"two") == b"two"
        stream[1].close()

    run(scenario)


def test_one_direction_can_be_slow_alone() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add("far", Latency(60), "downstream")
        started = time.monotonic()
        await asked(stream, b"one")
        assert time.monotonic() - started >= 0.06
        assert network.toxics("upstream") == ()
        stream[1].close()

    run(scenario)


def test_order_survives_jitter_and_loss() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add_all("slow", slow_link(latency_ms=5, loss=0.1))
        payload = b"".join(b"%06d" % number for number in range(2000))
        for start in range(0, len(payload), 600):
            stream[1].write(payload[start : start + 600])
            await asyncio.sleep(0)
        assert await stream[0].readexactly(len(payload)) == payload
        network.remove("slow")
        assert network.toxics("upstream") == ()
        stream[1].close()

    run(scenario)


def test_bandwidth_spreads_bytes_over_time() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add("thin", Bandwidth(100), "upstream")
        started = time.monotonic()
        await asked(stream, bytes(20_000))
        assert time.monotonic() - started >= 0.2
        stream[1].close()

    run(scenario)


def test_a_sender_faster_than_the_line_has_to_wait() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add("hole", Timeout(), "upstream")
        total = 64 * 1024 * 1024
        stream[1].write(bytes(total))
        before = -1
        while network.counters.upstream_bytes in (0, before):
            before = network.counters.upstream_bytes
            await asyncio.sleep(0.05)
        assert 0 < network.counters.upstream_bytes < 2 * 1024 * 1024
        stream[1].transport.abort()

    run(scenario)


def test_a_black_hole_swallows_until_it_is_removed() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add("hole", Timeout())
        stream[1].write(b"anybody?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream[0].read(1), 0.05)
        network.remove("hole")
        assert await stream[0].readexactly(8) == b"anybody?"
        stream[1].close()

    run(scenario)


def test_a_black_hole_with_a_limit_closes_after_it() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add("hole", Timeout(30), "upstream")
        started = time.monotonic()
        stream[1].write(b"anybody?")
        assert await stream[0].read() == b""
        assert time.monotonic() - started >= 0.03
        stream[1].close()

    run(scenario)


def test_reset_peer_breaks_open_connections_and_new_ones() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        await asked(stream, b"fine")
        network.add("reset", ResetPeer())
        with pytest.raises(ConnectionResetError):
            await stream[0].read()
        late = await opened(network)
        with pytest.raises(ConnectionResetError):
            await late[0].read()
        network.clear()
        healed = await opened(network)
        assert await asked(healed, b"fine") == b"fine"
        for one in (stream, late, healed):
            one[1].close()

    run(scenario)


def test_reset_peer_can_wait() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        await asked(stream, b"fine")
        network.add("reset", ResetPeer(50), "downstream")
        started = time.monotonic()
        with pytest.raises(ConnectionResetError):
            await stream[0].read()
        assert time.monotonic() - started >= 0.05
        stream[1].close()

    run(scenario)


def test_limit_data_cuts_in_the_middle_of_a_message() -> None:
    async def scenario(network: Network) -> None:
        network.add("short", LimitData(5), "upstream")
        stream = await opened(network)
        stream[1].write(b"0123456789")
        assert b"01234".startswith(await stream[0].read())  # the way back ends with it
        assert network.counters.upstream_bytes == 5
        stream[1].close()

    run(scenario)


def test_slow_close_delays_the_end_not_the_bytes() -> None:
    async def scenario(network: Network) -> None:
        stream = await opened(network)
        network.add("lazy", SlowClose(60), "upstream")
        started = time.monotonic()
        assert await asked(stream, b"bytes") == b"bytes"
        stream[1].write_eof()
        assert await stream[0].read() == b"end"
        assert time.monotonic() - started >= 0.06
        stream[1].close()

    run(scenario)


def test_down_cuts_and_refuses_and_up_restores_the_same_port() -> None:
    async def scenario(network: Network) -> None:
        port = network.port
        stream = await opened(network)
        await asked(stream, b"fine")
        await network.down()
        assert not network.is_up
        with pytest.raises(ConnectionResetError):
            await stream[0].read()
        with pytest.raises(ConnectionRefusedError):
            await opened(network)
        with pytest.raises(OSError, match="in use"), socket.socket() as thief:
            thief.bind(("127.0.0.1", port))
        await network.up()
        assert network.port == port
        healed = await opened(network)
        assert await asked(healed, b"fine") == b"fine"
        for one in (stream, healed):
            one[1].close()

    run(scenario)


def test_a_cut_in_the_middle_of_a_stream_loses_its_tail_and_nothing_else() -> None:
    async def scenario(network: Network) -> None:
        network.add("thin", Bandwidth(200), "upstream")
        stream = await opened(network)
        payload = b"".join(b"%08d" % number for number in range(20_000))
        stream[1].write(payload)
        received = bytearray()
        while len(received) < 10_000:
            received += await stream[0].read(65536)
        await network.down()
        with contextlib.suppress(ConnectionResetError):
            while chunk := await stream[0].read(65536):
                received += chunk
        assert payload.startswith(received)
        assert len(received) < len(payload)
        stream[1].transport.abort()

    run(scenario)


def test_accept_then_drop_takes_nobody_in() -> None:
    async def scenario(network: Network) -> None:
        network.accept_then_drop(True)
        stream = await opened(network)
        stream[1].write(b"hello")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await stream[0].readexactly(1)
        assert network.counters.refused == 1
        network.accept_then_drop(False)
        healed = await opened(network)
        assert await asked(healed, b"hello") == b"hello"
        for one in (stream, healed):
            one[1].close()

    run(scenario)


def test_a_broker_that_is_not_there_breaks_the_connection() -> None:
    async def scenario() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            async with Network(nobody.getsockname()[1]) as network:
                stream = await opened(network)
                with pytest.raises(ConnectionResetError):
                    await stream[0].read()
                stream[1].close()

    asyncio.run(scenario())


def test_toxics_have_names_of_their_own() -> None:
    network = Network(1)
    network.add("far", Latency(1))
    with pytest.raises(NetworkStateError, match="already a toxic 'far'"):
        network.add("far", Latency(2))
    with pytest.raises(NetworkStateError, match=r"no toxic 'near'; there are \['far'\]"):
        network.remove("near")
    with pytest.raises(NetworkStateError, match="start it first"):
        _ = network.port
