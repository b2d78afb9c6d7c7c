"""Giving recordings to the center: a tus 1.0 client (core, creation, checksum) with the device's own certificate, on a thread of its own.

It keeps nothing in memory that it could not find again: what is to be sent lies in the spool, how much of it has arrived the server says.
A segment is deleted only when the center's signed evidence receipt names exactly this file. While an alarm is pending, the line belongs to
the alarm: chunks are small then, and far between.
"""

import base64
import contextlib
import hashlib
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from agent.clock import BUILT_MS
from agent.keys.secret_file import sync_directory
from agent.link.dial import NO_CHECK_TIME, context, end_ms
from agent.link.errors import LinkError
from agent.link.path import Path
from agent.recording.manifest import Manifest, ManifestError
from agent.wire import cose, event, evidence
from agent.wire.errors import WireError
from devices.video_badge.https import Connection, HttpError
from devices.video_badge.spool import MANIFEST_MAX, SIGNED, beside, recordings, segments_in

Tell = Callable[[str, str], None]

SERVER_ROLE = "urn:dabyl:evidence:"
"""How the role in the server's certificate begins (a SAN URI)."""
CHUNK = 256 * 1024
ALARM_CHUNK = 16 * 1024
ALARM_BYTES_S = 32 * 1024
"""Chunks and bytes a second at most while an alarm is pending."""
TIMEOUT_S = 30.0
IDLE_S = 10.0
"""A connection that was not used for so long is not used again: the server may have closed it meanwhile."""
LEAST_MS, MOST_MS = 1_000, 300_000
"""Waits after failures: doubling, with jitter."""
RETRY_AFTER_MAX_S = 3_600.0
LOOK_S = 2.0
"""How often the spool is looked at when nothing else happens."""
PARKED_S = 5.0
"""A segment that has arrived before its signed event is asked for again after so long."""
ASIDE_S = 3_600.0
"""A segment that the center will not take is offered again after so long. It is never deleted."""
FORBIDDEN, FORBIDDEN_S = 403, 60.0
"""The center does not know this badge, or no longer: hammering does not mend it."""
MAX_TURNS = 8
"""How often one segment is begun anew in one go."""


