"""The signed manifests of recordings, beside where their segments lie: what the center has believed, filed by recording and number.

The center's own process verifies events and stores them; this follows its database, read only, and writes each ``recording.*`` event into
its recording's folder as it was sent, with the certificate chain of its key. So the folder tells what there is to come, before and
without any segment, and everything in it can be proven from files alone.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from agent.keys import p256, pem
from agent.keys.certificate import Certificate, read
from agent.keys.errors import KeysError
from agent.recording.manifest import RECORDING_LENGTH, TYPE, Manifest, ManifestError
from agent.wire import cbor, cose, event
from agent.wire.errors import WireError
from agent.wire.event import Event
from center import schema
from center.database import Database
from center.evidence import files
from center.evidence.errors import EvidenceError
from center.evidence.store import MAX_SMALL, Store
from center.report import Report

FAMILY = "recording."
BATCH = 200
_CURSOR = ".followed"


class Manifests:
    """Follows ``database`` into ``store``. ``roots`` are put beside, so that a copy of a device's folder can be proven anywhere."""

    def __init__(self, database: Database, store: Store, roots: Sequence[Certificate], report: Report) -> None:
        self._database = database
        self._store = store
        self._roots = "".join(pem.encoded("CERTIFICATE", root.der) for root in roots).encode("ascii")
        self._report = report
        self._cursor = store.folder / _CURSOR

    def follow(self) -> bool:
        """File what the center has stored since the last call; True if there may be more at once.

        Raises:
            DatabaseError, StoreError: the next call begins at the same place.
        """
        table = schema.events
        kept = files.read(self._cursor, 32)
        after = int(kept) if kept and kept.isdigit() else 0
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(table.c.id))).scalar() or 0
            if after > newest:
                after = 0  # the center began with a new database
            rows = connection.execute(
                select(table.c.id, table.c.kid, table.c.payload, table.c.envelope)
                .where(table.c.id > after, table.c.id <= newest, table.c.type.startswith(FAMILY))
                .order_by(table.c.id)
                .limit(BATCH)
            ).all()
        for row in rows:
            self._file(row.kid, row.payload, row.envelope)
        reached = rows[-1].id if len(rows) == BATCH else newest
        if reached != after:
            files.write(self._cursor, b"%d" % reached)
        return len(rows) == BATCH

    def find(self, device: str, recording: str, n: int) -> tuple[Manifest, bytes] | None:
        """The manifest of a segment, and the signed event that it stands in; None if it has not come. Verified again as it is read.

        Raises:
            EvidenceError: what lies there is not what the device signed.
            StoreError: the file cannot be read.
        """
        path = self._store.recording(device, recording) / f"{n:06d}.cose"
        envelope = files.read(path, MAX_SMALL)
        if envelope is None:
            return None
        try:
            made = event.decode(cose.verify(envelope, event.CONTEXT, lambda kid: self._check_of(device, kid)).payload)
            manifest = Manifest.of(made.data)
        except (WireError, ManifestError, KeysError) as error:
            raise EvidenceError(f"{path} is not what {device} signed: {error}") from None
        if (made.device, made.type, manifest.recording.hex(), manifest.n) != (device, TYPE, recording, n):
            raise EvidenceError(f"{path} does not belong there")
        return manifest, envelope

    def _file(self, kid: bytes, payload: bytes, envelope: bytes) -> None:
        try:
            made = event.decode(payload)
            name, recording = _place(made)
        except (WireError, ManifestError) as error:
            self._report.say("manifest", f"an event of a recording cannot be filed: {error}")
            return
        folder = self._store.recording(made.device, recording)
        files.make_folder(folder, self._store.folder)
        root = folder.parent / "root.pem"
        if files.read(root, MAX_SMALL) is None:
            files.write(root, self._roots)
        self._show(folder, made.device, kid)
        path = folder / name
        there = files.read(path, MAX_SMALL)
        if there is not None:
            if _data_of(there) == made.data:
                return  # a badge tells again what it had told before a restart
            path = path.with_name(f"{path.stem}-{made.boot}-{made.seq}.cose")
            self._report.say("incident", f"{made.device} signed two different things of {path}", device=made.device)
        files.write(path, envelope)

    def _show(self, folder: Path, device: str, kid: bytes) -> None:
        """Put the certificates of a key into a recording's folder; those of a key that was renewed during the recording beside."""
        shown = "".join(pem.encoded("CERTIFICATE", der) for der in self._chain(device, kid)).encode("ascii")
        first, renewed = folder / "chain.pem", folder / f"chain-{kid.hex()}.pem"
        there = files.read(first, MAX_SMALL)
        if there is None:
            files.write(first, shown)
        elif there != shown and not renewed.exists():
            files.write(renewed, shown)

    def _chain(self, device: str, kid: bytes) -> list[bytes]:
        """The certificates of a device's key as the center has proven them; none if it knows no such key of this device."""
        table = schema.keys
        with self._database.read() as connection:
            blob = connection.execute(
                select(table.c.chain).where(table.c.kid == kid, table.c.device == device)
            ).scalar()
        return [der for der in cbor.loads(blob) if isinstance(der, bytes)] if blob else []  # type: ignore[attr-defined]  # keep_key wrote a list

    def _check_of(self, device: str, kid: bytes) -> "cose.Verify | None":
        chain = self._chain(device, kid)
        return p256.verifier(read(chain[0], "the kept certificate").public_der) if chain else None


def _place(made: Event) -> tuple[str, str]:
    """The name of an event's file, and its recording in hex."""
    recording = made.data.get("recording")
    if not isinstance(recording, bytes) or len(recording) != RECORDING_LENGTH:
        raise ManifestError(f"{made.type}: it names no recording")
    if made.type == TYPE:
        return f"{Manifest.of(made.data).n:06d}.cose", recording.hex()
    return f"{made.type.removeprefix(FAMILY)}-{made.boot}-{made.seq}.cose", recording.hex()


def _data_of(envelope: bytes) -> dict[str, object] | None:
    try:
        return event.decode(cose.parse(envelope).payload).data
    except WireError:
        return None
