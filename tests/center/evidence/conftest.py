"""One evidence server for the tests of a module, where each test has a badge of its own; and one recording to be judged."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.keys.chain import load_roots
from center.evidence.trust import Trust
from devices.video_badge.media import Item
from tests.center.evidence.exported import Exported
from tests.center.evidence.site import Client, Site
from tests.center.scripted import Device, Pki
from tests.devices.video_badge.footage import UNIX_MS, footage

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def serving(site: Site) -> Iterator[Site]:
    with site.serving():
        yield site


@pytest.fixture
def badge(site: Site) -> Device:
    return site.badge(f"badge-{next(_NUMBERS):04}")


@pytest.fixture
def connect(serving: Site) -> Iterator[Callable[[Device], Client]]:
    made: list[Client] = []

    def connected(device: Device) -> Client:
        made.append(serving.client(device.name))
        return made[-1]

    yield connected
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Callable[[Device], Client], badge: Device) -> Client:
    return connect(badge)


@pytest.fixture
def folder(site: Site, badge: Device) -> Path:
    """Where the center keeps the badge's recordings."""
    return site.store / badge.name


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Of the badge whose recording is judged, at the time of the footage."""
    return Pki(tmp_path_factory.mktemp("authority"), UNIX_MS)


@pytest.fixture(scope="module")
def trust(pki: Pki) -> Trust:
    return Trust(load_roots(pki.authority.root_pem), (), UNIX_MS + 3_600_000)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return footage(6)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, pki: Pki, items: list[Item]) -> Exported:
    return Exported(tmp_path_factory.mktemp("exported"), pki.device("badge-001"), items)


@pytest.fixture
def twin(original: Exported, tmp_path: Path) -> Exported:
    return original.copy(tmp_path / "twin")
