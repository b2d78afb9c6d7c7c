"""Signs an H.264 stream as it is made: ONVIF Media Signing, which other people's validators accept.

A signed period is a GOP, or the part of one before a cut. A slice enters as the hash of its NAL unit; the first slice of a GOP is the
anchor, and every other enters as the hash of anchor and slice together, so that no picture fits into another GOP. The SEI that signs a
GOP stands in the access unit *after* the next IDR picture: a copy that is cut at GOPs then stays valid.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from agent.recording.stream import nal, sei
from agent.recording.stream.errors import StreamError

if TYPE_CHECKING:
    from agent.wire.cose import Signer

_NO_LINK = bytes(sei.HASH_SIZE)


class MediaSigner:
    """One recording's signatures, access unit by access unit.

    Args:
        key: the device's P-256 key.
        chain: its certificates in DER, leaf first, the root left out.
        vendor: who makes the stream.
    """

    def __init__(self, key: "Signer", chain: Sequence[bytes], vendor: sei.Vendor) -> None:
        self._key = key
        self._chain = tuple(chain)
        self._vendor = vendor
        self._anchor = b""
        self._hashes: list[bytes] = []
        self._link = _NO_LINK
        self._counter = 0
        self._since_ms = 0
        self._due: list[bytes] = []

    def unit(self, units: Sequence[bytes], at_ms: int) -> list[bytes]:
        """The NAL units of the next access unit (made at ``at_ms``, milliseconds since 1970 UTC), with a SEI before its first slice
        if one is due.

        Raises:
            StreamError: the stream does not begin with an IDR picture.
        """
        slices = [unit for unit in units if nal.is_slice(unit)]
        out = list(units)
        if self._due and slices:
            place = out.index(slices[0])
            out[place:place] = self._due
            self._due = []
        begins = bool(slices) and nal.kind(slices[0]) == nal.IDR
        if self._hashes and (begins or len(self._hashes) + len(slices) > sei.MAX_HASHES):
            self._due.append(self._signed(at_ms, partial=not begins))
        elif self._counter == 0 and not self._hashes:
            self._since_ms = at_ms
        for unit in slices:
            self._enter(unit, begins)
            begins = False
        return out

    def close(self, at_ms: int) -> list[bytes]:
        """What signs all that is not signed yet: to be put behind the last access unit before a cut, be it of a file or of the power."""
        if self._hashes:
            self._due.append(self._signed(at_ms, partial=True))
        due, self._due = self._due, []
        return due

    def _enter(self, unit: bytes, begins: bool) -> None:
        digest = sha256(unit).digest()
        if begins:
            self._anchor = digest
        elif self._anchor:
            digest = sha256(self._anchor + digest).digest()
        else:
            raise StreamError("a signed stream begins with an IDR picture")
        self._hashes.append(digest)

    def _signed(self, at_ms: int, partial: bool) -> bytes:
        self._counter += 1
        hashes = tuple(self._hashes)
        period = sei.Period(
            counter=self._counter,
            partial=partial,
            start_ms=self._since_ms,
            end_ms=at_ms,
            gop_hash=sha256(b"".join(hashes)).digest(),
            link=self._link,
            hashes=hashes,
            vendor=self._vendor,
            certificates=self._chain,
        )
        self._link = hashes[0]
        self._since_ms = at_ms
        self._hashes = []
        opened = sei.opening(period)
        return sei.closed(opened, self._key.sign(opened))