class OffloadError(Exception):
    """The server is away, or does not do its part now. ``wait_s``: it asks to be left alone for so long."""

    def __init__(self, text: str, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class UntakenError(Exception):
    """This one segment is not taken, and asking again soon will not change it."""


class Segment:
    """A segment in the spool, as its signed manifest tells of it.

    Raises:
        UntakenError: the manifest is damaged, or is not this file's.
    """

    def __init__(self, path: str, envelope: bytes) -> None:
        self.path = path
        try:
            told = Manifest.of(event.decode(cose.parse(envelope).payload).data)
        except (WireError, ManifestError) as error:
            raise UntakenError(f"{path}: its manifest is damaged: {error}") from None
        if not path.endswith(f"/{told.recording.hex()}/{told.n:06d}.seg"):
            raise UntakenError(f"{path}: its manifest belongs to another segment")
        self.recording, self.n, self.size, self.sha256 = told.recording, told.n, told.size, told.sha256

    def announcement(self) -> "dict[str, str]":
        """The headers that create its upload."""
        told = {"recording": self.recording.hex(), "n": str(self.n), "sha256": self.sha256.hex()}
        pairs = [f"{name} {base64.b64encode(value.encode('ascii')).decode('ascii')}" for name, value in told.items()]
        return {"Upload-Length": str(self.size), "Upload-Metadata": ",".join(pairs)}

    def is_meant(self, receipt: evidence.Evidence, device: str) -> bool:
        """Whether a receipt is for exactly this file of this device."""
        return (receipt.device, receipt.recording, receipt.n, receipt.size, receipt.sha256) == (
            device,
            self.recording,
            self.n,
            self.size,
            self.sha256,
        )


class Offloader:
    """Sends what is in ``spool`` until it is receipted.

    Args:
        server: (host, port) of the evidence server.
        files: (root certificates, own chain, own key), PEM.
        device: the own identity.
        spool: holds ``<recording>/<n>.seg`` and, once it was signed, ``<n>.cose`` beside.
        centers: the verifier of a center's key by its identifier, as ``agent.centers.Centers.find``.
        tell: told of what is worth knowing: a word (``kept``, ``away``, ``back``, ``untaken``) and a sentence or a path. Called on
            the offloader's thread.
        random: thousandths, 0 to 999.
        unix_s: the system's clock. Where it is unset, the server's certificate is not judged by it; that it had not ended when this was
            built still counts, and a segment is deleted for a signed receipt all the same.

    Raises:
        LinkError: a file cannot be used.
    """

    def __init__(
        self,
        server: "tuple[str, int]",
        files: "tuple[str, str, str]",
        device: str,
        spool: str,
        centers: "Callable[[bytes], cose.Verify | None]",
        tell: "Tell",
        random: "Callable[[], int]",
        unix_s: "Callable[[], float]" = time.time,
    ) -> None:
        self._server = server
        self._files = files
        context(*files)  # what is wrong with them is told at the start
        self._device = device
        self._spool = spool
        self._centers = centers
        self._tell = tell
        self._random = random
        self._unix_s = unix_s
        self._path = Path(1, LEAST_MS, MOST_MS, random)
        self._connection: Connection | None = None
        self._used_s = 0.0
        self._aside: dict[str, float] = {}
        self._away = False
        self._alarm = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="offload", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End soon; what was not receipted stays in the spool."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        else:
            self._hang_up()

    def alarm(self, pending: bool) -> None:
        """An alarm waits for the center, or no longer."""
        if pending:
            self._alarm.set()
        else:
            self._alarm.clear()

    def pass_over(self, now_s: float) -> int:
        """Offer every segment of the spool once; returns how many were receipted and deleted.

        Raises:
            OffloadError: the server is away, or has trouble; the rest waits for the next pass.
        """
        kept = 0
        try:
            for path in self._waiting(now_s):
                if self._stop.is_set():
                    break
                try:
                    with open(beside(path, SIGNED), "rb") as file:
                        segment = Segment(path, file.read(MANIFEST_MAX))
                    if self._give(segment):
                        kept += 1
                        self._aside.pop(path, None)
                    else:
                        self._aside[path] = now_s + PARKED_S
                except UntakenError as error:
                    self._aside[path] = now_s + ASIDE_S
                    self._tell("untaken", str(error))
                except FileNotFoundError:
                    continue  # not signed yet, or the storage keeper was here
        except (OSError, HttpError, LinkError) as error:
            self._hang_up()
            raise OffloadError(_reason(error)) from None
        except OffloadError:
            self._hang_up()
            raise
        return kept

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.pass_over(time.monotonic())
            except OffloadError as error:
                if not self._away:
                    self._away = True
                    self._tell("away", str(error))
                self._stop.wait(max(self._path.failed() / 1000, error.wait_s))
            else:
                self._stop.wait(LOOK_S)
        self._hang_up()

    def _waiting(self, now_s: float) -> Iterator[str]:
        """Segments that are signed, the oldest recording first, in their order."""
        if not os.path.isdir(self._spool):
            return
        for folder in sorted(recordings(self._spool), key=lambda path: (os.stat(path).st_ctime, path)):
            with contextlib.suppress(FileNotFoundError):
                for path in segments_in(folder):
                    if self._aside.get(path, 0.0) <= now_s:
                        yield path

    def _give(self, segment: Segment) -> bool:
        """Send one segment; True if it was receipted and is deleted, False if its receipt is still to come."""
        for _ in range(MAX_TURNS):
            status, headers, _body = self._ask("POST", "/evidence", segment.announcement())
            self._expect(status, headers, 201, segment)
            location = headers.get("location", "")
            if not location.startswith("/evidence/") or len(location) > 512:
                raise OffloadError("the server gives an upload no place")
            if not self._send(segment, location):
                continue
            status, headers, body = self._ask("GET", location + "/receipt", {})
            if status == 202:
                return False
            if status == 404:
                continue  # what had arrived was damaged there: all of it again
            self._expect(status, headers, 200, segment)
            self._settle(segment, body)
            return True
        raise OffloadError(f"{segment.path} was sent {MAX_TURNS} times and did not arrive whole")

    def _send(self, segment: Segment, location: str) -> bool:
        """All that has not arrived yet; False if the upload is to be created anew."""
        offset = self._stands(segment, location)
        with open(segment.path, "rb") as file:
            while 0 <= offset < segment.size:
                chunk = self._chunk(file, segment, offset)
                digest = base64.b64encode(hashlib.sha256(chunk).digest()).decode("ascii")
                about = {
                    "Content-Type": "application/offset+octet-stream",
                    "Upload-Offset": str(offset),
                    "Upload-Checksum": f"sha256 {digest}",
                }
                status, headers, _ = self._ask("PATCH", location, about, chunk)
                if status in (404, 409, 460):
                    self._check_own(segment)
                    return False
                self._expect(status, headers, 204, segment)
                if headers.get("upload-offset") != str(offset + len(chunk)):
                    raise OffloadError("the server has lost count of what has arrived")
                offset += len(chunk)
                self._arrived()
                if self._alarm.is_set() and self._stop.wait(len(chunk) / ALARM_BYTES_S):
                    raise OffloadError("stopped")
        return offset == segment.size

    def _chunk(self, file: BinaryIO, segment: Segment, offset: int) -> bytes:
        most = ALARM_CHUNK if self._alarm.is_set() else CHUNK
        try:
            file.seek(offset)
            chunk = file.read(min(most, segment.size - offset))
        except OSError as error:
            raise UntakenError(f"{segment.path} cannot be read: {error.strerror}; it is kept") from None
        if not chunk:
            raise UntakenError(f"{segment.path} is shorter than what was signed: it is damaged, and is kept")
        return chunk

    def _stands(self, segment: Segment, location: str) -> int:
        """How much has arrived; -1 if the upload is not there."""
        status, headers, _ = self._ask("HEAD", location, {})
        if status == 404:
            return -1
        self._expect(status, headers, 200, segment)
        told = headers.get("upload-offset", "")
        if not told.isdigit() or len(told) > 12 or int(told) > segment.size:
            raise OffloadError("the server says something impossible about how much has arrived")
        return int(told)

    def _settle(self, segment: Segment, message: bytes) -> None:
        """Delete what the center has signed for."""
        try:
            receipt = evidence.decode(cose.verify(message, evidence.CONTEXT, self._centers).payload)
        except WireError as error:
            raise OffloadError(f"what came as a receipt is none of the center's: {error}") from None
        if not segment.is_meant(receipt, self._device):
            raise OffloadError("the receipt is for something else")
        os.unlink(segment.path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside(segment.path, SIGNED))
        sync_directory(os.path.dirname(segment.path))
        self._tell("kept", segment.path)

    def _check_own(self, segment: Segment) -> None:
        """The server has found other bytes than were signed: is it this card that has changed them?"""
        with open(segment.path, "rb") as file:
            if hashlib.file_digest(file, "sha256").digest() != segment.sha256:
                raise UntakenError(f"{segment.path}: it is not what was signed: it is damaged, and is kept")

    def _expect(self, status: int, headers: "Mapping[str, str]", wanted: int, segment: Segment) -> None:
        if status == wanted:
            return
        if status in (400, 409, 413):
            raise UntakenError(f"{segment.path}: the center does not take it (status {status}); it is kept")
        after = headers.get("retry-after", "")
        wait_s = min(float(after), RETRY_AFTER_MAX_S) if after.isdigit() and len(after) < 8 else 0.0
        if status == FORBIDDEN:
            wait_s = max(wait_s, FORBIDDEN_S)
        raise OffloadError(f"the evidence server answers {status}", wait_s)

    def _arrived(self) -> None:
        """Something got through: the next failure waits shortly again."""
        self._path = Path(1, LEAST_MS, MOST_MS, self._random)
        if self._away:
            self._away = False
            self._tell("back", "the evidence server takes recordings again")

    def _ask(
        self, method: str, path: str, headers: "Mapping[str, str]", body: bytes | None = None
    ) -> "tuple[int, dict[str, str], bytes]":
        """One request: status, headers by lower-case name, body. A connection is kept for the next."""
        if time.monotonic() - self._used_s > IDLE_S:
            self._hang_up()
        self._used_s = time.monotonic()
        connection = self._connection or self._dial()
        answer = connection.ask(method, path, {"Tus-Resumable": "1.0.0", **headers}, body)
        if not connection.usable:
            self._hang_up()
        return answer

    def _dial(self) -> Connection:
        host, _ = self._server
        try:
            tls = context(*self._files)  # anew each time: a certificate may have been renewed meanwhile
        except LinkError as error:
            raise OffloadError(str(error)) from None
        unset = self._unix_s() * 1000 < BUILT_MS
        if unset:
            tls.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        self._connection = made = Connection(self._server, tls, TIMEOUT_S)
        names: Any = (made.socket.getpeercert() or {}).get("subjectAltName", ())
        if not any(kind == "URI" and str(value).startswith(SERVER_ROLE) for kind, value in names):
            raise OffloadError(f"{host}: the certificate is not an evidence server's (no name {SERVER_ROLE}…)")
        if unset and end_ms(made.socket) < BUILT_MS:
            raise OffloadError(f"{host}: the certificate ended before this badge was built")
        return made

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the evidence server's certificate is not believed: {error.verify_message}"
    if isinstance(error, OSError):
        return f"the evidence server is away: {error.strerror or error}"
    if isinstance(error, LinkError):
        return str(error)
    return f"the evidence server does not speak HTTP: {error}"
