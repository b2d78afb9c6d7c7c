"""The Debian package: built, installed into a tree of its own by dpkg, started by the system's Python alone, removed, purged."""

import pathlib
import re
import signal
import subprocess
from collections.abc import Callable

import pytest

from agent.keys.file import FileKey
from provisioning.debian import __main__ as command
from provisioning.debian import wheels
from provisioning.debian.errors import PackageError
from provisioning.debian.package import NAME, build
from simulators.site import Site
from tests.agent.test_process import Watcher, online
from tests.provisioning.leaks import keys_of, leaks, open_to_others

PROJECT = pathlib.Path(__file__).parents[3]
Dpkg = Callable[..., str]


def test_a_device_gets_what_it_runs_and_nothing_of_the_center() -> None:
    wanted = " ".join(wheels.requirements(PROJECT))
    assert all(name in wanted for name in ("cryptography", "gpiozero", "pymodbus", "pyserial", "python-pkcs11"))
    assert not any(name in wanted for name in ("lgpio", "paho", "sqlalchemy", "click", "dabyl"))


def test_without_the_package_index_it_says_so_and_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    assert command.main(["--out", str(tmp_path / "out"), "--architecture", "arm64"]) == 1
    said = capsys.readouterr().err
    assert "no packages for arm64 and Python 3.11" in said
    assert "is the package index reachable?" in said
    assert list((tmp_path / "out").iterdir()) == []


def test_without_dpkg_it_says_so(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageError, match="dpkg-deb is missing"):
        build(PROJECT, tmp_path / "out", "arm64", ["3.11"])


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """A tree that dpkg takes for a system."""
    for folder in ("info", "updates"):
        (tmp_path / "root/var/lib/dpkg" / folder).mkdir(parents=True)
    (tmp_path / "root/var/lib/dpkg/status").touch()
    (tmp_path / "root/etc").mkdir()
    return tmp_path / "root"


@pytest.fixture
def dpkg(root: pathlib.Path) -> Dpkg:
    def run(*arguments: str) -> str:
        options = [f"--root={root}", "--log=/dev/null", "--force-script-chrootless", "--force-depends"]
        done = subprocess.run(["/usr/bin/dpkg", *options, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def left(root: pathlib.Path) -> list[str]:
    found = (str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())
    return sorted(path for path in found if not path.startswith(("var/lib/dpkg/", "etc/")))


@pytest.mark.dpkg
@pytest.mark.mosquitto
def test_it_is_installed_started_upgraded_removed_and_purged(
    package: pathlib.Path, root: pathlib.Path, dpkg: Dpkg, tmp_path: pathlib.Path
) -> None:
    dpkg("--install", str(package))
    assert dpkg("--verify", NAME) == ""
    assert "dabyl:x:" in (root / "etc/passwd").read_text(encoding="utf-8")
    assert (root / "var/lib/dabyl").stat().st_mode & 0o777 == 0o700
    assert (root / "etc/dabyl").stat().st_mode & 0o777 == 0o750
    assert (root / "etc/systemd/system/multi-user.target.wants/dabyl-agent.service").is_symlink()
    unit = (root / "usr/lib/systemd/system/dabyl-agent.service").read_text(encoding="utf-8")
    started = re.search(r"^ExecStart=(.*) --config (\S+)$", unit, re.MULTILINE)
    assert started is not None
    assert f"ConditionPathExists={started[2]}" in unit
    assert not [path for path in root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]

    site = Site(tmp_path / "site", ("sos-0001",), prefer="mosquitto")
    device = site.devices["sos-0001"]
    program, *arguments = started[1].split()
    with site.broker:
        watcher = Watcher(site, device)
        process = subprocess.Popen(
            [str(root) + program, *arguments, "--config", str(device.config)],
            env={"GPIOZERO_PIN_FACTORY": "mock"},  # nothing else: the package has all that it needs
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            watcher.until(online)
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=15)[1]
        finally:
            process.kill()
            process.wait()
        watcher.until(lambda seen: not seen[-1].online)
        watcher.close()
    assert process.returncode == 0, said

    FileKey.generate(str(root / "var/lib/dabyl/key.pem"))
    (root / "etc/dabyl/agent.toml").write_text("# an administrator's\n")
    keys = keys_of(root)
    dpkg("--install", str(package))
    assert dpkg("--verify", NAME) == ""
    assert keys_of(root) == keys, "an upgrade keeps the identity"
    assert (root / "etc/dabyl/agent.toml").read_text() == "# an administrator's\n"
    (root / "var/lib/dabyl/journal").write_bytes(b"an alarm that is owed")
    dpkg("--remove", NAME)
    assert left(root) == ["var/lib/dabyl/journal", "var/lib/dabyl/key.pem"]
    assert (root / "var/lib/dabyl").stat().st_mode & 0o777 == 0o700
    assert open_to_others(root) == []
    assert leaks(keys, [root]) == []
    dpkg("--purge", NAME)
    assert left(root) == []
    assert not (root / "etc/dabyl").exists()
    assert [path.name for path in (root / "var/lib").iterdir()] == ["dpkg"]
