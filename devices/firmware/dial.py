"""Dialling on a board: a TCP connection with mutual TLS 1.2, without blocking the loop while it waits for the other side.

Verification is never off: Mbed TLS checks chain, dates and host name in each handshake, and asks here for the role. Dates are judged by
the board's clock, which the boot has set to the latest time it knows. All certificates and keys are DER. The resolver of MicroPython
blocks while it asks; give brokers by address where that hurts.
"""

import asyncio
import errno
import select
import socket

import tls

from agent.link.errors import LinkError
from devices.firmware import role
from devices.firmware.connection import HUNG_UP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FATAL = -0x3000
"""MBEDTLS_ERR_X509_FATAL_ERROR: what the handshake ends with when the role is wrong, and for no other reason."""
_NOT_BELIEVED = -0x2700
"""MBEDTLS_ERR_X509_CERT_VERIFY_FAILED; ports that can say more raise ValueError with a text."""
_HUNG_UP = (-0x7280, -0x7880, errno.ECONNRESET, 32)
"""MBEDTLS_ERR_SSL_CONN_EOF, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY; a reset; EPIPE, for which MicroPython has no name."""
_NO_DELAY = (6, 1, 1)
"""IPPROTO_TCP, TCP_NODELAY: a small message must not wait for the acknowledgement of the one before."""
_LOOK_MS = 10


def context(root: bytes, chain: "list[bytes]", key: bytes) -> "Any":
    """The TLS side of this device: what it believes, and what it shows.

    Args:
        root: the root certificate.
        chain: its own certificate, then those that lead to the root, without it.
        key: its private key.

    Raises:
        LinkError: one of them cannot be read.
    """
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    made.verify_mode = tls.CERT_REQUIRED
    try:
        made.load_verify_locations(root)
        for certificate in chain:  # each is added to those before
            made.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise LinkError("root, certificate or key is not usable for TLS: %s" % error, refused=True)
    made.verify_callback = _judge
    return made


def _judge(certificate: bytes, depth: int) -> int:
    return 0 if depth or role.is_broker(bytes(certificate)) else _FATAL


def resolve(host: str, port: int) -> "tuple[Any, ...]":
    """What ``getaddrinfo`` says of a broker. MicroPython's blocks while it asks, for seconds where no name server answers.

    Raises:
        LinkError: the name cannot be resolved.
    """
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    except (OSError, IndexError):
        raise LinkError("%s: the name cannot be resolved" % host)


async def dial(host: str, resolved: "tuple[Any, ...]", context: "Any") -> "tuple[Any, Callable[[], None]]":
    """A stream, and what closes it. Hands are shaken with the first bytes that are written.

    Args:
        host: name or address; must stand in the broker's certificate.
        resolved: from ``resolve``.
        context: from ``context``.

    Raises:
        LinkError: there is no connection.
    """
    family, kind, protocol, _, address = resolved
    plain = socket.socket(family, kind, protocol)
    try:
        plain.setblocking(False)
        try:
            plain.setsockopt(*_NO_DELAY)
        except OSError:  # a port without it only sends later
            pass
        try:
            plain.connect(address)
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        ready = select.poll()
        ready.register(plain, select.POLLOUT)
        while not ready.poll(0):
            await asyncio.sleep_ms(_LOOK_MS)  # type: ignore[attr-defined]  # MicroPython's own
        secured = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    except OSError as error:
        plain.close()
        raise LinkError("no connection: " + why(error))
    except BaseException:
        plain.close()
        raise

    def close() -> None:
        secured.close()
        plain.close()  # which a handshake that failed has let go of

    return asyncio.StreamReader(secured), close


def why(error: "BaseException") -> str:
    """What went wrong on a connection, in words where there are any."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _HUNG_UP:
        return HUNG_UP
    if number == _FATAL:
        return "the certificate is not a broker's (no name %s)" % role.BROKER.decode()
    if number is None or number == _NOT_BELIEVED:
        return "the broker's certificate is not believed: " + "; ".join(str(error).strip().split("\n"))
    if number > 0:
        return errno.errorcode.get(number) or "error %d" % number
    return "TLS: " + (error.args[1] if len(error.args) > 1 else "error -0x%04x" % -number)
