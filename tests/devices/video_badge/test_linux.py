"""The badge's hardware put together: what it refuses with a sentence, and what it does not load."""

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from agent.keys import pem
from agent.keys.file import FileKey
from devices.common.settings import SettingsError
from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from simulators.camera.control import SITE
from simulators.gpio.hardware import Hardware

NOW_MS = 1_790_000_000_000


@pytest.fixture
def settings(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    authority = Authority.create(tmp_path / "authority", "Test", NOW_MS)
    identity = make_identity(tmp_path / "identity", authority, "device", "badge-0001", NOW_MS)
    custodian = FileKey.generate(os.fspath(tmp_path / "custodian.key.pem"))
    (tmp_path / "custodian.pem").write_text(pem.encoded("PUBLIC KEY", custodian.public_der), encoding="ascii")
    (tmp_path / "root.pem").write_text(authority.root_pem, encoding="ascii")
    center = make_identity(tmp_path / "center", authority, "center", "center-1", NOW_MS)
    public = FileKey.load(os.fspath(center.key)).public_der
    (tmp_path / "center.pem").write_text(pem.encoded("PUBLIC KEY", public), encoding="ascii")
    monkeypatch.syspath_prepend(os.fspath(SITE))
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "dabyl")
    monkeypatch.setenv("DABYL_GPIO_SOCKET", os.fspath(tmp_path / "gpio"))
    return {
        "spool": os.fspath(tmp_path / "spool"),
        "custodian": os.fspath(tmp_path / "custodian.pem"),
        "key": os.fspath(identity.key),
        "certificate": os.fspath(identity.chain),
        "evidence": "127.0.0.1:9",
        "evidence_ca": os.fspath(tmp_path / "root.pem"),
        "centers": [os.fspath(tmp_path / "center.pem")],
    }


def make(settings: dict[str, object]) -> Any:
    from devices.video_badge import linux  # noqa: PLC0415  picamera2 is found only now

    return linux.Binding(settings, lambda *_: None)


def test_the_badge_knows_its_name_from_its_certificate(settings: dict[str, object], tmp_path: pathlib.Path) -> None:
    with Hardware(tmp_path / "gpio"):
        binding = make(settings)
        assert binding._offloader._device == "badge-0001"
        binding.close()
        binding.close()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("custodian", b"junk"),
        ("key", b"junk"),
        ("certificate", b"junk"),
        ("certificate", None),
        ("evidence_ca", b"junk"),
    ],
)
def test_a_wrong_file_is_named(
    settings: dict[str, object], tmp_path: pathlib.Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / "wrong.pem"
    path.touch(mode=0o600)
    path.write_bytes((tmp_path / "center" / "chain.pem").read_bytes() if content is None else content)
    with pytest.raises(SettingsError, match=r"wrong\.pem|certificate"):
        make({**settings, name: os.fspath(path)})


def test_a_center_that_is_none_is_named(settings: dict[str, object], tmp_path: pathlib.Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.pem"):
        make({**settings, "centers": [os.fspath(tmp_path / "none.pem")]})


def test_the_running_badge_loads_no_x509_and_no_encoder() -> None:
    program = "import devices.video_badge.linux, devices.video_badge.logic, sys; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.fspath(SITE)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"cryptography.x509", "av", "numpy", "PIL", "asyncapi", "click", "agent.recording.unseal"}
    assert not loaded & {"http.client", "pathlib", "pynmeagps", "pyubx2", "statistics", "encodings.idna", "_strptime"}


def test_a_renewed_certificate_counts_from_the_next_recording_on(
    settings: dict[str, object], tmp_path: pathlib.Path
) -> None:
    key, chain = pathlib.Path(str(settings["key"])), pathlib.Path(str(settings["certificate"]))
    with Hardware(tmp_path / "gpio"):
        binding = make(settings)
        first = signed_by(binding)
        authority = Authority.open(tmp_path / "authority")
        renewed = make_identity(tmp_path / "renewed", authority, "device", "badge-0001", NOW_MS)
        chain.write_bytes(renewed.chain.read_bytes())
        assert signed_by(binding) == first, "a pair that does not fit together is not used"
        key.write_bytes(renewed.key.read_bytes())
        assert signed_by(binding) == FileKey.load(os.fspath(renewed.key)).kid != first
        binding.close()


def signed_by(binding: Any) -> bytes:
    """The key of whoever would sign a recording that begins now."""
    kid: bytes = binding._signer()._key.kid
    return kid
