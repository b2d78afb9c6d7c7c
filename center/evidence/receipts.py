"""Evidence receipts: what the center signs, once a segment is durable in its place and is what its device has signed."""

import threading
from collections.abc import Sequence
from pathlib import Path

from agent.keys import pem
from agent.wire import cose, evidence
from agent.wire.errors import WireError
from center.evidence import files
from center.evidence.custody import Custody, now_ms
from center.evidence.manifests import Manifests
from center.evidence.receipted import CHAIN
from center.evidence.store import MAX_SMALL, Store
from center.evidence.tus import RefusedError, Upload

RECEIVED = "received"
"""The act of a custody entry."""


class Receipts:
    """Gives receipts for whole uploads. Order, always: in place, in the log of custody, and only then signed and told.

    Args:
        store: where uploads and segments are.
        manifests: what devices have signed.
        signer: the center's key.
        center: its identity.
        chain: its certificates, which are put beside, so that a copy of a folder can be proven anywhere.
    """

    def __init__(
        self, store: Store, manifests: Manifests, signer: "cose.Signer", center: str, chain: Sequence[bytes]
    ) -> None:
        self._store = store
        self._manifests = manifests
        self._signer = signer
        self._center = center
        self._chain = "".join(pem.encoded("CERTIFICATE", der) for der in chain).encode("ascii")
        self._lock = threading.Lock()

    def settle(self, device: str, upload: Upload) -> bytes | None:
        """The receipt for an upload that is whole, the same one each time; None while its signed manifest has not come.

        Raises:
            RefusedError: 404 it is not whole; 409 the device has signed another file under this number.
            EvidenceError: what is kept was altered, or the disk does not take it.
        """
        with self._lock:
            if self._store.offset(device, upload) != upload.length:
                raise RefusedError(404, "the upload is not whole")
            found = self._manifests.find(device, upload.recording, upload.n)
            if found is None:
                return None
            manifest = found[0]
            if manifest.sha256.hex() != upload.sha256 or manifest.size != upload.length:
                raise RefusedError(409, f"{device} has signed another file as segment {upload.n} of this recording")
            path = self._store.segment(device, upload).with_suffix(".receipt")
            kept = files.read(path, MAX_SMALL)
            if kept is None or not self._store.segment(device, upload).exists():
                self._store.put_in_place(device, upload)
                about = {"n": upload.n, "sha256": upload.sha256, "bytes": upload.length}
                Custody(path.parent).note(device, RECEIVED, about)
                kept = None
            if kept is None or not self._is_ours(kept):
                told = evidence.Evidence(
                    device, self._center, now_ms(), manifest.recording, upload.n, upload.length, manifest.sha256
                )
                kept = cose.sign(told.encode(), evidence.CONTEXT, self._signer)
                self._show(path.parent / CHAIN.format(self._signer.kid.hex()))
                files.write(path, kept)
            return kept

    def _show(self, path: Path) -> None:
        if files.read(path, MAX_SMALL) != self._chain:
            files.write(path, self._chain)

    def _is_ours(self, receipt: bytes) -> bool:
        """Whether the center's present key signed it. After a change of keys devices believe the new one only."""
        try:
            return cose.parse(receipt).headers.get(cose.KID) == self._signer.kid
        except WireError:
            return False
