"""Dialling real TLS servers, among them some that should never be believed, without ever blocking the loop."""

import asyncio
import contextlib
import datetime as dt
import os
import pty
import signal
import socket
import ssl
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.link import dial as dialling
from agent.link.dial import context, dial
from agent.link.errors import LinkError

HOST = "127.0.0.1"
DAY_MS = 86_400_000


async def wait_for_end(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def refusal(port: int, tls: ssl.SSLContext, floor_ms: int | None = None, host: str = HOST) -> LinkError:
    with pytest.raises(LinkError) as refused:
        await dial(host, port, tls, floor_ms)
    return refused.value


def test_a_broker_of_our_authority_is_believed_and_sees_our_certificate(play: Any, serve: Any, tls: Any) -> None:
    async def scenario() -> None:
        seen: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.set_result(writer.get_extra_info("peercert")["subject"])
            await reader.read()

        async with serve(broker) as port:
            sock = await dial(HOST, port, tls, None)
            assert (await seen) == ((("commonName", "pillar-017"),),)
            assert sock.version() in ("TLSv1.2", "TLSv1.3")
            assert not sock.getblocking()
            sock.close()

    play(scenario())


def test_a_broker_of_another_authority_is_refused(play: Any, serve: Any, tls: Any, stranger: Any) -> None:
    async def scenario() -> None:
        async with serve(wait_for_end, stranger.leaf("broker-x")) as port:
            error = await refusal(port, tls)
            assert error.refused
            assert "not believed" in str(error)

    play(scenario())


@pytest.mark.parametrize("floor", [None, 0], ids=["clock known", "clock unset"])
@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        ({"host": "broker.example"}, "mismatch"),
        ({"host": "127.0.0.2"}, "mismatch"),
        ({"role": "device"}, "not a broker's"),
        ({"role": "center"}, "not a broker's"),
        ({"role": "device", "server": False}, "purpose"),
    ],
    ids=["other name", "other address", "device", "center", "client's purpose"],
)
def test_a_certificate_of_our_authority_for_something_else_is_refused(
    play: Any, serve: Any, tls: Any, authority: Any, leaf: Any, words: str, floor: int | None
) -> None:
    async def scenario() -> None:
        async with serve(wait_for_end, authority.leaf("somebody", **leaf)) as port:
            error = await refusal(port, tls, floor)
            assert error.refused
            assert words in str(error)

    play(scenario())


@pytest.mark.parametrize("days", [(-3, -1), (1, 3)], ids=["expired", "not yet"])
def test_a_certificate_outside_of_its_time_is_refused_where_the_time_is_known(
    play: Any, serve: Any, tls: Any, authority: Any, days: tuple[float, float]
) -> None:
    async def scenario() -> None:
        leaf = authority.leaf("timed", begins=days[0], ends=days[1])
        async with serve(wait_for_end, leaf) as port:
            assert (await refusal(port, tls)).refused
            # The same context once bent for an unset clock is straight again afterwards.
            (await dial(HOST, port, tls, 0)).close()
            assert "not believed" in str(await refusal(port, tls))

    play(scenario())


def test_where_the_time_is_unknown_the_floor_judges(play: Any, serve: Any, tls: Any, authority: Any) -> None:
    async def scenario() -> None:
        now_ms = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
        async with serve(wait_for_end, authority.leaf("old", begins=-3, ends=-1)) as port:
            (await dial(HOST, port, tls, now_ms - 2 * DAY_MS)).close()
            error = await refusal(port, tls, now_ms - DAY_MS // 2)
            assert error.refused
            assert "ended before the latest time" in str(error)
        async with serve(wait_for_end, authority.leaf("future", begins=1, ends=3)) as port:
            (await dial(HOST, port, tls, now_ms)).close()

    play(scenario())


def test_no_answer_can_be_given_up_and_leaves_no_socket(play: Any, serve: Any, tls: Any) -> None:
    async def scenario() -> None:
        ended = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            while await reader.read(4096):
                pass
            ended.set()

        async with serve(silent, plain=True) as port:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await dial(HOST, port, tls, None)
            await ended.wait()

    play(scenario())


def test_the_loop_goes_on_while_a_black_hole_is_dialled(play: Any, tls: Any) -> None:
    async def scenario() -> None:
        ticks = 0

        async def heart() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        with socket.socket() as hole:  # a full queue: the kernel drops further connections in silence
            hole.bind((HOST, 0))
            hole.listen(0)
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(hole.getsockname())
            beating = asyncio.create_task(heart())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.4):
                    await dial(HOST, hole.getsockname()[1], tls, None)
            beating.cancel()
            for filler in fillers:
                filler.close()
        assert ticks >= 8

    play(scenario())


