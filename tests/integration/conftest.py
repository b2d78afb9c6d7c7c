"""A running site for each module, on Mosquitto and on NATS where both matter, and a clean end after each test."""

import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator

import pytest

from tests.integration.ground import Button, Ground

ENGINES = [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"]


@pytest.fixture(scope="module")
def short_path() -> Iterator[pathlib.Path]:
    """A folder with a short path, because Unix sockets in it may have 107 bytes."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dabyl-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def running_ground(request: pytest.FixtureRequest, short_path: pathlib.Path) -> Iterator[Ground]:
    made = Ground(pathlib.Path(tempfile.mkdtemp(dir=short_path)), request.param)
    yield made
    made.close()


@pytest.fixture
def ground(running_ground: Ground) -> Iterator[Ground]:
    yield running_ground
    running_ground.leave()


@pytest.fixture
def button(ground: Ground) -> Button:
    """A device with its agent running and connected."""
    made = ground.button()
    made.start()
    return made


@pytest.fixture
def buttons(ground: Ground) -> Callable[..., Button]:
    """Makes devices, agents not started."""
    return ground.button


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a figure that the test has met on its way; it stands in the report of the run (``-rA``), and fails nothing."""

    def keep(figure: str) -> None:
        sys.stdout.write(figure + "\n")

    return keep
