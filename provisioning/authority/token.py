"""An issuing key in a PKCS#11 token, in the form that `cryptography` signs certificates with. It never leaves the token."""

from typing import Any, Never, Self

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey

from agent.keys import p256
from agent.keys.hsm import Pkcs11Key


class TokenKey(EllipticCurvePrivateKey):
    """A private key that can do nothing but sign, ECDSA with SHA-256."""

    def __init__(self, key: Pkcs11Key) -> None:
        self._key = key

    @property
    def curve(self) -> SECP256R1:
        """P-256; tokens with other keys are refused when they are opened."""
        return SECP256R1()

    @property
    def key_size(self) -> int:
        """Bits."""
        return 256

    def public_key(self) -> EllipticCurvePublicKey:
        """The public half."""
        return p256.public_key(self._key.public_der)

    def sign(self, data: Any, _algorithm: object) -> bytes:
        """A DER signature.

        Raises:
            HsmError: the token does not sign.
        """
        return p256.der_from_raw(self._key.sign(bytes(data)))

    def exchange(self, *_: object) -> Never:
        """Never."""
        raise NotImplementedError

    def private_numbers(self) -> Never:
        """Never."""
        raise NotImplementedError

    def private_bytes(self, *_: object) -> Never:
        """Never."""
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self
