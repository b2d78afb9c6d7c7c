"""Who may come in: devices that the center knows, with a certificate that is good now, whatever was good when they connected."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from agent.keys.certificate import Certificate, read
from agent.keys.chain import verify_chain
from agent.keys.errors import KeysError
from agent.keys.names import DEVICE
from agent.keys.revocation import RevocationList
from agent.wire import cbor
from center import schema
from center.database import Database
from center.evidence.errors import NotAdmittedError


class Door:
    """Names the device behind a TLS client certificate.

    TLS has checked that its holder has the key, and that a trusted root issued it. Here the center's rules are added: role, identity,
    revocation. The chain between comes from the device's presence, which the center has proven and kept.

    Args:
        database: the center's, read only.
        roots: the trusted roots.
        crls: asked each time for the revocation lists in force.
    """

    def __init__(
        self, database: Database, roots: Sequence[Certificate], crls: Callable[[], Sequence[RevocationList]]
    ) -> None:
        self._database = database
        self._roots = tuple(roots)
        self._crls = crls

    def admit(self, leaf_der: bytes, now_ms: int) -> str:
        """The device whose certificate this is.

        Raises:
            NotAdmittedError: it is none, or is not to be let in; the text says why.
            DatabaseError: the center's database cannot be read.
        """
        try:
            leaf = read(leaf_der, "the client's certificate")
            with self._database.read() as connection:
                row = connection.execute(
                    select(schema.keys.c.chain, schema.keys.c.device).where(schema.keys.c.kid == leaf.kid)
                ).first()
            if row is None:
                raise NotAdmittedError("the center has not heard this device's presence yet: try again later")
            kept = cbor.loads(row.chain)
            above = kept[1:] if isinstance(kept, list) else []
            who = verify_chain([leaf_der, *above], self._roots, now_ms, self._crls(), role=DEVICE, identity=row.device)
        except KeysError as error:
            raise NotAdmittedError(str(error)) from None
        return who.identity
