"""What EST carries (RFC 7030, 8951): requests and certificates in base64. Pure."""

import base64
import binascii
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from provisioning.enrolment.errors import AnonymousError, BadRequestError

BODY_MAX = 16_384
_AUTHORIZATION_MAX = 512


def request_der(body: bytes) -> bytes:
    """The PKCS#10 request (DER) in a body.

    Raises:
        BadRequestError: the body is not base64.
    """
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequestError("the body must be a PKCS#10 request in base64, without PEM lines") from None


def certificates(ders: Sequence[bytes]) -> bytes:
    """A body with certificates: a PKCS#7 of certificates only, in base64."""
    whole = pkcs7.serialize_certificates([x509.load_der_x509_certificate(der) for der in ders], Encoding.DER)
    return base64.encodebytes(whole)


def name_and_code(header: str | None) -> tuple[str, str]:
    """User and password of HTTP's basic authentication (RFC 7617): the device's name and its claim.

    Raises:
        AnonymousError: there is none, or it is malformed.
    """
    scheme, _, credentials = (header or "").partition(" ")
    try:
        text = base64.b64decode(credentials[:_AUTHORIZATION_MAX].strip(), validate=True).decode("utf-8")
    except ValueError:  # binascii.Error and UnicodeDecodeError are
        text = ""
    name, colon, code = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise AnonymousError("a first enrolment needs the device's name and its claim, as user and password")
    return name, code
