"""Verdicts on exported folders: the files, their manifests, the chain between them, the keys, and what is not there."""

import io
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from agent.keys.chain import load_roots
from agent.keys.revocation import load_lists
from agent.recording.manifest import TYPE
from agent.recording.seal import Sealer
from agent.recording.stream import content
from agent.wire import cbor, cose
from center.evidence.compare import compare
from center.evidence.errors import EvidenceError
from center.evidence.segment import NotCustodianError
from center.evidence.stream import read_clip
from center.evidence.timeline import ALTERED, MISSING, PROVEN, Verdict
from center.evidence.trust import Trust
from devices.video_badge.media import Item, Picture, Sound
from tests.center.evidence.exported import Exported
from tests.center.scripted import Device, Pki
from tests.devices.video_badge.footage import BEGIN_US, UNIX_MS

"""Verdicts on exported folders: the files, their manifests, the chain between them, the keys, and what is not there."""


@pytest.fixture(scope="module")
def badge(original: Exported) -> Device:
    return original.device


def letters(verdict: Verdict) -> str:
    return "".join(second.verdict[0] for second in verdict.seconds)


def reasons(verdict: Verdict, wanted: str = ALTERED) -> str:
    return "; ".join(sorted({why for second in verdict.seconds if second.verdict == wanted for why in second.why}))


def test_all_proven(original: Exported, trust: Trust) -> None:
    verdict = original.verdict(trust)
    assert letters(verdict) == "pppppp"
    assert verdict.proven
    assert verdict.opened
    assert (verdict.device, verdict.begin_ms) == ("badge-001", UNIX_MS)
    assert not any(second.pictures_only for second in verdict.seconds)
    assert verdict.notes == []


def test_all_proven_without_opening(original: Exported, trust: Trust) -> None:
    verdict = original.sealed_verdict(trust)
    assert letters(verdict) == "pppppp"
    assert verdict.proven
    assert not verdict.opened


@pytest.mark.parametrize("n", [1, 2])
def test_a_segment_is_gone(twin: Exported, trust: Trust, n: int) -> None:
    twin.path(n).unlink()
    assert letters(twin.verdict(trust)) == {1: "mmpppp", 2: "ppmmpp"}[n]
    assert reasons(twin.verdict(trust), MISSING) == f"segment {n} is missing"


def test_a_segment_and_its_manifest_are_gone(twin: Exported, trust: Trust) -> None:
    twin.path(2).unlink()
    twin.path(2, "cose").unlink()
    verdict = twin.verdict(trust)
    assert letters(verdict) == "ppmmpp"
    assert verdict.total_s(MISSING) == pytest.approx(2, abs=0.01)


def test_the_end_is_gone(twin: Exported, trust: Trust) -> None:
    twin.path(3).unlink()
    twin.path(3, "cose").unlink()
    verdict = twin.verdict(trust)
    assert letters(verdict) == "pppp"
    assert not verdict.proven
    assert "its end is not signed: more may have been recorded" in verdict.notes


def stopped(twin: Exported, segments: object) -> None:
    event = twin.device.event("recording.stopped", {"recording": twin.recording, "by": "press", "segments": segments})
    (twin.inner / "stopped-1-9.cose").write_bytes(event.envelope)


def test_a_stop_signed_as_an_event_is_an_end(twin: Exported, trust: Trust) -> None:
    for suffix in ("seg", "cose"):
        twin.path(3, suffix).unlink()
    stopped(twin, 2)
    assert twin.verdict(trust).proven


@pytest.mark.parametrize("gone", [("seg", "cose"), ("cose",)])
def test_the_end_is_gone_and_the_stop_tells(twin: Exported, trust: Trust, gone: tuple[str, ...]) -> None:
    for suffix in gone:
        twin.path(3, suffix).unlink()
    stopped(twin, 3)
    assert letters(twin.verdict(trust)) == ("ppppmm" if "seg" in gone else "ppppaa")


@pytest.mark.parametrize("segments", [None, -1, 10**7, "3", True])
def test_a_stop_that_tells_no_number(twin: Exported, trust: Trust, segments: object) -> None:
    for suffix in ("seg", "cose"):
        twin.path(3, suffix).unlink()
    stopped(twin, segments)
    assert not twin.verdict(trust).proven


def test_a_segment_without_its_manifest(twin: Exported, trust: Trust) -> None:
    twin.path(2, "cose").unlink()
    verdict = twin.verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert reasons(verdict) == "segment 2 has no signed manifest"
    assert any("without a signed manifest: 000002.seg" in note for note in verdict.notes)


