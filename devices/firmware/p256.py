"""ECDSA on P-256 (FIPS 186-5 section 6.4) over a digest of 32 bytes. ``generator`` and ``key`` are paths: of the tables that
`comb.make_sure` made for the base point and for the public key.

Signing takes the same steps for every key and nonce, and blinds both inversions. Python's integers themselves are not constant-time:
see docs/devices/firmware-keys.md for what that means.
"""

import errno

from devices.firmware.comb import multiply
from devices.firmware.curve import N, P, affine, inverse, on_curve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE_SIZE = 64


def public_point(generator: str, scalar: int, blind: int) -> "tuple[int, int]":
    """The base point times a secret scalar from 1 to N-1, affine. ``blind`` is a random number of that range.

    Raises:
        OSError: the table of the base point cannot be read, or holds something else.
    """
    x, y = affine(multiply(((generator, scalar),)), blind)
    if not on_curve(x, y):
        # A signature with a wrong point, beside a right one of the same message, would give the key away.
        raise OSError(errno.EIO)
    return x, y


def sign(generator: str, scalar: int, digest: bytes, numbers: "Iterator[int]") -> bytes:
    """64 bytes ``r || s``. ``numbers`` gives secret numbers from 1 to N-1, never the same row for two digests (see `rfc6979`).

    Raises:
        OSError: as `public_point`.
    """
    z = int.from_bytes(digest, "big")
    while True:
        nonce = next(numbers)
        blind = next(numbers)
        r = public_point(generator, nonce, blind)[0] % N
        s = inverse(nonce, N, blind) * (z + r * scalar) % N
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(generator: str, key: str, signature: bytes, digest: bytes) -> bool:
    """True if ``signature`` is of ``digest`` by ``key``. A signature of a wrong length or out of range is a wrong one, no error.

    Raises:
        OSError: a table cannot be read.
    """
    if len(signature) != SIGNATURE_SIZE:
        return False
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    w = inverse(s, N)
    x, _, z = multiply(((generator, int.from_bytes(digest, "big") * w % N), (key, r * w % N)))
    zz = z * z % P
    # The x of the point modulo N is r: without an inversion, x is r or, where that is below P, r + N. Infinity, (1, 1, 0), fits none.
    return (r * zz - x) % P == 0 or (r + N < P and ((r + N) * zz - x) % P == 0)
