"""Encryption of a segment for its custodian: the badge seals and cannot open, for it holds the custodian's public key alone.

Each segment has a key of its own, used once, wrapped by HPKE (RFC 9180: DHKEM P-256 with HKDF-SHA256, AES-128-GCM), and is encrypted in
chunks of 16 KiB by Cobblestone-128 (C2SP chunked-encryption): a file that is cut anywhere still gives back its whole chunks. The file's
header is bound to every chunk.
"""

import struct

from cryptography.cobblestone import Cobblestone128Encryptor
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from agent.keys import p256, pem
from agent.keys.errors import KeysError
from agent.recording.manifest import KEY_MAX

MAGIC = b"DABYLSEG"
CONTEXT = b"dabyl/v1/segment"
CHUNK = 16384
"""Bytes that are encrypted together. Only whole chunks reach the disk before the end."""
SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
FIXED = struct.Struct(">8s16sI32s8sH")
"""The header before the wrapped key: magic, recording, number, ``prev``, custodian's key identifier, length of the wrapped key."""
CUSTODIAN_FILE_MAX = 8192


class Custodian:
    """A custodian's public key. ``kid`` identifies it."""

    def __init__(self, public: EllipticCurvePublicKey) -> None:
        numbers = public.public_numbers()
        self.kid = p256.kid_of(p256.spki_of_point(numbers.x, numbers.y))
        self._public = public

    @classmethod
    def load(cls, path: str) -> "Custodian":
        """Read the public key in a PEM file.

        Raises:
            KeysError: it cannot be read, or is no P-256 public key.
        """
        try:
            with open(path, encoding="ascii") as file:
                found = pem.blocks(file.read(CUSTODIAN_FILE_MAX), 1)
        except OSError as error:
            raise KeysError(f"the custodian's key {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise KeysError(f"the custodian's key {path} is not PEM text: {error}") from None
        der = found[0][1] if found and found[0][0] == "PUBLIC KEY" else b""
        if len(der) != p256.SPKI_SIZE or not der.startswith(p256.SPKI_PREFIX):
            raise KeysError(f"the custodian's key {path} is no PUBLIC KEY on P-256")
        try:
            public = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), der[len(p256.SPKI_PREFIX) :])
        except ValueError:
            raise KeysError(f"the custodian's key {path} is no point of P-256: the file is damaged") from None
        return cls(public)

    def wrap(self, key: bytes, info: bytes) -> bytes:
        """A segment's key, for this custodian only."""
        return SUITE.encrypt(key, self._public, info=info)


class Sealer:
    """Seals one segment. Its file is ``header``, then what ``update`` returns, then what ``finish`` returns.

    Args:
        custodian: who can open it.
        recording: the recording.
        n: the segment's number.
        prev: digest of the manifest before, so that a segment found after a power cut still has its place in the chain.
    """

    def __init__(self, custodian: Custodian, recording: bytes, n: int, prev: bytes) -> None:
        key = Cobblestone128Encryptor.generate_key()
        self.wrapped = custodian.wrap(key, info_of(recording, n))
        self.header = FIXED.pack(MAGIC, recording, n, prev, custodian.kid, len(self.wrapped)) + self.wrapped
        self._cipher = Cobblestone128Encryptor(key, self.header)

    def update(self, plain: bytes) -> bytes:
        """All whole chunks; up to ``CHUNK`` - 1 bytes wait for more."""
        return self._cipher.update(plain)

    def finish(self) -> bytes:
        """The rest, and the mark that nothing is missing."""
        return self._cipher.finalize()


def info_of(recording: bytes, n: int) -> bytes:
    """What a wrapped key is bound to."""
    return CONTEXT + recording + n.to_bytes(4, "big")


class HeaderError(ValueError):
    """A file does not begin as a segment does."""


class Header:
    """The header of a segment's file, which says nothing about who wrote it.

    Raises:
        HeaderError: the bytes are no such header, or fewer.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < FIXED.size or not data.startswith(MAGIC):
            raise HeaderError("this is no segment of a recording")
        _, self.recording, self.n, self.prev, self.custodian, length = FIXED.unpack_from(data)
        self.size = FIXED.size + length
        if not 0 < length <= KEY_MAX or len(data) < self.size:
            raise HeaderError("the segment's header is cut or damaged")
        self.bytes = bytes(data[: self.size])
        self.wrapped = self.bytes[FIXED.size :]


HEADER_MAX = FIXED.size + KEY_MAX
