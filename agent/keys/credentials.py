"""The certificate chain that a device or a center shows: read from its PEM file and matched with the signing key.

At run time the chain is only carried, so nothing here parses X.509: the leaf must contain the signer's public key, byte for byte.
The thorough check is `agent.keys.inspect.examine`. No secrets are read.
"""

import os
import stat

from agent.keys import p256, pem
from agent.keys.errors import CredentialsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CERTIFICATES = 4
MAX_CERTIFICATE_SIZE = 4096
_FILE_LIMIT = 32768


def load_chain(path: str) -> "list[bytes]":
    """The certificates (DER) of a PEM file, the leaf first.

    Raises:
        CredentialsError: the file is missing, unreadable, too long, not PEM, or holds none or too many certificates.
    """
    return chain_from_pem(_text(path), path)


def chain_from_pem(text: str, where: str) -> "list[bytes]":
    """The certificates (DER) of a PEM text, the leaf first.

    Args:
        text: the PEM text.
        where: where it comes from, for messages.

    Raises:
        CredentialsError: not PEM, a block of another kind, or none or too many certificates, or one is too large.
    """
    try:
        found = pem.blocks(text, MAX_CERTIFICATES)
    except ValueError as error:
        raise CredentialsError(
            f"{where}: {error}; a chain is 1 to {MAX_CERTIFICATES} certificates in PEM, the device's own first"
        ) from None
    if not found:
        raise CredentialsError(f"{where} holds no certificate: it must be PEM text, the device's own certificate first")
    for number, (label, der) in enumerate(found, 1):
        if label != "CERTIFICATE":
            raise CredentialsError(
                f"{where}: block {number} is {label[:40]!r}, not a certificate: keep keys in their own file"
            )
        if len(der) > MAX_CERTIFICATE_SIZE:
            raise CredentialsError(
                f"{where}: certificate {number} has {len(der)} bytes, more than {MAX_CERTIFICATE_SIZE}"
            )
    return [der for _, der in found]


def check_leaf(chain_ders: "Sequence[bytes]", public_der: bytes, where: str) -> None:
    """Make sure that the leaf was issued for this key.

    The SubjectPublicKeyInfo must occur in the leaf's DER. A certificate that merely quotes the key elsewhere would pass; that harms
    nobody, because whoever verifies reads the certificate properly and would refuse our signatures.

    Raises:
        CredentialsError: the chain is empty or belongs to another key.
    """
    if not chain_ders:
        raise CredentialsError(f"{where} holds no certificate")
    if public_der not in chain_ders[0]:
        raise CredentialsError(
            f"{where}: the first certificate does not belong to the signing key (key identifier {p256.kid_of(public_der).hex()}): "
            "put the device's own certificate first, or enrol the device again"
        )


def _text(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise CredentialsError(
            f"the certificate chain {path} cannot be opened: {error.strerror}; check the configuration"
        ) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CredentialsError(f"the certificate chain {path} is not a regular file")
        contents = b""
        while len(contents) <= _FILE_LIMIT:
            part = os.read(descriptor, _FILE_LIMIT + 1)
            if not part:
                break
            contents += part
    except OSError as error:
        raise CredentialsError(f"the certificate chain {path} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(contents) > _FILE_LIMIT:
        raise CredentialsError(
            f"the certificate chain {path} is longer than {_FILE_LIMIT} bytes: this is the wrong file"
        )
    try:
        return contents.decode("ascii")
    except UnicodeDecodeError:
        raise CredentialsError(
            f"the certificate chain {path} is not PEM text: convert it with `openssl x509 -inform DER`"
        ) from None
