"""Sealing: an event gets its number, its link to the one before, and its signature.

One sealer per boot. Numbers rise without holes and are never given twice, whatever becomes of the sealed event afterwards.
"""

from agent.wire import cose, event
from agent.wire.chain import Chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.wire.cose import Signer

    Stamp = tuple[int, int, int]


class Sealed:
    """A sealed event: its name (``boot``, ``seq``), class (``rank``), type, link for the chain, and the message to send."""

    __slots__ = ("boot", "envelope", "link", "rank", "seq", "type")

    def __init__(self, boot: int, seq: int, rank: int, type_: str, link: bytes, envelope: bytes) -> None:
        self.boot = boot
        self.seq = seq
        self.rank = rank
        self.type = type_
        self.link = link
        self.envelope = envelope


class Sealer:
    """Makes the events of one boot of one device."""

    def __init__(self, device: str, kind: str, chain: Chain, signer: "Signer", clock: "Clock") -> None:
        self.device = device
        self.kind = kind
        self.boot = chain.boot
        self._chain = chain
        self.signer = signer
        self._clock = clock

    def stamp(self) -> "Stamp":
        """This moment, for an event that happens now and may be sealed later: (at, quality, up)."""
        at, quality = self._clock.now()
        return at, quality, self._clock.up()

    def seal(self, type_: str, data: "dict[str, object]", stamp: "Stamp") -> Sealed:
        """The next event of this boot, which happened at ``stamp``.

        Raises:
            WireError: ``data`` is not what the contract can carry. No number is used up.
            KeysError: the key does not sign. No number is used up.
        """
        chain = self._chain
        at, quality, up = stamp
        seq = chain.seq + 1
        made = event.Event(self.device, self.kind, type_, chain.boot, seq, at, quality, up, chain.prev, data)
        payload = made.encode()
        envelope = cose.sign(payload, event.CONTEXT, self.signer)
        chain.advance(payload)
        return Sealed(chain.boot, seq, event.rank_of(type_), type_, chain.prev, envelope)
