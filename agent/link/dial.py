"""Dialling: a TCP connection with mutual TLS, made by the event loop without ever blocking it.

Verification is never off: chain, host name and role of a server are checked by OpenSSL in each handshake. One thing bends: on a device
whose clock is unset, certificates cannot be judged by the clock, so validity is then judged by the time floor (see ``agent.clock``).
"""

import _thread
import asyncio
import contextlib
import os
import socket
import ssl

from agent.keys.errors import CredentialsError
from agent.keys.validity import validity
from agent.link.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL (x509_vfy.h); Python's ssl has no name for it."""

BROKER_ROLE = "urn:dabyl:broker:"
"""How the role in a broker's certificate begins (a SAN URI), so that no other certificate of the same authority can pose as one."""


def context(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """A TLS client context: TLS 1.2 or later, our certificate shown, the server's verified against ``ca`` (all are PEM files).

    Raises:
        LinkError: a file is missing, unreadable, or key and certificate do not belong together.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        tls.load_verify_locations(ca)
    except OSError as error:
        raise LinkError(f"{ca}: no root certificate can be read from it: {_reason(error)}", refused=True) from None
    try:
        tls.load_cert_chain(
            certificate, key, password=""
        )  # without one OpenSSL would ask a terminal and block the loop
    except OSError as error:
        raise LinkError(f"{certificate} with {key}: not usable for TLS: {_reason(error)}", refused=True) from None
    return tls


def plain(host: str) -> "str | bytes":
    """A name for resolver and OpenSSL: one in ASCII goes past Python's IDNA codec, which would take a running device 0.4 MB."""
    return host.encode("ascii") if host.isascii() else host


def end_ms(sock: ssl.SSLSocket) -> int:
    """When the server's certificate ends, milliseconds since 1970 UTC.

    Raises:
        LinkError: it cannot be read.
    """
    try:
        return validity(sock.getpeercert(binary_form=True) or b"")[1]
    except CredentialsError:
        raise LinkError("the server's certificate does not say when it ends", refused=True) from None


async def dial(host: str, port: int, tls: ssl.SSLContext, floor_ms: int | None) -> ssl.SSLSocket:
    """A connected, verified, non-blocking TLS socket.

    Args:
        host: name or address; must stand in the server's certificate.
        port: TCP port.
        tls: from ``context``.
        floor_ms: None where the system's clock can be trusted; else the time floor (ms since 1970) to judge certificates by.

    Raises:
        LinkError: with what went wrong, and whether it was a refusal.
    """
    if floor_ms is None:
        tls.verify_flags &= ~ssl.VerifyFlags(NO_CHECK_TIME)
    else:
        tls.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    loop = asyncio.get_running_loop()
    last: Exception | None = None
    for family, address in await _addresses(loop, host, port):
        try:
            raw = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a kernel without IPv6 still resolves IPv6 addresses
            last = error
            continue
        try:
            raw.setblocking(False)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(raw, address)
            sock = tls.wrap_socket(raw, server_hostname=plain(host), do_handshake_on_connect=False)
        except OSError as error:
            last = error
            raw.close()
            continue
        except BaseException:
            raw.close()
            raise
        try:
            await _handshake(loop, sock)
            _judge(sock, host, floor_ms)
        except BaseException:
            sock.close()
            raise
        return sock
    raise LinkError(f"{host}:{port}: no connection: {_reason(last)}")


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> "list[tuple[int, Any]]":
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, (host, port))]
    answer: asyncio.Future[Any] = loop.create_future()
    # A thread of our own, which nobody waits for at the end: a resolver can hang for minutes, and the loop's own executor would be
    # waited for.
    _thread.start_new_thread(_look_up, (loop, answer, host, port))
    found = await answer
    if isinstance(found, Exception):
        raise LinkError(f"{host}: the name cannot be resolved: {_reason(found)}")
    return [(entry[0], entry[4]) for entry in found[:8]]


def _look_up(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[Any]", host: str, port: int) -> None:
    """On its thread: ask the resolver, which blocks, and hand addresses or error to the loop."""
    found: Any
    try:
        found = socket.getaddrinfo(plain(host), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        found = error
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(_answer, answer, found)


def _answer(answer: "asyncio.Future[Any]", found: "Any") -> None:
    if not answer.done():
        answer.set_result(found)


async def _handshake(loop: asyncio.AbstractEventLoop, sock: ssl.SSLSocket) -> None:
    while True:
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(loop.add_reader, loop.remove_reader, sock)
        except ssl.SSLWantWriteError:
            await _ready(loop.add_writer, loop.remove_writer, sock)
        except ssl.SSLCertVerificationError as error:
            raise LinkError(f"the broker's certificate is not believed: {error.verify_message}", refused=True) from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise LinkError("TLS handshake failed: the broker hung up in the middle of it") from None
        except OSError as error:
            raise LinkError(
                f"TLS handshake failed: {_reason(error)}", refused=isinstance(error, ssl.SSLError)
            ) from None
        else:
            return


async def _ready(add: "Any", remove: "Any", sock: ssl.SSLSocket) -> None:
    ready = asyncio.get_running_loop().create_future()

    def done() -> None:
        if not ready.done():
            ready.set_result(None)

    add(sock, done)
    try:
        await ready
    finally:
        remove(sock)


def _judge(sock: ssl.SSLSocket, host: str, floor_ms: int | None) -> None:
    """What OpenSSL does not check: the role in the certificate, and its end where the clock cannot be trusted."""
    certificate = sock.getpeercert() or {}
    names: Any = certificate.get("subjectAltName", ())
    if not any(kind == "URI" and value.startswith(BROKER_ROLE) for kind, value in names):
        raise LinkError(f"{host}: the certificate is not a broker's (no name {BROKER_ROLE}…)", refused=True)
    if floor_ms is not None and end_ms(sock) < floor_ms:
        raise LinkError(
            f"{host}: the broker's certificate ended before the latest time this device knows", refused=True
        )


def _reason(error: BaseException | None) -> str:
    if error is None:
        return "no address"
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error).replace("_", " ").lower()
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # asyncio's own text says "Connect call failed", not why
    return getattr(error, "strerror", None) or str(error)
