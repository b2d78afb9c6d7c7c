"""An office with an inventory, and devices' keys and requests."""

import dataclasses
import pathlib
from collections.abc import Callable

import pytest

from agent.keys import pem
from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from provisioning.authority.authority import Authority
from provisioning.enrolment.office import Office, Policy
from provisioning.inventory import claims
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
BOARD = "10000000A1B2"


@dataclasses.dataclass
class Town:
    """All that enrolment needs, on a clock that a test sets."""

    folder: pathlib.Path
    authority: Authority
    inventory: pathlib.Path
    office: Office
    now_ms: int

    def claim(self, name: str = "sos-1", valid_ms: int = 14 * DAY_MS) -> str:
        with Inventory(self.inventory) as inventory:
            return claims.make(inventory, name, self.now_ms, valid_ms)

    def request(self, name: str = "sos-1", key: str = "key", board: str = BOARD) -> bytes:
        path = self.folder / f"{key}.pem"
        signer = FileKey.load(str(path)) if path.exists() else FileKey.generate(str(path))
        return pem.blocks(certificate_request(signer, name, board), 1)[0][1]

    def state(self, name: str = "sos-1") -> str:
        with Inventory(self.inventory) as inventory:
            return inventory.get(name).state


@pytest.fixture
def make_town(tmp_path: pathlib.Path) -> Callable[[int], Town]:
    def make(now_ms: int) -> Town:
        authority = Authority.create(tmp_path / "ca", "Test", now_ms)
        path = tmp_path / "inventory.db"
        with Inventory(path) as inventory:
            inventory.plan([Device("sos-1", "sos-button", BOARD), Device("sos-2", "sos-button", "OTHER")], now_ms)
        town = Town(tmp_path, authority, path, None, now_ms)  # type: ignore[arg-type]  # in the next line
        town.office = Office(authority, path, Policy(days=90, grace_days=30), lambda: town.now_ms)
        return town

    return make


@pytest.fixture
def town(make_town: Callable[[int], Town]) -> Town:
    return make_town(NOW_MS)
