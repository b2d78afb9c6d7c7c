"""The follower files what the center has believed, once; receipts are given for nothing else, and survive a crash at every step."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.keys.chain import load_roots
from agent.keys.credentials import chain_from_pem
from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from agent.wire import cose
from center.database import Database
from center.evidence import custody, files
from center.evidence.errors import EvidenceError, StoreError
from center.evidence.manifests import Manifests
from center.evidence.receipts import Receipts
from center.evidence.recording import load
from center.evidence.store import Limits, Store
from center.evidence.trust import Trust
from center.evidence.tus import RefusedError
from center.report import Report
from tests.center.evidence.site import Segment, Site, random_segment
from tests.center.evidence.test_store import upload_of
from tests.center.scripted import Device


class Desk:
    """A store of its own on the site's database."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.said = io.StringIO()
        self.store = Store(folder, Limits(keep_free=1))
        self.again()

    def again(self) -> None:
        """As after a restart."""
        roots = self.site.keys._roots
        report = Report(self.said, as_json=False)
        database = Database(self.site.configuration.database, create=False)
        self.manifests = Manifests(database, self.store, roots, report)
        self.receipts = Receipts(
            self.store, self.manifests, self.site.pki.signer("center-1"), "center-1", [b"a certificate"]
        )

    def follow(self) -> None:
        while self.manifests.follow():
            pass

    def takes(self, badge: Device, segment: Segment) -> None:
        self.store.create(badge.name, upload_of(segment))
        self.store.append(badge.name, upload_of(segment), 0, segment.file)

    def names(self, badge: Device, segment: Segment) -> list[str]:
        folder = self.store.recording(badge.name, segment.recording.hex())
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def desk(site: Site, tmp_path: Path) -> Desk:
    return Desk(site, tmp_path / "store")


def test_what_is_to_come_is_filed_before_it_comes(desk: Desk, site: Site, badge: Device) -> None:
    segment = random_segment(2)
    site.signs(badge, segment)
    site.hears(badge.event("recording.stopped", {"recording": segment.recording, "by": "button"}))
    site.hears(badge.event("health.report", {"recording": segment.recording}))
    desk.follow()
    assert desk.names(badge, segment) == ["000002.cose", "chain.pem", "stopped-1-2.cose"]
    found = desk.manifests.find(badge.name, segment.recording.hex(), 2)
    assert found is not None
    assert found[0].sha256 == segment.sha256
    assert desk.manifests.find(badge.name, segment.recording.hex(), 1) is None


def test_the_same_told_twice_is_one_and_two_different_ones_are_an_incident(
    desk: Desk, site: Site, badge: Device
) -> None:
    recording = os.urandom(16)
    first, other = random_segment(1, 100, recording), random_segment(1, 100, recording)
    site.signs(badge, first)
    desk.follow()
    site.signs(badge, first)
    desk.follow()
    assert desk.names(badge, first) == ["000001.cose", "chain.pem"]
    site.signs(badge, other)
    desk.follow()
    assert desk.names(badge, first) == ["000001-1-3.cose", "000001.cose", "chain.pem"]
    assert "signed two different things" in desk.said.getvalue()
    found = desk.manifests.find(badge.name, recording.hex(), 1)
    assert found is not None
    assert found[0].sha256 == first.sha256


def test_a_key_that_was_renewed_during_the_recording_is_shown_beside(desk: Desk, site: Site, badge: Device) -> None:
    recording = os.urandom(16)
    site.signs(badge, random_segment(1, 100, recording))
    path = site.pki.directory / f"{badge.name}-renewed.key"
    renewed = FileKey.generate(str(path))
    issued = site.pki.authority.issue(
        "device", certificate_request(renewed, badge.name), badge.name, site.pki.now_ms, 5
    )
    badge.signer, badge.certificates = renewed, chain_from_pem(issued.chain_pem, badge.name)
    site.hears(badge.greeting())
    site.signs(badge, random_segment(2, 100, recording))
    desk.follow()
    folder = desk.store.recording(badge.name, recording.hex())
    assert (folder / "chain.pem").read_text() == site.pki.issued[badge.name].chain_pem
    assert (folder / f"chain-{renewed.kid.hex()}.pem").read_text() == issued.chain_pem

    trust = Trust(load_roots(site.pki.authority.root_pem), (), site.pki.now_ms)
    found = load(folder, trust)
    assert (sorted(found.told), found.notes) == ([1, 2], [])

    other = site.badge(f"other-{badge.name}")
    (folder / "chain-other.pem").write_text(site.pki.issued[other.name].chain_pem)
    (folder / "000003.cose").write_bytes(site.signs(other, random_segment(3, 100, recording)).envelope)
    found = load(folder, trust)
    assert (sorted(found.told), found.device) == ([1, 2], badge.name)
    assert f"{other.name} signed it" in found.notes[0]


