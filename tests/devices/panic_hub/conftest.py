"""A driven hub."""

from collections.abc import Callable

import pytest

from tests.devices.panic_hub.world import World


@pytest.fixture
def world() -> Callable[..., World]:
    """Makes a started World: ``world(settings, seal=...)``."""
    return World
