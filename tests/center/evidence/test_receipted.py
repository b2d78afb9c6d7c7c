"""What the center has signed of a recording is proven too: which file it had, and since when, whatever the device says later."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.keys.chain import load_roots
from agent.keys.revocation import load_lists
from agent.wire import cose, evidence
from agent.wire.evidence import Evidence
from center.evidence import report
from center.evidence.timeline import MISSING
from center.evidence.trust import Trust
from tests.center.evidence.exported import Exported
from tests.center.evidence.test_verify import letters, reasons
from tests.center.scripted import Pki
from tests.devices.video_badge.footage import UNIX_MS

AT = UNIX_MS + 60_000
AT_TEXT = "2026-"


@pytest.fixture
def receipted(twin: Exported, pki: Pki) -> Exported:
    """All three segments, as the center's evidence server leaves them."""
    if "center-1" not in pki.issued:
        pki.leaf("center", "center-1")
    show(twin, pki)
    for n in (1, 2, 3):
        receipt(twin, pki, n)
    return twin


def show(twin: Exported, pki: Pki, name: str = "center-1", as_: str = "") -> None:
    kid = pki.signer(as_ or name).kid.hex()
    (twin.inner / f"center-{kid}.pem").write_bytes((pki.directory / f"{name}.pem").read_bytes())


def receipt(twin: Exported, pki: Pki, n: int, *, signer: str = "center-1", **more: Any) -> None:
    told = twin.manifests[n - 1]
    fields: dict[str, Any] = {
        "device": twin.device.name,
        "center": "center-1",
        "at": AT + n,
        "recording": twin.recording,
        "n": n,
        "size": told.size,
        "sha256": told.sha256,
    }
    message = Evidence(**{**fields, **more}).encode()
    twin.path(n, "receipt").write_bytes(cose.sign(message, evidence.CONTEXT, pki.signer(signer)))


def test_the_verdict_says_what_the_center_has_signed_for(receipted: Exported, trust: Trust) -> None:
    verdict = receipted.verdict(trust)
    assert verdict.proven
    assert verdict.receipted == 3
    (note,) = verdict.notes
    assert note.startswith(f"3 of 3 segments are receipted by center-1, the last one on {AT_TEXT}")
    told: Any = report.as_json([verdict])["recordings"]
    assert [one["receipted"] for one in told] == [3]


@pytest.mark.parametrize("gone", [("seg", "cose"), ("cose",)])
def test_an_end_that_was_taken_away_is_missed_for_its_receipt(
    receipted: Exported, trust: Trust, gone: tuple[str, ...]
) -> None:
    """Though no event of the device that is still there knows of it."""
    for suffix in gone:
        receipted.path(3, suffix).unlink()
    verdict = receipted.verdict(trust)
    assert not verdict.proven
    if "seg" in gone:
        assert letters(verdict) == "ppppmm"
        assert "segment 3" in reasons(verdict, MISSING)
    else:
        assert letters(verdict) == "ppppaa"
        assert "but center-1 has receipted this very file on 2026-" in reasons(verdict)


def test_what_a_revoked_device_had_given_before_is_told_file_by_file(
    receipted: Exported, pki: Pki, trust: Trust
) -> None:
    data = receipted.path(2).read_bytes()
    receipted.path(2).write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))
    revoked = Trust(
        load_roots(pki.authority.root_pem),
        load_lists(pki.authority.revoke(pki.issued["badge-001"].serial, pki.now_ms)),
        trust.now_ms,
    )
    verdict = receipted.verdict(revoked)
    assert set(letters(verdict)) == {"a"}
    told = reasons(verdict)
    assert "segment 1 has no signed manifest, but center-1 has receipted this very file" in told
    assert "segment 3 has no signed manifest, but center-1 has receipted this very file" in told
    assert "segment 2 has no signed manifest;" in told, "that one is not the file that was receipted"


def test_another_file_than_was_receipted_is_no_proof_though_the_devices_key_signed_it(
    receipted: Exported, pki: Pki, trust: Trust
) -> None:
    """Whoever has stolen the key can sign a new recording under the old name; the center had the old one."""
    receipt(receipted, pki, 2, sha256=bytes(32))
    verdict = receipted.verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert reasons(verdict) == "the center has receipted another file as segment 2"


def a_strangers(twin: Exported, pki: Pki) -> None:
    pki.leaf("device", "badge-posing")
    show(twin, pki, "badge-posing")
    receipt(twin, pki, 2, signer="badge-posing", center="badge-posing")


def another_centers_name(twin: Exported, pki: Pki) -> None:
    receipt(twin, pki, 2, center="center-2")


def without_its_certificates(twin: Exported, pki: Pki) -> None:
    pki.leaf("center", "center-9")
    receipt(twin, pki, 2, signer="center-9", center="center-9")


def with_anothers_certificates(twin: Exported, pki: Pki) -> None:
    pki.leaf("center", "center-8")
    show(twin, pki, "center-1", as_="center-8")
    receipt(twin, pki, 2, signer="center-8")


def of_another_segment(twin: Exported, pki: Pki) -> None:
    twin.path(2, "receipt").write_bytes(twin.path(1, "receipt").read_bytes())


def of_another_recording(twin: Exported, pki: Pki) -> None:
    receipt(twin, pki, 2, recording=bytes(16))


def of_another_device(twin: Exported, pki: Pki) -> None:
    receipt(twin, pki, 2, device="badge-002")


def before_the_centers_certificate(twin: Exported, pki: Pki) -> None:
    receipt(twin, pki, 2, at=UNIX_MS - 10**10)


def cut(twin: Exported, pki: Pki) -> None:
    twin.path(2, "receipt").write_bytes(twin.path(2, "receipt").read_bytes()[:-1])


def flipped(twin: Exported, pki: Pki) -> None:
    data = bytearray(twin.path(2, "receipt").read_bytes())
    data[-1] ^= 1
    twin.path(2, "receipt").write_bytes(data)


def empty(twin: Exported, pki: Pki) -> None:
    twin.path(2, "receipt").write_bytes(b"")


@pytest.mark.parametrize(
    "forge",
    [
        a_strangers,
        another_centers_name,
        without_its_certificates,
        with_anothers_certificates,
        of_another_segment,
        of_another_recording,
        of_another_device,
        before_the_centers_certificate,
        cut,
        flipped,
        empty,
    ],
)
def test_a_receipt_that_is_not_the_centers_proves_nothing_and_is_told(
    receipted: Exported, pki: Pki, trust: Trust, forge: Callable[[Exported, Pki], None]
) -> None:
    forge(receipted, pki)
    verdict = receipted.verdict(trust)
    assert verdict.proven, "the device's own signatures are as good as before"
    assert verdict.receipted == 2
    assert any(note.startswith("000002.receipt proves nothing: ") for note in verdict.notes)


def test_files_that_are_no_receipts_are_passed_over(receipted: Exported, trust: Trust) -> None:
    Path(receipted.inner, "notes.receipt").write_text("mine")
    verdict = receipted.verdict(trust)
    assert verdict.receipted == 3
    assert not any("notes" in note for note in verdict.notes)
