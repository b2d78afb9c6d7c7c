"""The group of P-256 (SEC 2 section 2.4.2) over Python's integers. Pure; points are Jacobian triples, or affine pairs where told so.

The addition is complete: it gives the right point for equal, opposite and infinite operands too, so that no signature can steer a
verifier into a wrong answer.
"""

P = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
"""The field's prime."""
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the base point."""
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
"""The base point, affine."""
INFINITY = (1, 1, 0)

TYPE_CHECKING = False
if TYPE_CHECKING:
    Point = tuple[int, int, int]
    Affine = tuple[int, int]


def on_curve(x: int, y: int) -> bool:
    """True if these are the reduced coordinates of a point."""
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x - 3) * x - B) % P == 0


def inverse(number: int, modulus: int, blind: int = 1) -> int:
    """The inverse of ``number`` modulo a prime. Its running time depends on ``number * blind`` only: give secrets a random ``blind``."""
    r0 = modulus
    r1 = number * blind % modulus
    s0 = 0
    s1 = 1
    while r1:
        q = r0 // r1
        r0, r1 = r1, r0 - q * r1
        s0, s1 = s1, s0 - q * s1
    return s0 * blind % modulus


def affine(point: "Point", blind: int = 1) -> "Affine":
    """The coordinates of a point that is not infinite."""
    x, y, z = point
    z = inverse(z, P, blind)
    zz = z * z % P
    return x * zz % P, y * zz * z % P


def affines(points: "list[Point]") -> "list[Affine]":
    """The coordinates of points, none infinite, at the price of one inversion (Montgomery's trick)."""
    products = [1]
    for _, _, z in points:
        products.append(products[-1] * z % P)
    rest = inverse(products[-1], P)
    found = []
    for index in range(len(points) - 1, -1, -1):
        x, y, z = points[index]
        alone = rest * products[index] % P
        rest = rest * z % P
        zz = alone * alone % P
        found.append((x * zz % P, y * zz * alone % P))
    found.reverse()
    return found


def double(point: "Point") -> "Point":
    """Twice a point (dbl-2001-b of the Explicit-Formulas Database, a = -3)."""
    x, y, z = point
    zz = z * z % P
    yy = y * y % P
    b = x * yy % P
    a = 3 * (x - zz) * (x + zz) % P
    x = (a * a - (b << 3)) % P
    return x, (a * ((b << 2) - x) - (yy * yy << 3)) % P, (y * z << 1) % P


def add(point: "Point", x2: int, y2: int) -> "Point":
    """A point and an affine point, whichever they are."""
    x, y, z = point
    if not z:
        return x2, y2, 1
    zz = z * z % P
    h = (x2 * zz - x) % P
    r = (y2 * z * zz - y) % P
    if not h:
        return INFINITY if r else double(point)
    hh = h * h % P
    v = x * hh % P
    hh = h * hh % P
    x = (r * r - hh - (v << 1)) % P
    return x, (r * (v - x) - y * hh) % P, z * h % P