def test_it_goes_on_where_it_was_and_begins_again_with_a_new_database(desk: Desk, site: Site, badge: Device) -> None:
    segment = random_segment()
    site.signs(badge, segment)
    desk.follow()
    path = desk.store.recording(badge.name, segment.recording.hex()) / "000001.cose"
    path.unlink()
    desk.again()
    desk.follow()
    assert not path.exists()
    (desk.store.folder / ".followed").write_bytes(b"99999999")
    desk.follow()
    assert path.exists()


@pytest.mark.parametrize(
    "data",
    [{}, {"recording": "../../x"}, {"recording": bytes(15)}, {"recording": bytes(16), "n": 0}, {"recording": bytes(16), "n": 10**6}],
    ids=str,
)  # fmt: skip
def test_what_tells_of_no_place_is_told_and_left_out(
    desk: Desk, site: Site, badge: Device, data: dict[str, object]
) -> None:
    segment = random_segment()
    site.hears(badge.event("recording.segment", {**segment.manifest().data(), **data} if data else {}))
    site.signs(badge, segment)
    desk.follow()
    assert "cannot be filed" in desk.said.getvalue()
    assert desk.names(badge, segment) == ["000001.cose", "chain.pem"]


def test_a_manifest_that_was_changed_on_the_disk_proves_nothing(desk: Desk, site: Site, badge: Device) -> None:
    recording = os.urandom(16)
    segments = [random_segment(n, 100, recording) for n in (1, 2)]
    for segment in segments:
        site.signs(badge, segment)
        desk.takes(badge, segment)
    desk.follow()
    folder = desk.store.recording(badge.name, recording.hex())
    good = (folder / "000001.cose").read_bytes()
    for bad in (good[:-1] + bytes((good[-1] ^ 1,)), (folder / "000002.cose").read_bytes(), b"", b"\xd2\x84"):
        (folder / "000001.cose").write_bytes(bad)
        with pytest.raises(EvidenceError):
            desk.receipts.settle(badge.name, upload_of(segments[0]))
    assert not (folder / "000001.receipt").exists()
    assert not (folder / "000001.seg").exists()
    (folder / "000001.cose").write_bytes(good)
    assert desk.receipts.settle(badge.name, upload_of(segments[0]))


def test_a_crash_at_any_write_leaves_nothing_undone_for_ever(
    desk: Desk, site: Site, badge: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write to the disk fails once, on the way to the receipt; the next attempt ends with all in its place, and one receipt."""
    segment = random_segment(length=1_000)
    site.signs(badge, segment)
    desk.follow()
    desk.takes(badge, segment)
    steps = 0
    while True:
        left = steps

        def failing(real: Callable[..., object]) -> Callable[..., object]:
            def call(*given: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    raise OSError(5, "Input/output error")
                return real(*given)

            return call

        with monkeypatch.context() as patched:
            for name in ("fsync", "write"):
                patched.setattr(os, name, failing(getattr(os, name)))
            desk.again()
            try:
                first = desk.receipts.settle(badge.name, upload_of(segment))
                break
            except StoreError:
                steps += 1
    assert steps > 3
    assert first is not None
    told = site.receipt(first)
    assert (told.n, told.sha256) == (1, segment.sha256)
    desk.again()
    assert desk.receipts.settle(badge.name, upload_of(segment)) == first
    center = f"center-{site.pki.signer('center-1').kid.hex()}.pem"
    whole = ["000001.cose", "000001.receipt", "000001.seg", center, "chain.pem", "custody.jsonl"]
    assert desk.names(badge, segment) == whole
    folder = desk.store.recording(badge.name, segment.recording.hex())
    assert {entry["act"] for entry in custody.read(folder / custody.NAME)} == {"received"}


def test_a_receipt_is_signed_anew_when_the_center_has_a_new_key(desk: Desk, site: Site, badge: Device) -> None:
    segment = random_segment(length=1_000)
    site.signs(badge, segment)
    desk.follow()
    desk.takes(badge, segment)
    assert desk.receipts.settle(badge.name, upload_of(segment))
    path = desk.store.segment(badge.name, upload_of(segment)).with_suffix(".receipt")
    site.pki.leaf("center", f"new-{badge.name}")
    fresh = Receipts(desk.store, desk.manifests, site.pki.signer(f"new-{badge.name}"), "center-1", [b"a certificate"])
    other = fresh.settle(badge.name, upload_of(segment))
    assert other is not None
    assert cose.parse(other).headers[cose.KID] == site.pki.signer(f"new-{badge.name}").kid
    assert files.read(path, 1000) == other
    assert fresh.settle(badge.name, upload_of(segment)) == other


def test_what_is_not_whole_gets_no_receipt(desk: Desk, site: Site, badge: Device) -> None:
    segment = random_segment(length=1_000)
    site.signs(badge, segment)
    desk.follow()
    desk.store.create(badge.name, upload_of(segment))
    desk.store.append(badge.name, upload_of(segment), 0, segment.file[:999])
    with pytest.raises(RefusedError) as refused:
        desk.receipts.settle(badge.name, upload_of(segment))
    assert refused.value.status == 404
