"""What tests of the board share: tables of points, the same script on both interpreters, and a link with its authority."""

import itertools
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devices.firmware import comb, curve
from simulators.site import HOST
from tests.agent.link.conftest import Authority
from tests.devices.firmware.boards import HEAP, MICROPYTHON, ROOT, Program, lay_out
from tests.devices.firmware.ecdsa import Open
from tests.devices.firmware.link_side import DEVICES, SETTINGS, Start


@pytest.fixture(scope="session")
def generator_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generator") / "generator.comb"
    comb.make_sure(str(path), *curve.G)
    return path


@pytest.fixture
def generator(generator_path: Path) -> str:
    return str(generator_path)


@pytest.fixture
def table(tmp_path: Path) -> Open:
    """The comb of any point."""
    count = itertools.count()
    return lambda x, y: comb.make_sure(str(tmp_path / f"{next(count)}.comb"), x, y)


@pytest.fixture
def on_micropython(tmp_path: Path) -> Callable[[str], str]:
    """Runs a script on MicroPython with a board's heap, in an empty folder, and returns what it printed."""
    return lambda source: printed([str(MICROPYTHON), "-X", f"heapsize={HEAP}"], source, tmp_path / "on-micropython")


@pytest.fixture
def both_interpreters(tmp_path: Path, on_micropython: Callable[[str], str]) -> Callable[[str], str]:
    """Runs a script on CPython and on MicroPython, and returns what both of them printed."""

    def run(source: str) -> str:
        ours = printed([sys.executable], source, tmp_path / "on-cpython")
        assert on_micropython(source) == ours
        return ours

    return run


def printed(interpreter: list[str], source: str, folder: Path) -> str:
    """What ``source`` prints, run in the new folder; it must neither fail nor complain."""
    folder.mkdir()
    environment = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*interpreter, "-c", source],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-300:]
    return done.stdout


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("link") / "ours")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("link") / "theirs")


@pytest.fixture(scope="session")
def identity(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first device's, as a board holds it."""
    folder = tmp_path_factory.mktemp("identity")
    certificate, key = authority.leaf(DEVICES[0], "device", host="", server=False)
    lay_out(folder, authority.root, Path(certificate), Path(key))
    return folder


@pytest.fixture(scope="session")
def tls(authority: Authority) -> ssl.SSLContext:
    """A broker's context."""
    return authority.server(*authority.leaf("broker-1"))


LINK_HEAP = "320K"
"""A board's, and what compiling takes, which no board does."""


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the link of ``board_link.py`` with the identity in a folder, for brokers given by port or (host, port)."""
    boards: list[Program] = []

    def run(
        folder: Path, *brokers: int | tuple[str, int], environment: Mapping[str, str] | None = None, **settings: Any
    ) -> Program:
        listed = [(HOST, broker) if isinstance(broker, int) else broker for broker in brokers]
        board = Program(
            "board_link.py",
            folder,
            {**SETTINGS, "brokers": listed, **settings},
            heap=LINK_HEAP,
            environment=environment,
        )
        boards.append(board)
        return board

    yield run
    for board in boards:
        board.kill()
