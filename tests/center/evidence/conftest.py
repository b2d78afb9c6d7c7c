"""One evidence server for the tests of a module; each test has a badge of its own."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.center.evidence.site import Client, Site
from tests.center.scripted import Device

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
