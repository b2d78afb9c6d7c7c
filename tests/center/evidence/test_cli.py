"""``dabyl evidence verify`` and ``show``: answers for people and programs, pictures, documented exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from center.evidence import cli
from center.evidence.picture import COLOURS
from tests.center.evidence.exported import Exported
from tests.center.scripted import Pki


@pytest.fixture
def folder(twin: Exported, pki: Pki) -> Path:
    """As `simulate badge` leaves it."""
    key = twin.folder / "custodian.key.pem"
    key.touch(0o600)
    key.write_bytes(twin.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (twin.folder / "root.pem").write_text(pki.authority.root_pem)
    return twin.folder


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def verify(*argv: str | Path, root: Path | None = None) -> tuple[int, str, str]:
        code = cli.main([*map(str, argv), "--root", str(root or folder / "root.pem")])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return code, told.out, told.err

    return verify


def test_command_json(run: Run, folder: Path) -> None:
    code, out, _ = run("verify", folder, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["all_proven"] is True
    assert (round(told["proven_s"]), told["altered_s"], told["missing_s"]) == (6, 0, 0)
    (recording,) = told["recordings"]
    assert recording["opened"] is True
    assert [second["verdict"] for second in recording["seconds"]] == ["proven"] * 6


def test_command_says_what_is_wrong(run: Run, folder: Path, twin: Exported) -> None:
    twin.path(2).unlink()
    code, out, _ = run("verify", folder)
    assert code == 1
    assert "NOT all proven" in out
    assert "0:00:02 to 0:00:04  missing: segment 2 is missing" in out
    code, out, _ = run("verify", folder, "--json")
    assert code == 1
    assert round(json.loads(out)["missing_s"]) == 2


def test_command_on_a_clip(run: Run, folder: Path, twin: Exported) -> None:
    clip = folder / "clip.mp4"
    clip.write_bytes(twin.plain[0])
    code, out, _ = run("verify", clip)
    assert code == 0
    assert "pictures, not sound" in out
    code, out, _ = run("verify", clip, "--manifests", folder)
    assert code == 0
    assert "pictures, not sound" not in out


def test_command_shows(run: Run, folder: Path, tmp_path: Path, twin: Exported) -> None:
    twin.path(2).unlink()
    png, page = tmp_path / "t.png", tmp_path / "t.html"
    code, _, _ = run("show", folder, "--png", png, "--html", page)
    assert code == 1
    with Image.open(png) as picture:
        row = [picture.convert("RGB").getpixel((x, 165)) for x in (100, 600, 1100)]
    assert row == [tuple(bytes.fromhex(COLOURS[one][1:])) for one in ("proven", "missing", "proven")]
    text = page.read_text()
    assert "segment 2 is missing" in text
    assert text.count('class="proven" style') == 2


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["verify", "{}/nowhere"], "is not there"),
        (["verify", "{}/root.pem"], "no video that can be read: Invalid data found when processing input"),
        (["verify", "{}/empty"], "holds no recording"),
        (["verify", "{}", "--custodian-key", "{}/root.pem"], "custodian's key"),
        (["verify", "{}", "--custodian-key", "{}/nowhere"], "custodian's key"),
        (["verify", "{}", "--manifests", "{}"], "is for a clip"),
        (["verify", "{}/root.pem", "--manifests", "{}/empty"], "holds no recording"),
        (["show", "{}"], "say where to"),
        (["show", "{}", "--png", "{}/no/such/folder.png"], "cannot be written"),
        (["verify", "{}", "--crl", "{}/root.pem"], "revocation list"),
    ],
)
def test_command_that_cannot_be_done(run: Run, folder: Path, argv: list[str], said: str) -> None:
    (folder / "empty").mkdir()
    code, _, err = run(*(one.format(folder) for one in argv))
    assert code == 2
    assert said in err


def test_command_with_the_wrong_key(run: Run, folder: Path) -> None:
    key = folder / "other.pem"
    key.touch(0o600)
    private = generate_private_key(SECP256R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    code, _, err = run("verify", folder, "--custodian-key", key)
    assert code == 2
    assert "is for the custodian's key" in err
