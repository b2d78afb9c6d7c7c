"""The revocation list on its way to brokers and center: fetched by the script that the command writes, from the real server."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.keys import pem
from agent.keys.revocation import load_lists
from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from provisioning.brokers.errors import BrokerFilesError
from provisioning.brokers.fetching import files
from provisioning.brokers.hashed_list import hashed_name
from provisioning.cli.main import main
from provisioning.enrolment.server import Server, context
from tests.provisioning.enrolment.conftest import Town

MOST_EXPOSURE = 1.5


class Host:
    """A broker's host, and the server that it asks."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.folder = folder
        self.said = ""
        server = make_identity(
            folder / "server", town.authority, "enrolment", "enrol-1", town.now_ms, hosts=["127.0.0.1"]
        )
        roots = town.authority.root_pem + town.authority.issuing_pem
        self.server = Server("127.0.0.1", 0, context(server.chain, server.key, roots), town.office)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/crl.pem"
        self.place = folder / "broker"
        (folder / "run").mkdir()

    def fetch(self) -> bool:
        """Run the script; whether it says that the list has changed."""
        changed = self.folder / "run" / "changed"
        changed.unlink(missing_ok=True)
        environment = {**os.environ, "RUNTIME_DIRECTORY": str(changed.parent)}
        done = subprocess.run([self.place / "fetch-crl"], env=environment, capture_output=True, text=True, check=False)
        self.said = done.stderr
        assert not (self.place / "crl.new").exists()
        assert (done.returncode == 0) == (not self.said), self.said
        return changed.exists()

    def revoke(self, key: str) -> int:
        """Issue a certificate, and revoke it."""
        leaf = self.town.authority.issue_device(pem_request(self.town, key), "sos-1", self.town.now_ms, 90)
        self.town.authority.revoke(leaf.serial, self.town.now_ms)
        return leaf.serial

    def close(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def pem_request(town: Town, key: str) -> str:
    return pem.encoded("CERTIFICATE REQUEST", town.request("sos-1", key))


@pytest.fixture
def host(make_town: Callable[[int], Town], tmp_path: Path) -> Iterator[Host]:
    made = Host(make_town(time.time_ns() // 1_000_000), tmp_path)
    arguments = ["crl", str(made.place), "--url", made.url, "--authority", str(tmp_path / "ca"), "--user", "mosquitto"]
    assert main([*arguments, "--reload", "systemctl reload mosquitto"]) == 0
    yield made
    made.close()


@pytest.mark.curl
def test_a_new_list_takes_the_old_ones_place_once(host: Host) -> None:
    listed = host.place / "crl.pem"
    assert host.fetch() is False, "it has what there is"
    serial = host.revoke("one")
    (host.place / "crls").mkdir()  # RabbitMQ's
    assert host.fetch() is True
    assert load_lists(listed.read_text())[0].serials == {serial}
    assert listed.stat().st_mode & 0o777 == 0o644
    assert (host.place / "crls" / hashed_name(listed.read_bytes())).read_bytes() == listed.read_bytes()
    assert host.fetch() is False


@pytest.mark.curl
def test_a_list_that_is_forged_old_or_none_changes_nothing(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, now_ms = host.place / "crl.pem", host.town.now_ms
    early = listed.read_bytes()
    host.revoke("one")
    for number in range(20):  # past 0x0f, where a comparison of texts would err
        host.revoke(f"more-{number}")
    assert host.fetch()
    good = listed.read_bytes()
    other = Authority.create(tmp_path / "other", "Test", now_ms)  # of the same name
    for bad, word in (
        ((tmp_path / "other" / "crl.pem").read_bytes(), "no list of this authority"),
        (b"", "no list of this authority"),
        (good[:-80], "no list of this authority"),
        (early, "older than the list that is here"),
    ):
        monkeypatch.setattr(host.town.office, "revocation_list", lambda bad=bad: bad)
        assert host.fetch() is False
        assert word in host.said
        assert listed.read_bytes() == good
    assert other.root_pem != host.town.authority.root_pem
    (host.place / "root.pem").write_text(other.root_pem)  # a server of another authority
    assert host.fetch() is False
    assert "curl" in host.said


@pytest.mark.curl
def test_a_server_that_is_away_changes_nothing_and_is_told(host: Host) -> None:
    good = (host.place / "crl.pem").read_bytes()
    script = host.place / "fetch-crl"
    script.write_text(script.read_text().replace(host.url, "https://127.0.0.1:1/crl.pem"))
    assert host.fetch() is False
    assert "curl" in host.said
    assert (host.place / "crl.pem").read_bytes() == good


@pytest.mark.systemd
def test_service_and_timer_are_sound_and_may_do_little(host: Host) -> None:
    units = [str(host.place / name) for name in ("dabyl-crl.service", "dabyl-crl.timer")]
    check = ["systemd-analyze", "verify", "--man=no", *units]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert [line for line in checked.stderr.splitlines() if "dabyl-crl" in line] == []
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", units[0]]
    judged = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_COLORS": "0"}
    )
    found = re.search(r"exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert found is not None, judged.stderr
    assert float(found[1]) <= MOST_EXPOSURE, judged.stdout
    assert "exec systemctl reload mosquitto" in (host.place / "dabyl-crl.service").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("directory", "/a b"), ("directory", "a"), ("directory", "/a\nExecStart=/bin/sh"), ("directory", "/a%n"),
        ("url", "http://a/crl.pem"), ("url", "https://a/$(id)"), ("url", "https://a/ -o x"),
        ("user", "Root user"), ("user", ""), ("reload", "a'b"), ("reload", "a\nUser=root"), ("reload", "a%n"),
    ],
)  # fmt: skip
def test_what_would_mean_something_else_in_a_shell_or_a_unit_is_refused(name: str, value: str) -> None:
    good = {"directory": "/etc/a", "url": "https://a:8443/crl.pem", "user": "mosquitto", "reload": "systemctl reload a"}
    assert files(**good, minutes=5).keys() == {"fetch-crl", "dabyl-crl.service", "dabyl-crl.timer"}
    with pytest.raises(BrokerFilesError):
        files(**{**good, name: value}, minutes=5)