def test_two_segments_swapped(twin: Exported, trust: Trust) -> None:
    first, second = twin.path(1).read_bytes(), twin.path(2).read_bytes()
    twin.path(1).write_bytes(second)
    twin.path(2).write_bytes(first)
    for verdict in (twin.verdict(trust), twin.sealed_verdict(trust)):
        assert letters(verdict) == "aaaapp"


def test_segments_and_manifests_renamed(twin: Exported, trust: Trust) -> None:
    """A manifest says its number itself: names of files prove nothing."""
    for suffix in ("seg", "cose"):
        twin.path(1, suffix).rename(twin.inner / f"x.{suffix}")
        twin.path(2, suffix).rename(twin.path(1, suffix))
        (twin.inner / f"x.{suffix}").rename(twin.path(2, suffix))
    assert letters(twin.verdict(trust)) == "aaaapp"


@pytest.mark.parametrize("at", [0, 5, 40, 200, 5_000, -1])
def test_one_bit_of_a_file(twin: Exported, trust: Trust, at: int) -> None:
    data = bytearray(twin.path(2).read_bytes())
    data[at] ^= 4
    twin.path(2).write_bytes(data)
    assert letters(twin.sealed_verdict(trust)) == "ppaapp"
    opened = twin.verdict(trust)
    assert letters(opened)[:2] + letters(opened)[4:] == "pppp"
    assert not opened.proven


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9])
def test_a_file_cut_off(twin: Exported, trust: Trust, part: float) -> None:
    data = twin.path(2).read_bytes()
    twin.path(2).write_bytes(data[: int(len(data) * part)])
    verdict = twin.verdict(trust)
    assert not verdict.proven
    assert letters(verdict) == "ppaapp"