def test_a_closed_port_is_no_refusal(play: Any, tls: Any) -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind((HOST, 0))
            error = await refusal(taken.getsockname()[1], tls)
        assert not error.refused
        assert "refused" in str(error)

    play(scenario())


def test_a_broker_that_hangs_up_in_the_handshake_is_no_refusal(play: Any, serve: Any, tls: Any) -> None:
    async def scenario() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write_eof()
            await reader.read()

        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        for fault in (hang_up, reset):
            async with serve(fault, plain=True) as port:
                assert not (await refusal(port, tls)).refused

    play(scenario())


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x00" * 9, bytes(range(256)) * 100]
)
def test_what_speaks_no_tls_is_one_error(play: Any, serve: Any, tls: Any, answer: bytes) -> None:
    async def scenario() -> None:
        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(answer)
            await reader.read()

        async with serve(babble, plain=True) as port:
            assert "TLS handshake failed" in str(await refusal(port, tls))

    play(scenario())


@pytest.mark.parametrize("host", [".example", "a" * 300, "a..b", "bro ker\u00e4.", "xn--\u00fc"])
def test_a_name_that_is_none_is_one_error(play: Any, tls: Any, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def offline(name: Any, *args: Any, **options: Any) -> Any:
        if isinstance(name, str):
            name.encode("idna")
        raise socket.gaierror(-2, "Name or service not known")

    async def scenario() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", offline)
        assert "cannot be resolved" in str(await refusal(8883, tls, host=host))
        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    play(scenario())


def test_an_address_family_that_the_kernel_lacks_is_passed_over(
    play: Any, serve: Any, tls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket

    def without_v6(*args: Any, **options: Any) -> socket.socket:
        if args[:1] == (socket.AF_INET6,):
            raise OSError(97, "Address family not supported by protocol")
        return real(*args, **options)

    async def scenario() -> None:
        async with serve(wait_for_end) as port:

            async def both(*_args: Any) -> list[tuple[int, Any]]:
                return [(socket.AF_INET6, ("::1", port)), (socket.AF_INET, (HOST, port))]

            async def only_v6(*_args: Any) -> list[tuple[int, Any]]:
                return [(socket.AF_INET6, ("::1", port))]

            with monkeypatch.context() as patched:
                patched.setattr(socket, "socket", without_v6)
                patched.setattr(dialling, "_addresses", both)
                (await dial(HOST, port, tls, None)).close()
                patched.setattr(dialling, "_addresses", only_v6)
                assert "not supported" in str(await refusal(port, tls))

    play(scenario())


def test_files_that_cannot_be_used_are_named(authority: Any, tmp_path: Path) -> None:
    root = str(authority.root)
    leaf = authority.leaf("pillar-018", "device", host="", server=False)
    other = authority.leaf("pillar-019", "device", host="", server=False)
    junk = tmp_path / "junk.pem"
    junk.write_text("junk", encoding="ascii")
    missing = str(tmp_path / "missing.pem")
    for ca, certificate, key, named in (
        (missing, *leaf, missing),
        (str(junk), *leaf, str(junk)),
        (root, missing, leaf[1], missing),
        (root, leaf[0], missing, missing),
        (root, leaf[0], other[1], other[1]),
        (root, str(junk), leaf[1], str(junk)),
    ):
        with pytest.raises(LinkError) as refused:
            context(ca, certificate, key)
        assert refused.value.refused
        assert named in str(refused.value)


def test_a_key_with_a_passphrase_asks_nobody(authority: Any, tmp_path: Path) -> None:
    leaf = authority.leaf("pillar-020", "device", host="", server=False)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    program = (
        "import sys\nfrom agent.link.dial import context\nfrom agent.link.errors import LinkError\n"
        "try: context(*sys.argv[1:])\nexcept LinkError as error: print('refused:', error)"
    )
    child, terminal = pty.fork()  # OpenSSL asks the controlling terminal, so there has to be one
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", program, str(authority.root), leaf[0], str(locked)])  # noqa: S606  no shell is the point
    said = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side of a terminal is closed
        while b"usable" not in said and b"pass phrase" not in said:
            said += os.read(terminal, 1024)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(terminal)
    assert b"pass phrase" not in said
    assert b"not usable for TLS" in said


def test_verification_is_on_and_old_tls_off(tls: ssl.SSLContext) -> None:
    assert tls.verify_mode == ssl.CERT_REQUIRED
    assert tls.check_hostname
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2
