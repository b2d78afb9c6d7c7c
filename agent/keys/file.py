"""A signing key in a file: P-256, PKCS#8, PEM, mode 0600. Made on the device, never leaves it, never shown in a message.

The usual form (what `generate` and OpenSSL write) is read here, which spares the agent the 2.4 MB of `cryptography`'s serialization
module; every other form goes through that module, which also tells precisely what is wrong with a foreign file.
"""

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from agent.keys import p256, pem
from agent.keys.errors import KeyFileError
from agent.keys.secret_file import read_secret, write_secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

KEY_LIMIT = 8192
"""Bytes of a key's file at most."""
_WHAT = "the private key"
_MAKE = "make one with `dabyl`, or with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
# PKCS#8 (RFC 5208) around ECPrivateKey (RFC 5915) with its public key: head, 32 bytes scalar, middle, 65 bytes point.
_HEAD = bytes.fromhex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420")
_MIDDLE = bytes.fromhex("a144034200")
_SCALAR_END = len(_HEAD) + 32
_POINT_AT = _SCALAR_END + len(_MIDDLE)


class FileKey:
    """A signer whose key is in a file. ``kid`` is 8 bytes, ``public_der`` the SubjectPublicKeyInfo."""

    def __init__(self, private: "EllipticCurvePrivateKey") -> None:
        numbers = private.public_key().public_numbers()
        self.public_der = p256.spki_of_point(numbers.x, numbers.y)
        self.kid = p256.kid_of(self.public_der)
        self._sign = private.sign
        self._algorithm = ECDSA(SHA256())

    @classmethod
    def load(cls, path: str) -> "Self":
        """Read the key.

        Raises:
            SecretFileError: the file is missing, unreadable, open to others, not a regular file, empty or too long.
            KeyFileError: it is not PEM, encrypted, not PKCS#8, or not a P-256 key.
        """
        return cls(_private_key(read_secret(path, KEY_LIMIT, _WHAT), path))

    @classmethod
    def generate(cls, path: str) -> "Self":
        """Make a new key on this machine and keep it in a new file (0600, durable on return).

        Raises:
            SecretFileError: the file exists, or cannot be written.
        """
        private = generate_private_key(SECP256R1())
        key = cls(private)
        scalar = private.private_numbers().private_value.to_bytes(32, "big")
        der = _HEAD + scalar + _MIDDLE + key.public_der[len(p256.SPKI_PREFIX) :]
        write_secret(path, pem.encoded("PRIVATE KEY", der).encode("ascii"), _WHAT)
        return key

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 with SHA-256 over ``data``: 64 bytes ``r || s``."""
        der = self._sign(data, self._algorithm)
        # SEQUENCE (INTEGER r, INTEGER s), made here: the heads have two bytes each, and nothing is to be checked.
        end = 4 + der[3]
        return der[4:end].lstrip(b"\x00").rjust(32, b"\x00") + der[end + 2 :].lstrip(b"\x00").rjust(32, b"\x00")


def _private_key(contents: bytes, path: str) -> "EllipticCurvePrivateKey":
    try:
        found = pem.blocks(contents.decode("ascii"), 4)
    except ValueError as error:
        raise KeyFileError(f"{_WHAT} {path} is not PEM text ({error}): {_MAKE}") from None
    labels = [label for label, _ in found]
    if "ENCRYPTED PRIVATE KEY" in labels or b"Proc-Type: 4,ENCRYPTED" in contents:
        raise KeyFileError(
            f"{_WHAT} {path} is encrypted, and nobody is there to type a passphrase when the device starts: "
            "store it unencrypted with mode 0600, or use a PKCS#11 token"
        )
    if labels in (["EC PRIVATE KEY"], ["EC PARAMETERS", "EC PRIVATE KEY"]):
        raise KeyFileError(
            f"{_WHAT} {path} is in the SEC 1 form: convert it with `openssl pkcs8 -topk8 -nocrypt -in {path}`"
        )
    if labels != ["PRIVATE KEY"]:
        raise KeyFileError(
            f"{_WHAT} {path} must hold one PRIVATE KEY block, found {', '.join(labels)[:120] or 'none'}: {_MAKE}"
        )
    der = found[0][1]
    if len(der) == _POINT_AT + p256.POINT_SIZE and der.startswith(_HEAD) and der[_SCALAR_END:_POINT_AT] == _MIDDLE:
        return _usual_form(der, path)
    return _other_form(der, path)


def _usual_form(der: bytes, path: str) -> "EllipticCurvePrivateKey":
    scalar = int.from_bytes(der[len(_HEAD) : _SCALAR_END], "big")
    if not 0 < scalar < p256.ORDER:
        raise KeyFileError(
            f"{_WHAT} {path} is out of range for P-256: the file is damaged, restore it or enrol the device again"
        )
    private = derive_private_key(scalar, SECP256R1())
    numbers = private.public_key().public_numbers()
    if p256.spki_of_point(numbers.x, numbers.y)[len(p256.SPKI_PREFIX) :] != der[_POINT_AT:]:
        raise KeyFileError(
            f"{_WHAT} {path} does not fit the public key beside it: the file is damaged, restore it or enrol the device again"
        )
    return private


def _other_form(der: bytes, path: str) -> "EllipticCurvePrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - 2.4 MB that an ordinary key file does not need
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_der_private_key  # noqa: PLC0415 - as above

    try:
        private = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{_WHAT} {path} is not a readable PKCS#8 key: the file is damaged; {_MAKE}") from None
    if not isinstance(private, EllipticCurvePrivateKey):
        kind = type(private).__name__.removesuffix("PrivateKey")
        raise KeyFileError(f"{_WHAT} {path} is a key of type {kind}, not P-256: {_MAKE}")
    if private.curve.name != "secp256r1":
        raise KeyFileError(f"{_WHAT} {path} is on the curve {private.curve.name}, not on P-256: {_MAKE}")
    return private
