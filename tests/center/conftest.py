"""A throw-away authority, a center's pipeline on a real database, and a key table that trusts the authority."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.keys.chain import load_roots
from center.database import Database
from center.keytable import KeyTable
from center.pipeline import Pipeline
from tests.center.scripted import NOW, Device, Pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("pki"))
    made.leaf("center", "center-1")
    return made


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Another authority, that nobody here trusts."""
    return Pki(tmp_path_factory.mktemp("foreign"))


@pytest.fixture
def new_device(pki: Pki) -> Callable[[], Device]:
    def make() -> Device:
        return pki.device(f"sos-{len(pki.issued):04}")

    return make


@pytest.fixture
def device(new_device: Callable[[], Device]) -> Device:
    return new_device()


@pytest.fixture
def keys(pki: Pki) -> KeyTable:
    return KeyTable(load_roots(pki.authority.root_pem))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "center.sqlite", wait_ms=200)
    yield opened
    opened.close()


@pytest.fixture
def pipeline(database: Database, keys: KeyTable, pki: Pki) -> Pipeline:
    return Pipeline(database, keys, pki.signer("center-1"), "center-1", NOW)
