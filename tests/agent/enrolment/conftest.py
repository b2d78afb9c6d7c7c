"""A real enrolment server in a process of its own, and devices that ask it."""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import main
from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from provisioning.inventory import claims
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device

DAY_MS = 86_400_000
BOARD = "10000000A1B2"
TOML = """\
[device]
id = "{name}"
kind = "sos-button"
state = "state"
[keys]
key = "identity/key.pem"
certificate = "identity/chain.pem"
[enrolment]
server = "{server}"
ca = "root.pem"
board = "{board}"
[center]
keys = ["center.pem"]
[[broker]]
host = "broker.example"
ca = "root.pem"
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclasses.dataclass
class Town:
    """The office's side."""

    folder: Path
    authority: Authority
    url: str
    errors: Path

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.db"

    def claim(self, name: str, valid_ms: int = DAY_MS, board: str | None = None) -> str:
        board = board or f"{BOARD}-{name}"
        with Inventory(self.inventory) as inventory:
            inventory.plan([Device(name, "sos-button", board)], now_ms())
            return claims.make(inventory, name, now_ms(), valid_ms)


@dataclasses.dataclass
class Unit:
    """A device's side: its folder, and its command."""

    folder: Path
    town: Town
    name: str

    @property
    def key(self) -> Path:
        return self.folder / "identity" / "key.pem"

    @property
    def chain(self) -> Path:
        return self.folder / "identity" / "chain.pem"

    def configure(self, server: str | None = None) -> None:
        text = TOML.format(
            name=self.name, server=self.town.url if server is None else server, board=f"{BOARD}-{self.name}"
        )
        (self.folder / "agent.toml").write_text(text)

    def run(self, verb: str, *arguments: str) -> int:
        return main([verb, "--config", str(self.folder / "agent.toml"), *arguments])

    def enrol(self, code: str, *arguments: str) -> int:
        return self.run("enrol", "--claim", code, *arguments)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    authority = Authority.create(folder / "ca", "Test", now_ms() - 400 * DAY_MS)
    files = make_identity(folder / "server", authority, "enrolment", "enrol-1", now_ms() - DAY_MS, hosts=["127.0.0.1"])
    command = [
        *(sys.executable, "-c", "import sys; from agent.command import main; sys.exit(main())", "provision", "serve"),
        *("--authority", folder / "ca", "--inventory", folder / "inventory.db", "--days", "90", "--grace-days", "30"),
        *("--certificate", files.chain, "--key", files.key, "--listen", "127.0.0.1", "--port", "0"),
        *("--language", "en"),
    ]
    errors = folder / "errors"
    with errors.open("wb") as file:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=file,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    assert process.stdout is not None
    try:
        said = process.stdout.readline().decode()
        assert said.startswith("Enrolling at port "), errors.read_text()
        yield Town(folder, authority, f"https://127.0.0.1:{said.split()[3]}", errors)
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()


@pytest.fixture
def unit(town: Town, tmp_path: Path, request: pytest.FixtureRequest) -> Unit:
    """A device of its own for each test."""
    number = len(list(town.folder.glob("taken-*")))
    (town.folder / f"taken-{number}").touch()
    made = Unit(tmp_path / "unit", town, f"sos-{number:03}")
    made.key.parent.mkdir(parents=True)
    (made.folder / "root.pem").write_text(town.authority.root_pem)
    made.configure()
    return made
