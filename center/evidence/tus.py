"""The tus 1.0 resumable upload protocol, server's side, without I/O: headers in, what is wanted or the right refusal out.

Core, creation, checksum and expiration. Terminating is not offered: what a device has given is not its to take back. An upload's name
tells all about it (recording, segment, digest, length), so that it can be found again after any loss of memory on either side, and so
that the same segment is never two uploads.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.recording.manifest import SEGMENTS_MAX

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration"
ALGORITHMS = ("sha256", "sha1")
"""Of a chunk's checksum; sha1 is what the protocol asks of every server."""
MAX_SEGMENT = 64 * 1024 * 1024
MAX_CHUNK = 1024 * 1024
"""Bytes of one PATCH at most. A chunk is checked as a whole and then kept as a whole."""
MAX_N = SEGMENTS_MAX
MAX_HEADER = 4_096

CHECKSUM_MISMATCH = 460
_NAME = re.compile(r"([0-9a-f]{32})-([0-9]{6})-([0-9a-f]{64})-([1-9][0-9]{0,8})")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_METADATA = ("recording", "n", "sha256")


class RefusedError(Exception):
    """A request that is not carried out: the HTTP status, and a sentence. ``headers`` go with the answer."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Upload:
    """A segment's file as its device announces it: hex of the recording, number, hex of its SHA-256, bytes."""

    recording: str
    n: int
    sha256: str
    length: int

    @property
    def name(self) -> str:
        """Names the upload in its URL and in the store."""
        return f"{self.recording}-{self.n:06d}-{self.sha256}-{self.length}"

    @property
    def metadata(self) -> str:
        """As Upload-Metadata tells it."""
        told = (self.recording, str(self.n), self.sha256)
        return ",".join(
            f"{name} {base64.b64encode(value.encode('ascii')).decode('ascii')}"
            for name, value in zip(_METADATA, told, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Patch:
    """What a PATCH wants: bytes from ``offset`` on. ``checksum`` is (algorithm, digest), if one was sent."""

    offset: int
    checksum: tuple[str, bytes] | None

    def check(self, chunk: bytes) -> None:
        """That ``chunk`` is what was sent.

        Raises:
            RefusedError: it is not; 460, and nothing of it is to be kept.
        """
        if self.checksum is not None:
            algorithm, digest = self.checksum
            if hashlib.new(algorithm, chunk, usedforsecurity=False).digest() != digest:
                raise RefusedError(CHECKSUM_MISMATCH, "the chunk does not fit its checksum: send it again")


def named(name: str) -> Upload:
    """The upload with this name.

    Raises:
        RefusedError: there can be none; 404.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise RefusedError(404, "no upload has such a name")
    return _checked(Upload(found[1], int(found[2]), found[3], int(found[4])), 404)


def check_version(headers: Mapping[str, str]) -> None:
    """That the client speaks this version.

    Raises:
        RefusedError: 412, with the version that is spoken here.
    """
    if headers.get("tus-resumable") != VERSION:
        raise RefusedError(412, f"Tus-Resumable: {VERSION} is needed", {"Tus-Version": VERSION})


def creation(headers: Mapping[str, str]) -> Upload:
    """The upload that a POST announces.

    Raises:
        RefusedError: 400; 413 for a segment that is too long.
    """
    if "upload-length" not in headers:
        raise RefusedError(400, "Upload-Length is needed: a segment's length is known before it is sent")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise RefusedError(400, "an upload is created without a body")
    length = _number(headers, "upload-length")
    told = _metadata(headers.get("upload-metadata", ""))
    recording, n, sha256 = (told.get(name, "") for name in _METADATA)
    if len(told) != len(_METADATA) or not re.fullmatch("[0-9a-f]{32}", recording):
        raise RefusedError(400, "Upload-Metadata is to hold recording (32 hex digits), n and sha256, and nothing else")
    if not _NUMBER.fullmatch(n) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise RefusedError(400, "Upload-Metadata: n is to be a number, sha256 64 hex digits")
    return _checked(Upload(recording, int(n), sha256, length), 400)


def patch(headers: Mapping[str, str]) -> Patch:
    """What a PATCH wants.

    Raises:
        RefusedError: 415, 400, or 413 for a chunk that is too long.
    """
    if headers.get("content-type") != "application/offset+octet-stream":
        raise RefusedError(415, "Content-Type: application/offset+octet-stream is needed")
    if "upload-offset" not in headers:
        raise RefusedError(400, "Upload-Offset is needed")
    if "content-length" in headers and _number(headers, "content-length") > MAX_CHUNK:
        raise too_long()
    return Patch(_number(headers, "upload-offset"), _checksum(headers.get("upload-checksum")))


def too_long() -> RefusedError:
    """The refusal of a chunk that is too long."""
    return RefusedError(413, f"a chunk has {MAX_CHUNK} bytes at most: send the segment in several")


def wrong_offset(offset: int) -> RefusedError:
    """The refusal of bytes from another place than where the upload stands."""
    return RefusedError(409, f"the upload stands at byte {offset}: go on from there", {"Upload-Offset": str(offset)})


def _checked(upload: Upload, status: int) -> Upload:
    if not 1 <= upload.n <= MAX_N:
        raise RefusedError(status, f"segments are numbered from 1 to {MAX_N}")
    if upload.length < 1:
        raise RefusedError(status, "an empty segment is none")
    if upload.length > MAX_SEGMENT:
        raise RefusedError(413, f"a segment has {MAX_SEGMENT} bytes at most")
    return upload


def _number(headers: Mapping[str, str], name: str) -> int:
    text = headers[name]
    if not _NUMBER.fullmatch(text):
        raise RefusedError(400, f"{name.title()} is to be a whole number, and not negative")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """Upload-Metadata: keys and base64 values. Bounded, ASCII, no key twice."""
    told: dict[str, str] = {}
    if len(text) > MAX_HEADER:
        raise RefusedError(400, f"Upload-Metadata of more than {MAX_HEADER} characters")
    for pair in text.split(",") if text else ():
        key, _, value = pair.strip().partition(" ")
        if key in told:
            raise RefusedError(400, "Upload-Metadata names a key twice")
        told[key] = _decoded(value).decode("ascii", "replace") if value else ""
    return told


def _checksum(text: str | None) -> tuple[str, bytes] | None:
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    if algorithm not in ALGORITHMS:
        raise RefusedError(400, f"Upload-Checksum: {' or '.join(ALGORITHMS)} is taken")
    digest = _decoded(value)
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise RefusedError(400, "Upload-Checksum: the digest has a wrong length")
    return algorithm, digest


def _decoded(value: str) -> bytes:
    try:
        if not _BASE64.fullmatch(value):
            raise RefusedError(400, "a header holds something that is not base64")
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise RefusedError(400, "a header holds something that is not base64") from None
