"""The enrolment office on HTTPS: EST (RFC 7030) on the standard library's server, with a bound on everything a stranger may hold.

A thread a connection, few connections, few of them from one address, and an end for each. Handshakes happen in those threads. A client
certificate past its end is let in, for the office to judge; one of another authority is not.
"""

import ipaddress
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from agent.keys.certificate import read
from provisioning.enrolment import wire
from provisioning.enrolment.errors import (
    AnonymousError,
    BadRequestError,
    EnrolmentError,
    OutOfOrderError,
    TooOftenError,
)
from provisioning.enrolment.office import Office

CONNECTIONS_MAX = 64
PER_ADDRESS_MAX = 16
IDLE_S = 10
WHOLE_S = 30
"""How long a connection lasts at most, however busy it keeps."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL (x509_vfy.h); Python's ssl has no name for it."""
_EST = "/.well-known/est/"


def context(chain: Path, key: Path, trusted_pem: str) -> ssl.SSLContext:
    """TLS 1.2 or later as the server of ``chain`` and ``key``; certificates that clients show must lead to what is trusted.

    Raises:
        OSError: a file is unreadable, or they do not belong together.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(chain, key, password="")  # an encrypted key is refused, not asked for
    tls.load_verify_locations(cadata=trusted_pem)
    tls.verify_mode = ssl.CERT_OPTIONAL
    tls.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    return tls


class Server(ThreadingHTTPServer):
    """The listening server; ``serve_forever`` and ``shutdown`` as its class has them."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, tls: ssl.SSLContext, office: Office) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
        """
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.office = office
        self._tls = tls
        self._held: Counter[str] = Counter()
        self._holding = threading.Lock()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind, without asking the resolver for one's own name as the class above would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread, if there is room for one more."""
        address = place_of(client_address)
        with self._holding:
            full = self._held.total() >= CONNECTIONS_MAX or self._held[address] >= PER_ADDRESS_MAX
            if not full:
                self._held[address] += 1
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of a connection."""
        end = threading.Timer(WHOLE_S, _cut, [request])
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            with self._holding:
                address = place_of(client_address)
                self._held[address] -= 1
                if not self._held[address]:
                    del self._held[address]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, then answer."""
        request.settimeout(IDLE_S)
        with self._tls.wrap_socket(request.dup(), server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        """A connection that failed is the client's affair, unless it was a defect of ours."""
        error = sys.exception()
        if not isinstance(error, OSError):
            note(client_address, f"a defect, please report it: {type(error).__name__}: {str(error)[:200]}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "dabyl"
    sys_version = ""
    server: Server
    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        """``cacerts``; and the revocation list, for brokers and the center."""
        if self.path == "/crl.pem":
            self._give_list()
        else:
            self._answer({"cacerts": self._authorities})

    def do_POST(self) -> None:
        """``simpleenroll`` and ``simplereenroll``."""
        self._answer({"simpleenroll": self._enrol, "simplereenroll": self._renew})

    def log_message(self, *_: object) -> None:
        """Nothing: what was done is noted where it was done."""

    def _answer(self, known: dict[str, Any]) -> None:
        work = known.get(self.path.removeprefix(_EST)) if self.path.startswith(_EST) else None
        if work is None:
            self._say(404, "no such thing here: EST's cacerts, simpleenroll and simplereenroll are")
            return
        try:
            self._give(work())
        except EnrolmentError as error:
            note(self.client_address, f"{self.path[len(_EST) :]} refused: {error}")
            self._say(error.status, str(error), error)

    def _give_list(self) -> None:
        try:
            body = self.server.office.revocation_list()
        except OutOfOrderError as error:
            note(self.client_address, str(error))
            self._say(error.status, "there is no list now", error)
            return
        self._send(body, "application/x-pem-file")

    def _authorities(self) -> bytes:
        return wire.certificates([authority.der for authority in self.server.office.authorities])

    def _enrol(self) -> bytes:
        request = self._request()
        name, code = wire.name_and_code(self.headers.get("Authorization"))
        leaf = self.server.office.enrol(place_of(self.client_address), name, code, request)
        note(self.client_address, f"{name} enrolled")
        return wire.certificates([leaf])

    def _renew(self) -> bytes:
        request = self._request()
        leaf = self.server.office.renew(
            place_of(self.client_address), self.connection.getpeercert(binary_form=True), request
        )
        note(self.client_address, f"{read(leaf, 'the certificate').identity} renewed")
        return wire.certificates([leaf])

    def _request(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length[:8]) <= wire.BODY_MAX and len(length) <= 8):
            self.close_connection = True
            raise BadRequestError(f"the body must have a length, of at most {wire.BODY_MAX} bytes")
        body = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/pkcs10":
            raise BadRequestError("the body must be of the type application/pkcs10")
        return wire.request_der(body)

    def _give(self, body: bytes) -> None:
        self._send(body, "application/pkcs7-mime; smime-type=certs-only", ("Content-Transfer-Encoding", "base64"))

    def _send(self, body: bytes, kind: str, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in (("Content-Type", kind), *headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _say(self, status: int, text: str, error: EnrolmentError | None = None) -> None:
        body = text.encode("utf-8", "replace") + b"\n"
        self.send_response(status)
        if isinstance(error, AnonymousError):
            self.send_header("WWW-Authenticate", 'Basic realm="claim", charset="UTF-8"')
        if isinstance(error, TooOftenError):
            self.send_header("Retry-After", str(error.wait_s))
        if isinstance(error, OutOfOrderError):
            self.send_header("Retry-After", "300")
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def place_of(client_address: Any) -> str:
    """Where a client is, as far as limits tell clients apart: its IPv4 address, or its IPv6 network of 64 bits."""
    address = ipaddress.ip_address(str(client_address[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))


def note(client_address: Any, text: str) -> None:
    """One line for people. Never a claim, never a header."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    sys.stderr.write(f"{at} {client_address[0]} {printable[:500]}\n")
    sys.stderr.flush()


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended
