"""An authority, keys and requests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from provisioning.authority.authority import Authority

NOW_MS = 1_790_000_000_000


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca", "Test", NOW_MS)


@pytest.fixture
def request_for(tmp_path: Path) -> Callable[..., str]:
    """Makes a request for an identity, with a new key or a named one."""

    def make(identity: str, key: str | None = None) -> str:
        path = tmp_path / f"{key or identity}.key"
        signer = FileKey.load(str(path)) if path.exists() else FileKey.generate(str(path))
        return certificate_request(signer, identity)

    return make
