"""A recording as it is exported, made by the badge's own segment writer from real pictures and sound, and ways to tamper with it."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key

from agent.keys import pem
from agent.recording.manifest import FIRST_PREV, TYPE, Contents, Manifest, digest
from agent.recording.seal import Custodian, Sealer
from agent.recording.stream.media_signing import MediaSigner
from agent.recording.stream.sei import Vendor
from agent.recording.unseal import open_segment
from center.evidence.recording import Recording, folders, load
from center.evidence.timeline import Verdict
from center.evidence.trust import Trust
from center.evidence.verify import verify_recording
from devices.video_badge.media import Item, Picture
from devices.video_badge.segment import Segment
from tests.center.scripted import Device
from tests.devices.video_badge.footage import FPS, SOUND

NAME = bytes(range(16))
GOPS = 2
"""In a segment."""


class Exported:
    """A folder with one recording of ``device``. ``plain`` are the segments before their encryption."""

    def __init__(self, folder: Path, device: Device, items: list[Item], recording: bytes = NAME) -> None:
        self.folder = folder
        self.device = device
        self.recording = recording
        self.private = generate_private_key(SECP256R1())
        self.custodian = Custodian(self.private.public_key())
        self.inner = folder / recording.hex()
        self.inner.mkdir(parents=True)
        chain = device.certificates
        (folder / "chain.pem").write_text(_pem(chain))
        self.plain: list[bytes] = []
        self.manifests: list[Manifest] = []
        self.prev = FIRST_PREV
        self._write(items)

    def _write(self, items: list[Item]) -> None:
        signer = MediaSigner(self.device.signer, self.device.certificates, Vendor("1", self.device.name, "dabyl"))
        pictures = [item for item in items if isinstance(item, Picture)]
        begins = [picture for picture in pictures if picture.keyframe][::GOPS]
        for n, first in enumerate(begins, 1):
            end_us = begins[n].at_us if n < len(begins) else pictures[-1].at_us + 1_000_000 // FPS
            sealer = Sealer(self.custodian, self.recording, n, self.prev)
            segment = Segment(
                sealer,
                signer,
                first,
                sound=SOUND,
                positions=True,
                zero_us=pictures[0].at_us,
                fps=FPS,
            )
            data = b"".join(segment.add(item) for item in items if first.at_us <= item.at_us < end_us)
            rest, contents = segment.finish(end_us)
            self.keep(n, data + rest, segment.wrapped, contents, last=n == len(begins))

    def keep(self, n: int, data: bytes, wrapped: bytes, contents: Contents | None, *, last: bool) -> None:
        """Write a segment and its signed manifest."""
        trigger = "button" if contents is not None else "recovered"
        told = Manifest(
            self.recording,
            n,
            len(data),
            sha256(data).digest(),
            self.prev,
            trigger,
            self.custodian.kid,
            wrapped,
            contents,
            last,
        )
        self.path(n).write_bytes(data)
        self.path(n, "cose").write_bytes(self.device.event(TYPE, told.data()).envelope)
        self.manifests.append(told)
        self.plain.append(open_segment(data, self.private).plaintext)
        self.prev = digest(told.data())

    def path(self, n: int, suffix: str = "seg") -> Path:
        return self.inner / f"{n:06d}.{suffix}"

    def resealed(self, n: int, change: Callable[[bytes], bytes]) -> None:
        """What somebody with the custodian's public key and the plaintext could put in a segment's place."""
        told = self.manifests[n - 1]
        sealer = Sealer(self.custodian, self.recording, n, told.prev)
        body = sealer.update(change(self.plain[n - 1])) + sealer.finish()
        self.path(n).write_bytes(sealer.header + body)

    def copy(self, folder: Path) -> "Exported":
        """The same in another folder, to be tampered with."""
        shutil.copytree(self.folder, folder)
        twin = object.__new__(Exported)
        twin.__dict__.update(self.__dict__)
        twin.folder, twin.inner = folder, folder / self.inner.name
        twin.plain, twin.manifests = [*self.plain], [*self.manifests]
        return twin

    def load(self, trust: Trust) -> Recording:
        return load(folders(self.folder)[0], trust)

    def verdict(self, trust: Trust, private: EllipticCurvePrivateKey | None = None) -> Verdict:
        """The verdict with the custodian's key, or another."""
        return verify_recording(self.load(trust), trust, private or self.private)

    def sealed_verdict(self, trust: Trust) -> Verdict:
        """The verdict without any key."""
        return verify_recording(self.load(trust), trust, None)


def _pem(chain: list[bytes]) -> str:
    return "".join(pem.encoded("CERTIFICATE", der) for der in chain)
