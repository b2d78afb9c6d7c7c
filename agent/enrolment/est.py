"""An EST client (RFC 7030): asks one server, believes nobody but the root it is given, and bounds all that comes back."""

import base64
import contextlib
import hashlib
import http.client
import ssl
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from agent.enrolment.errors import EnrolmentError, UnreachableError
from agent.keys import pem
from agent.keys.certificate import READ_ERRORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 20
_ANSWER_MAX = 65_536
_PATH = "/.well-known/est/"
_ROLE = "urn:dabyl:enrolment:"
_LATER = (408, 425, 429, 500, 502, 503, 504)


class Server:
    """An enrolment server at an address such as ``https://enrol.example.org:8443``."""

    def __init__(self, url: str) -> None:
        """Read the address.

        Raises:
            EnrolmentError: it is none.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 443
        except ValueError:
            parts, host, port = urlsplit(""), None, 0
        if (
            parts.scheme != "https"
            or not host
            or parts.path not in {"", "/"}
            or parts.query
            or parts.username is not None
        ):
            raise EnrolmentError(f"{url[:200]!r} is no server: it is https://host:port")
        self._host, self._port = host, port

    def root(self, sha256: bytes) -> str:
        """The root certificate (PEM) with this digest, from a server that is not believed in anything else.

        Raises:
            EnrolmentError: the server has another one.
            UnreachableError: it cannot be reached.
        """
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname = False
        blind.verify_mode = ssl.CERT_NONE  # what comes counts by its digest alone (RFC 7030 section 4.1.1)
        for der in self._certificates(self._answer(blind, "cacerts", None, {})):
            if hashlib.sha256(der).digest() == sha256:
                return pem.encoded("CERTIFICATE", der)
        raise EnrolmentError(
            "the server's root is not the one on the label: this is another server, or somebody is in between"
        )

    def authorities(self, root_pem: str) -> "list[bytes]":
        """The certificates (DER) of root and issuing authorities. Raises as ``enrol``."""
        return self._certificates(self._answer(_context(root_pem), "cacerts", None, {}))

    def enrol(self, root_pem: str, name: str, code: str, request: bytes) -> bytes:
        """The first certificate (DER), for a claim.

        Args:
            root_pem: whom to believe.
            name: the device's.
            code: the claim's.
            request: PKCS#10, DER.

        Raises:
            EnrolmentError: the server refuses, is not the one it should be, or gives nonsense.
            UnreachableError: it cannot be reached, or cannot answer now.
        """
        credentials = base64.b64encode(f"{name}:{code}".encode()).decode("ascii")
        headers = {"Authorization": "Basic " + credentials}
        return self._one(self._answer(_context(root_pem), "simpleenroll", request, headers))

    def renew(self, root_pem: str, certificate: str, key: str, request: bytes) -> bytes:
        """A further certificate (DER), for the one in the file ``certificate`` with the key in the file ``key``. Raises as ``enrol``."""
        tls = _context(root_pem)
        try:
            tls.load_cert_chain(certificate, key, password="")
        except OSError as error:
            reason = error.strerror or str(error)
            raise EnrolmentError(
                f"{certificate} with {key}: not usable for TLS: {reason}; enrol with a new claim"
            ) from None
        return self._one(self._answer(tls, "simplereenroll", request, {}))

    def _answer(self, tls: ssl.SSLContext, what: str, request: "bytes | None", headers: "Mapping[str, str]") -> bytes:
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=tls)
        with contextlib.closing(connection):
            try:
                connection.connect()
                if tls.verify_mode == ssl.CERT_REQUIRED:
                    _judge(connection.sock)
                body = None if request is None else base64.encodebytes(request)
                kind = (
                    {}
                    if body is None
                    else {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
                )
                connection.request("GET" if body is None else "POST", _PATH + what, body, {**headers, **kind})
                answer = connection.getresponse()
                whole = answer.read(_ANSWER_MAX + 1)
            except ssl.SSLCertVerificationError as error:
                raise EnrolmentError(
                    f"the server's certificate is not believed: {error.verify_message};"
                    " check this machine's clock (`date`) and the root certificate"
                ) from None
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                raise UnreachableError(
                    f"{self._host}:{self._port}: {reason}: check the network and the server"
                ) from None
        if answer.status == 200 and len(whole) <= _ANSWER_MAX:
            return whole
        told = "".join(letter for letter in whole[:300].decode("utf-8", "replace") if letter.isprintable())
        kind_of = UnreachableError if answer.status in _LATER else EnrolmentError
        raise kind_of(f"the server refuses ({answer.status}): {told or answer.reason}")

    def _certificates(self, body: bytes) -> "list[bytes]":
        try:
            whole = base64.b64decode(b"".join(body.split()), validate=True)
            return [one.public_bytes(Encoding.DER) for one in pkcs7.load_der_pkcs7_certificates(whole)][:8]
        except READ_ERRORS:  # binascii's is a ValueError
            raise EnrolmentError("the server's answer holds no certificates: is it an EST server?") from None

    def _one(self, body: bytes) -> bytes:
        found = self._certificates(body)
        if len(found) != 1:
            raise EnrolmentError(f"the server gave {len(found)} certificates instead of one")
        return found[0]


def _context(root_pem: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        tls.load_verify_locations(cadata=root_pem)
    except (OSError, ValueError):
        raise EnrolmentError("the root certificate is damaged: copy it to the device again") from None
    return tls


def _judge(sock: ssl.SSLSocket) -> None:
    """A certificate of the same authority is not enough: it must be an enrolment server's."""
    certificate = sock.getpeercert() or {}
    names: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())  # type: ignore[assignment]  # as ssl documents it
    if not any(kind == "URI" and value.startswith(_ROLE) for kind, value in names):
        raise EnrolmentError(f"the server's certificate is not an enrolment server's (no name {_ROLE}…)")
