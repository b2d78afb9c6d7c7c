"""Whose receipts and commands count: the centers' public keys, in one file, and a table for each so that a receipt verifies quickly.

The file is the keys' SubjectPublicKeyInfo in DER, one after the other, 91 bytes each: for one key, what
``openssl pkey -pubout -outform DER`` writes. It is replaced in one step; tables are derived from it and made again where they are missing.
"""

import os
from binascii import hexlify
from hashlib import sha256

from devices.firmware import comb, p256
from devices.firmware.keys import SPKI_SIZE, BoardKeyError, kid_of, point_of_spki

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devices.firmware.curve import Affine

    Verify = Callable[[bytes, bytes], bool]

MAX_KEYS = 8
FILE = "centers.der"
_TABLE = ".center"


def _at_once(call: "Callable[..., str]", *arguments: object) -> str:
    return call(*arguments)


class Trust:
    """The key table for receipts and commands, kept in ``folder``. ``find`` is what ``agent.wire.cose.verify`` asks.

    ``generator`` is the path of the base point's table (see `comb`); ``patiently`` calls what takes seconds, with its arguments.

    Raises:
        BoardKeyError: no keys there, or a damaged file.
    """

    def __init__(self, folder: str, generator: str, patiently: "Callable[..., str]" = _at_once) -> None:
        self._folder = folder
        self._patiently = patiently
        self._generator = generator
        self._tables: "dict[bytes, str]" = {}
        path = folder + "/" + FILE
        try:
            with open(path, "rb") as file:
                contents = file.read(MAX_KEYS * SPKI_SIZE + 1)
        except OSError:
            raise BoardKeyError("no center's public keys in %s: enrol this board" % path) from None
        try:
            self._points = _points([contents[at : at + SPKI_SIZE] for at in range(0, len(contents), SPKI_SIZE)])
        except BoardKeyError as error:
            raise BoardKeyError(
                "the center's public keys in %s are damaged (%s): enrol this board" % (path, error)
            ) from None
        self._drop_tables()

    def find(self, kid: bytes) -> "Verify | None":
        """The verifier ``(signature, data) -> bool`` of the center key with this identifier.

        It never raises. While flash cannot be read, or has no room for the key's table, nothing is believed: the center says it again.
        """
        if kid not in self._points:
            return None

        def check(signature: bytes, data: bytes) -> bool:
            try:
                return p256.verify(self._generator, self._table(kid), signature, sha256(data).digest())
            except OSError:
                return False

        return check

    def prepare(self) -> bool:
        """Make one table that is missing: at start, and after ``replace``, so that no receipt has to wait for it. False once all are there.

        Raises:
            OSError: flash has no room for it.
        """
        for kid in self._points:
            if kid not in self._tables:
                self._table(kid)
                return True
        return False

    def replace(self, ders: "Sequence[object]") -> None:
        """Believe exactly these keys (SubjectPublicKeyInfo, DER) from now on, after a restart too.

        Raises:
            BoardKeyError: none, too many, or one that is no P-256 key. Nothing has changed then.
            OSError: the keys could not be kept. Nothing has changed then.
        """
        points = _points(ders)
        path = self._folder + "/" + FILE
        with open(path + ".new", "wb") as file:
            for der in ders:
                assert isinstance(der, bytes)
                file.write(der)
        os.rename(path + ".new", path)
        self._points = points
        self._drop_tables()

    def _table(self, kid: bytes) -> str:
        table = self._tables.get(kid)
        if table is None:
            x, y = self._points[kid]
            path = "%s/%s%s" % (self._folder, hexlify(kid).decode(), _TABLE)
            table = self._patiently(comb.make_sure, path, x, y)
            self._tables[kid] = table
        return table

    def _drop_tables(self) -> None:
        """Remove the tables of keys that are believed no longer, and tables left half made. What stays is removed next time."""
        self._tables = {kid: path for kid, path in self._tables.items() if kid in self._points}
        ours = [hexlify(kid).decode() + _TABLE for kid in self._points]
        try:
            for name in os.listdir(self._folder):
                if _TABLE in name and name not in ours:
                    os.remove(self._folder + "/" + name)
        except OSError:
            return


def _points(ders: "Sequence[object]") -> "dict[bytes, Affine]":
    if not 1 <= len(ders) <= MAX_KEYS:
        raise BoardKeyError("a board believes 1 to %d center keys, not %d" % (MAX_KEYS, len(ders)))
    points = {}
    for der in ders:
        if not isinstance(der, bytes):
            raise BoardKeyError("a center's key is a byte string (SubjectPublicKeyInfo, DER)")
        points[kid_of(der)] = point_of_spki(der)
    return points
