"""Exported clips: they play, hold exactly what was recorded, still prove themselves, say who made them, and leave a trace."""

import io
import json
import random
import time
from pathlib import Path

import av
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.keys.chain import load_roots
from agent.recording.manifest import digest
from center.evidence import content_credentials, custody, fragments, movie
from center.evidence.cli import main
from center.evidence.clip import verify_clip
from center.evidence.content_credentials import CredentialsError, Exporter
from center.evidence.errors import EvidenceError
from center.evidence.export import NotProvenError, Wish, export
from center.evidence.fragments import Run
from center.evidence.timeline import PROVEN
from center.evidence.trust import Trust
from tests.center.evidence.exported import Exported
from tests.center.scripted import Pki
from tests.devices.video_badge.footage import FPS, UNIX_MS, footage, played

SECONDS = 6


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Of the badge, at the time of the footage."""
    return Pki(tmp_path_factory.mktemp("pki"), UNIX_MS)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Of who exports, today: the library of C2PA takes no other time."""
    made = Pki(tmp_path_factory.mktemp("archive"), time.time_ns() // 1_000_000)
    made.leaf("exporter", "archive-1")
    return made


@pytest.fixture(scope="module")
def trust(pki: Pki) -> Trust:
    return Trust(load_roots(pki.authority.root_pem), (), pki.now_ms)


@pytest.fixture(scope="module")
def original(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return Exported(tmp_path_factory.mktemp("dir"), pki.device("badge-0001"), footage(SECONDS))


@pytest.fixture
def recorded(original: Exported, tmp_path: Path) -> Exported:
    return original.copy(tmp_path / "dir")


@pytest.fixture
def exporter(archive: Pki) -> Exporter:
    folder, roots = archive.directory, load_roots(archive.authority.root_pem)
    return Exporter(folder / "archive-1.pem", folder / "archive-1.key", roots, archive.now_ms)


def packets(mp4: bytes) -> list[tuple[str, bytes]]:
    with av.open(io.BytesIO(mp4), mode="r") as container:
        return [(packet.stream.type, bytes(packet)) for packet in container.demux() if packet.size]


def begins(mp4: bytes) -> dict[str, float]:
    """When each track begins, in seconds."""
    found: dict[str, float] = {}
    with av.open(io.BytesIO(mp4), mode="r") as container:
        for packet in container.demux():
            if packet.size and packet.pts is not None:
                found.setdefault(packet.stream.type, float(packet.pts * packet.time_base))
    return found


def test_a_clip_holds_every_sample_and_plays(recorded: Exported, trust: Trust, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    clip = export(recorded.load(trust), trust, recorded.private, out, Wish("A. Serik", "case 7"))

    shown = played(out.read_bytes())
    assert shown.numbers == list(range(SECONDS * FPS))
    steps = {later - one for one, later in zip(shown.times, shown.times[1:], strict=False)}
    assert steps == {3000}
    assert (clip.segments, clip.missing, clip.frames, clip.signed) == ((1, 2, 3), (), SECONDS * FPS, False)
    assert clip.lasts_s == pytest.approx(SECONDS, abs=0.1)
    for kind in ("video", "audio", "data"):
        whole = [data for name, data in packets(out.read_bytes()) if name == kind]
        parts = [data for plain in recorded.plain for name, data in packets(plain) if name == kind]
        assert whole == parts
        assert whole
    (entry,) = custody.read(recorded.inner / custody.NAME)
    assert (entry["act"], entry["who"]) == ("exported", "A. Serik")
    about = entry["about"]
    assert isinstance(about, dict)
    assert (about["sha256"], about["why"], about["segments"]) == (clip.sha256, "case 7", "1-3")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "dir"]
    assert out.stat().st_mode & 0o077 == 0


def test_a_clip_proves_itself(recorded: Exported, trust: Trust, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    export(recorded.load(trust), trust, recorded.private, out, Wish("me"))
    alone = verify_clip(out, trust)
    assert {second.verdict for second in alone.seconds} == {PROVEN}
    assert alone.device == "badge-0001"
    compared = verify_clip(out, trust, [recorded.load(trust)])
    assert {second.verdict for second in compared.seconds} == {PROVEN}
    assert not any("stream alone" in note for note in compared.notes)  # sound, times, size and position too


def test_a_clip_says_who_has_made_it(
    recorded: Exported,
    trust: Trust,
    archive: Pki,
    exporter: Exporter,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "clip.mp4"
    clip = export(recorded.load(trust), trust, recorded.private, out, Wish("me"), exporter)
    assert clip.signed
    roots = load_roots(archive.authority.root_pem)
    found = content_credentials.read(out, roots)
    assert (found.state, found.signer, found.problems) == ("Trusted", "archive-1", [])
    told = found.told
    assert (told["device"], told["recording"], told["segments"]) == ("badge-0001", recorded.inner.name, "1-3")
    assert played(out.read_bytes()).numbers == list(range(SECONDS * FPS))
    assert {second.verdict for second in verify_clip(out, trust, [recorded.load(trust)]).seconds} == {PROVEN}

    root = tmp_path / "root.pem"
    root.write_text(archive.authority.root_pem)
    assert main(["credentials", str(out), "--root", str(root)]) == 0
    assert "trusted, signed by archive-1" in capsys.readouterr().out
    stranger = Pki(tmp_path / "stranger", archive.now_ms)
    assert content_credentials.read(out, load_roots(stranger.authority.root_pem)).state == "Valid"
    changed = bytearray(out.read_bytes())
    changed[-1000] ^= 1
    out.write_bytes(changed)
    assert main(["credentials", str(out), "--root", str(root), "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], "mismatch" in str(shown["problems"])) == ("Invalid", True)
    out.write_bytes(recorded.plain[0])
    for path in (out, tmp_path / "nowhere.mp4"):
        with pytest.raises(CredentialsError):
            content_credentials.read(path, roots)


def test_a_part_is_exported_in_whole_segments(recorded: Exported, trust: Trust, tmp_path: Path) -> None:
    clip = export(recorded.load(trust), trust, recorded.private, tmp_path / "a.mp4", Wish("me", "", 2.5, 3.5))
    assert clip.segments == (2,)
    assert played((tmp_path / "a.mp4").read_bytes()).numbers == list(range(2 * FPS, 4 * FPS))
    with pytest.raises(EvidenceError, match="none of what was asked for"):
        export(recorded.load(trust), trust, recorded.private, tmp_path / "b.mp4", Wish("me", "", 60.0))


def test_a_lost_segment_leaves_its_time_empty(recorded: Exported, trust: Trust, tmp_path: Path) -> None:
    recorded.path(2).unlink()
    clip = export(recorded.load(trust), trust, recorded.private, tmp_path / "clip.mp4", Wish("me"))
    assert (clip.segments, clip.missing) == ((1, 3), (2,))
    shown = played((tmp_path / "clip.mp4").read_bytes())
    assert shown.numbers == [*range(2 * FPS), *range(4 * FPS, 6 * FPS)]
    assert shown.times[2 * FPS] - shown.times[2 * FPS - 1] == 3000 * (2 * FPS + 1)


def test_what_is_not_what_was_signed_is_not_exported(recorded: Exported, trust: Trust, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    damaged = bytearray(recorded.path(2).read_bytes())
    damaged[-20_000] ^= 1
    recorded.path(2).write_bytes(damaged)
    with pytest.raises(NotProvenError, match="segment 2 is not what was signed"):
        export(recorded.load(trust), trust, recorded.private, out, Wish("me"))
    recorded.resealed(2, lambda plain: plain)
    with pytest.raises(NotProvenError, match="segment 2"):
        export(recorded.load(trust), trust, recorded.private, out, Wish("me"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dir"]
    assert not (recorded.inner / custody.NAME).exists()
    assert export(recorded.load(trust), trust, recorded.private, out, Wish("me", "", 4.5)).segments == (3,)


def test_what_was_saved_from_a_lost_supply_is_exported_up_to_there(
    recorded: Exported, trust: Trust, tmp_path: Path
) -> None:
    torn = recorded.path(3).read_bytes()
    recorded.path(3).unlink()
    recorded.prev = digest(recorded.manifests[1].data())
    recorded.keep(3, torn[: len(torn) * 2 // 3], recorded.manifests[2].key, None, last=True)

    clip = export(recorded.load(trust), trust, recorded.private, tmp_path / "clip.mp4", Wish("me"))
    shown = played((tmp_path / "clip.mp4").read_bytes()).numbers
    assert clip.segments == (1, 2, 3)
    assert 4 * FPS < len(shown) < 6 * FPS
    assert shown == list(range(len(shown)))


def test_a_file_of_more_than_4_gib_has_a_wide_index(
    recorded: Exported, trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movie, "_CHUNK_64", 100_000)  # in place of 4 GiB
    export(recorded.load(trust), trust, recorded.private, tmp_path / "clip.mp4", Wish("me"))
    data = (tmp_path / "clip.mp4").read_bytes()
    assert b"co64" in data[:20_000]
    assert b"stco" not in data[:20_000]
    assert played(data).numbers == list(range(SECONDS * FPS))


def test_sound_that_begins_later_still_does(original: Exported) -> None:
    """A track's first sample stands where it stood, also if it is not the film's first."""
    whole = fragments.read(original.plain[0])
    late = [
        Run(run.track, run.offset, tuple((time + 24_000 * (run.track == 1), *rest) for time, *rest in run.samples))  # type: ignore[misc]
        for run in whole.runs
    ]
    film = movie.Movie(whole.tracks, late)
    data = film.header() + b"".join(original.plain[0][run.offset : run.offset + run.size] for run in late)
    now, before = begins(data), begins(original.plain[0])
    assert now["audio"] - now["video"] == pytest.approx(before["audio"] - before["video"] + 0.5, abs=0.001)


def test_another_s_key_exports_nothing(recorded: Exported, trust: Trust, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="custodian"):
        export(recorded.load(trust), trust, generate_private_key(SECP256R1()), tmp_path / "clip.mp4", Wish("me"))
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    with pytest.raises(EvidenceError, match="there already"):
        export(recorded.load(trust), trust, recorded.private, tmp_path / "mine.mp4", Wish("me"))
    assert (tmp_path / "mine.mp4").read_bytes() == b"mine"


def test_who_is_no_exporter_signs_nothing(pki: Pki, tmp_path: Path) -> None:
    roots = load_roots(pki.authority.root_pem)
    pki.leaf("center", "center-7")
    for name in ("center-7", "nobody"):
        with pytest.raises(CredentialsError):
            Exporter(pki.directory / f"{name}.pem", pki.directory / f"{name}.key", roots, pki.now_ms)


def test_a_cut_segment_gives_its_whole_fragments(original: Exported) -> None:
    plain = original.plain[0]
    whole = fragments.read(plain)
    samples = sum(len(run.samples) for run in whole.runs)
    before = 0
    for length in range(2_000, len(plain) + 1, 1_777):
        found = sum(len(run.samples) for run in fragments.read(plain[:length]).runs)
        assert before <= found <= samples
        before = found
    assert sum(len(run.samples) for run in fragments.read(plain).runs) == samples


def test_damaged_boxes_end_in_one_error(original: Exported) -> None:
    draw = random.Random(3)
    for _ in range(1500):
        broken = bytearray(original.plain[0][:30_000])
        for _ in range(draw.randrange(1, 6)):
            broken[draw.randrange(2_000) if draw.random() < 0.7 else draw.randrange(len(broken))] = draw.randrange(256)
        try:
            fragments.read(bytes(broken))
        except fragments.FragmentsError:
            continue


def test_the_command_exports_and_shows_the_trace(
    recorded: Exported, pki: Pki, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded.folder / "root.pem").write_text(pki.authority.root_pem)
    key = recorded.folder / "custodian.key.pem"
    key.write_bytes(recorded.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    out = tmp_path / "clip.mp4"
    wish = ["export", str(recorded.folder), "--out", str(out), "--by", "A. Serik", "--why", "case 7", "--json"]

    assert main(wish) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["segments"], told["frames"], told["signed"]) == ([1, 2, 3], SECONDS * FPS, False)
    assert main(wish) == 2
    assert "there already" in capsys.readouterr().err
    assert main(["custody", str(recorded.folder), "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert (entry["who"], entry["about"]["why"], entry["about"]["sha256"]) == ("A. Serik", "case 7", told["sha256"])

    recorded.path(3).write_bytes(recorded.path(2).read_bytes())
    assert main(["export", str(recorded.folder), "--out", str(tmp_path / "other.mp4")]) == 1
    assert "segment 3 is not what was signed" in capsys.readouterr().err
    log = recorded.inner / custody.NAME
    log.write_bytes(log.read_bytes().replace(b"case 7", b"case 8").replace(b'"n":1', b'"n":2'))
    assert main(["custody", str(recorded.folder)]) == 1
    key.unlink()
    for wrong in (
        ["export", str(recorded.folder), "--out", "x.mp4"],
        ["export", "/nowhere", "--out", "x.mp4"],
        ["custody"],
    ):
        assert main(wrong) == 2
        assert "Traceback" not in capsys.readouterr().err
