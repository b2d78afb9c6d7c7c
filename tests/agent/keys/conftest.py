"""An authority and what tests of chains need around it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.keys.certificate import Certificate
from agent.keys.chain import load_roots
from agent.keys.credentials import chain_from_pem
from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from provisioning.authority.authority import Authority
from tests.agent.keys.forge import NOW_MS, Forge

Issue = Callable[..., list[bytes]]
"""A role, an identity, and how long: the chain that the authority issues."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority") / "ca", "Test", NOW_MS)


@pytest.fixture(scope="session")
def roots(authority: Authority) -> tuple[Certificate, ...]:
    return load_roots(authority.root_pem)


@pytest.fixture(scope="session")
def forge() -> Forge:
    return Forge()


@pytest.fixture
def new_key(tmp_path: Path) -> Callable[[], FileKey]:
    def make() -> FileKey:
        return FileKey.generate(str(tmp_path / f"key-{os.urandom(4).hex()}.pem"))

    return make


@pytest.fixture
def issue(authority: Authority, new_key: Callable[[], FileKey]) -> Issue:
    def chain(
        role: str = "device", identity: str = "pillar-017", days: int = 30, hosts: tuple[str, ...] = ()
    ) -> list[bytes]:
        request = certificate_request(new_key(), identity)
        return chain_from_pem(authority.issue(role, request, identity, NOW_MS, days, hosts=hosts).chain_pem, "issued")

    return chain
