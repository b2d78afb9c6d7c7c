"""ECDSA as tests of the board's keys need it: OpenSSL's word, and points and signatures made at will."""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from devices.firmware import curve, p256, rfc6979
from devices.firmware.curve import INFINITY, N, P

# The key of RFC 6979 appendix A.2.5.
RFC_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC_POINT = (
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
)
EDGE_SCALARS = [0, 1, 2, 3, 4, 5, 255, 256, 1 << 31, 1 << 32, (1 << 32) - 1, 1 << 224, 1 << 255, (1 << 255) - 1,
                N - 1, N - 2, N - 3, N // 2, N // 2 + 1, P - N, (1 << 256) % N, int("01" * 128, 2), int("10" * 128, 2) % N]  # fmt: skip

Open = Callable[[int, int], str]


def times(scalar: int) -> tuple[int, int]:
    """The base point times a scalar, by OpenSSL."""
    numbers = derive_private_key(scalar, SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y


def plus(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return curve.affine(curve.add((*a, 1), *b))


def openssl_says(point: tuple[int, int], raw: bytes, digest: bytes) -> bool:
    key = EllipticCurvePublicNumbers(*point, SECP256R1()).public_key()
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(der, digest, ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def raw(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(generator: str, scalar: int, digest: bytes) -> bytes:
    return p256.sign(generator, scalar, digest, rfc6979.numbers(scalar, digest))


def point_with_x(x: int) -> tuple[int, int] | None:
    square = (x * x * x - 3 * x + curve.B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None


def key_for(point: tuple[int, int], r: int, s: int, z: int) -> tuple[int, int]:
    """The public key under which the verifier's sum, for the signature (r, s) of the digest z, is this point: (s R - z G) / r."""
    w = pow(r, -1, N)
    return plus(scaled(point, s * w % N), times((-z * w) % N))


def scaled(point: tuple[int, int], scalar: int) -> tuple[int, int]:
    result = INFINITY
    for bit in f"{scalar:b}":
        result = curve.double(result)
        if bit == "1":
            result = curve.add(result, *point)
    return curve.affine(result)