def test_a_cut_recording_without_sound_is_proven_up_to_there(
    tmp_path: Path, badge: Device, trust: Trust, items: list[Item]
) -> None:
    pictures: list[Item] = [item for item in items if isinstance(item, Picture)]
    silent = Exported(tmp_path / "silent", badge, pictures[:120])
    silent.resealed(2, lambda plain: plain[: plain.index(b"moof", 3 * len(plain) // 4) - 4])
    verdict = silent.verdict(trust)
    assert letters(verdict) == "pppm"
    assert "pictures are cut off" in reasons(verdict, MISSING)


def test_encrypted_again_it_is_still_what_was_signed(twin: Exported, trust: Trust) -> None:
    twin.resealed(2, lambda plain: plain)
    verdict = twin.verdict(trust)
    assert verdict.proven
    assert any("in another file than was signed" in note for note in verdict.notes)
    assert letters(twin.sealed_verdict(trust)) == "ppaapp"


@pytest.mark.parametrize("position", [0.3, 0.6, 0.95])
def test_a_picture_altered_and_encrypted_again(twin: Exported, trust: Trust, position: float) -> None:
    def change(plain: bytes) -> bytes:
        at = plain.index(b"mdat", int(len(plain) * position) - 8000) + 60
        return plain[:at] + bytes((plain[at] ^ 1,)) + plain[at + 1 :]

    twin.resealed(2, change)
    verdict = twin.verdict(trust)
    assert letters(verdict) in ("ppappp", "pppapp", "ppaapp")
    assert not verdict.proven


def test_the_wrong_key(original: Exported, trust: Trust) -> None:
    with pytest.raises(NotCustodianError, match="is for the custodian's key"):
        original.verdict(trust, generate_private_key(SECP256R1()))


def test_another_recording_of_the_same_badge(twin: Exported, tmp_path: Path, trust: Trust, items: list[Item]) -> None:
    """A segment that is genuine, at the place of another."""
    other = Exported(tmp_path / "other", twin.device, items, bytes(16))
    for suffix in ("seg", "cose"):
        shutil.copy(other.path(2, suffix), twin.path(2, suffix))
    verdict = twin.sealed_verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert any("of another recording" in note for note in verdict.notes)


def test_two_different_manifests_of_one_segment(twin: Exported, trust: Trust) -> None:
    data = twin.manifests[1].data() | {"frames": 59}
    (twin.inner / "000002-1-99.cose").write_bytes(twin.device.event(TYPE, data).envelope)
    verdict = twin.verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert "two different manifests" in reasons(verdict)


def test_the_same_manifest_again_is_no_second_one(twin: Exported, trust: Trust) -> None:
    (twin.inner / "000002-2-1.cose").write_bytes(twin.device.event(TYPE, twin.manifests[1].data()).envelope)
    assert twin.verdict(trust).proven


def test_a_manifest_that_follows_another(twin: Exported, trust: Trust) -> None:
    data = twin.manifests[1].data() | {"prev": bytes(32)}
    twin.path(2, "cose").write_bytes(twin.device.event(TYPE, data).envelope)
    verdict = twin.verdict(trust)
    assert letters(verdict) == "ppaaaa"
    assert "does not follow" in reasons(verdict)


def test_a_first_manifest_that_names_one_before(twin: Exported, trust: Trust) -> None:
    data = twin.manifests[0].data() | {"prev": bytes((1,)) * 32}
    twin.path(1, "cose").write_bytes(twin.device.event(TYPE, data).envelope)
    assert "names one before it" in reasons(twin.verdict(trust))


def test_manifests_by_another_device(twin: Exported, trust: Trust, pki: Pki) -> None:
    stranger = pki.device("badge-007")
    for told in twin.manifests:
        twin.path(told.n, "cose").write_bytes(stranger.event(TYPE, told.data()).envelope)
    verdict = twin.verdict(trust)
    assert verdict.seconds == []
    assert not verdict.proven
    assert any("proves nothing" in note for note in verdict.notes)


def test_a_manifest_that_was_rewritten_for_another_file(twin: Exported, trust: Trust, pki: Pki) -> None:
    """Another file, and a manifest that fits it: under the badge's name by a stranger's key, or under the signature that was there."""
    other = b"another file"
    data = twin.manifests[1].data() | {"bytes": len(other), "sha256": sha256(other).digest()}
    stranger = Device("badge-001", pki.device("badge-011").signer, twin.device.certificates, 1, UNIX_MS)
    forged = stranger.event(TYPE, data)
    true = cose.parse(twin.path(2, "cose").read_bytes())
    renamed = (
        b"\xd2\x84" + cbor.dumps(true.protected) + b"\xa0" + cbor.dumps(forged.payload) + cbor.dumps(true.signature)
    )
    twin.path(2).write_bytes(other)
    for envelope in (forged.envelope, renamed):
        twin.path(2, "cose").write_bytes(envelope)
        verdict = twin.sealed_verdict(trust)
        assert letters(verdict) == "ppaapp"
        assert reasons(verdict) == "segment 2 has no signed manifest"


def test_manifests_in_another_devices_name(twin: Exported, trust: Trust) -> None:
    """By a key that is trusted, and is not that device's."""
    told = Device("badge-055", twin.device.signer, twin.device.certificates, 1, UNIX_MS)
    for one in twin.manifests:
        twin.path(one.n, "cose").write_bytes(told.event(TYPE, one.data()).envelope)
    verdict = twin.sealed_verdict(trust)
    assert verdict.seconds == []
    assert not verdict.proven


def test_sound_that_was_added(
    original: Exported, tmp_path: Path, badge: Device, trust: Trust, items: list[Item]
) -> None:
    silent = Exported(tmp_path / "silent", badge, [item for item in items if not isinstance(item, Sound)])
    silent.resealed(2, lambda _: original.plain[1])
    verdict = silent.verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert "the sound was added" in reasons(verdict)


def test_sound_that_was_moved(twin: Exported, trust: Trust) -> None:
    def later(plain: bytes) -> bytes:
        at = plain.index(b"tfdt", plain.index(b"tfdt") + 1) + 8
        return plain[:at] + (int.from_bytes(plain[at : at + 8], "big") + 4800).to_bytes(8, "big") + plain[at + 8 :]

    twin.resealed(2, later)
    verdict = twin.verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert "the sound was moved to other times" in reasons(verdict)


def test_what_makes_a_clip_unfit_is_a_difference(original: Exported) -> None:
    known = original.manifests[0].contents
    assert known is not None
    clip = read_clip(io.BytesIO(original.plain[0]))
    assert compare(clip, content.read(known.content)).all() == []
    clip.problems.append("a track that nobody knows")
    assert compare(clip, content.read(known.content)).all() == ["a track that nobody knows"]


def test_streams_by_another_device(tmp_path: Path, trust: Trust, pki: Pki, badge: Device, items: list[Item]) -> None:
    """What another badge has recorded and signed, in the place of a segment."""
    later = [item for item in items if item.at_us >= BEGIN_US + 1_000_000]
    foreign = Exported(tmp_path / "foreign", pki.device("badge-008"), later)
    true = Exported(tmp_path / "true", badge, items)
    true.resealed(2, lambda _: foreign.plain[1])
    verdict = true.verdict(trust)
    assert letters(verdict) == "ppaapp"
    assert "signed by another device, badge-008" in reasons(verdict)


def test_a_revoked_device(original: Exported, pki: Pki) -> None:
    other = pki.device("badge-066")
    shown = load_lists(pki.revoke("badge-066"))
    trust = Trust(load_roots(pki.authority.root_pem), shown, UNIX_MS)
    assert original.verdict(trust).proven
    assert "revoked" in str(trust.holder(other.certificates, UNIX_MS))


def test_a_certificate_that_has_expired_since(original: Exported, pki: Pki) -> None:
    later = Trust(load_roots(pki.authority.root_pem), (), UNIX_MS + 400 * 86_400_000)
    verdict = original.verdict(later)
    assert verdict.proven
    assert any("expired since" in note for note in verdict.notes)


def test_recovered_after_the_power_went(tmp_path: Path, badge: Device, trust: Trust, items: list[Item]) -> None:
    made = Exported(tmp_path / "torn", badge, items)
    data = made.path(3).read_bytes()
    told = made.manifests.pop()
    made.prev = told.prev
    made.keep(3, data[: 3 * len(data) // 4], told.key, None, last=True)
    verdict = made.verdict(trust)
    assert verdict.proven
    assert 4 < len(verdict.seconds) <= 6
    assert any("after the power had gone" in note for note in verdict.notes)
    torn = made.path(3).read_bytes()
    made.path(3).write_bytes(torn[:-1])
    assert not made.verdict(trust).proven


def test_a_fragment_that_was_torn_in_the_writing_is_not_altered_but_was_never_there(
    tmp_path: Path, badge: Device, trust: Trust, items: list[Item]
) -> None:
    made = Exported(tmp_path / "torn", badge, items)
    told, plain = made.manifests.pop(), made.plain.pop()
    whole = []
    for size in (0, 100, len(plain) // 3, len(plain) // 2, 2 * len(plain) // 3, len(plain) - 1, len(plain)):
        made.prev = told.prev
        sealer = Sealer(made.custodian, made.recording, 3, told.prev)
        made.keep(3, sealer.header + sealer.update(plain[:size]) + sealer.finish(), sealer.wrapped, None, last=True)
        verdict = made.verdict(trust)
        assert verdict.proven, (size, reasons(verdict, ALTERED))
        whole.append(verdict.total_s(PROVEN))
    assert whole[:2] == [4, 4]
    assert whole == sorted(whole)
    assert whole[4] < whole[5] <= whole[6] == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    ("untaken", "seen"), [(range(70, 88), "ppmppp"), (range(70, 76), "pppppp"), (range(119, 120), "pppppp")]
)
def test_pictures_that_the_camera_did_not_deliver(
    tmp_path: Path, badge: Device, trust: Trust, items: list[Item], untaken: range, seen: str
) -> None:
    """Nobody took them away. Half a second without a picture is missing all the same, and a shorter hole is told."""
    pictures = [item for item in items if isinstance(item, Picture)]
    gone = {id(pictures[number]) for number in untaken}
    made = Exported(tmp_path / "holes", badge, [item for item in items if id(item) not in gone])
    for verdict in (made.verdict(trust), made.sealed_verdict(trust)):
        assert letters(verdict) == seen
        assert "pictures were not taken" in reasons(verdict, MISSING if "m" in seen else "proven")
        assert any(note.startswith(f"{len(untaken)} pictures were never taken") for note in verdict.notes)


def test_a_camera_that_was_evenly_too_slow(tmp_path: Path, badge: Device, trust: Trust, items: list[Item]) -> None:
    """A hot one delivers each second picture: no hole stands out, but the badge has signed what should have come."""
    pictures = [item for item in items if isinstance(item, Picture)]
    gone = {id(picture) for number, picture in enumerate(pictures) if number % 2}
    made = Exported(tmp_path / "hot", badge, [item for item in items if id(item) not in gone])
    for verdict in (made.verdict(trust), made.sealed_verdict(trust)):
        assert letters(verdict) == "pppppp"
        told = len(gone) - 1  # the very last one was due when the recording had ended
        assert any(note.startswith(f"{told} pictures were never taken") for note in verdict.notes), verdict.notes


def test_junk_beside(twin: Exported, trust: Trust) -> None:
    (twin.inner / "000004.cose").write_bytes(os.urandom(500))
    (twin.inner / "000009.seg").write_bytes(b"junk")
    (twin.inner / "readme.txt").write_text("nobody minds")
    (twin.inner / "custody.jsonl").write_text("{}")
    verdict = twin.verdict(trust)
    assert letters(verdict) == "pppppp"
    assert any("000004.cose proves nothing" in note for note in verdict.notes)
    assert any("000009.seg" in note for note in verdict.notes)


@pytest.mark.parametrize(
    "contents", [None, "", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_no_or_a_broken_chain_of_certificates(twin: Exported, trust: Trust, contents: str | None) -> None:
    chain = twin.folder / "chain.pem"
    if contents is None:
        chain.unlink()
    else:
        chain.write_text(contents)
    try:
        verdict = twin.verdict(trust)
    except EvidenceError:
        return
    assert not verdict.proven
