"""A driven SOS button."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.sos_button.logic import SosButton
from tests.devices import driver


class Driver(driver.Driver):
    """With nothing set but what a test sets."""

    button: SosButton

    def __init__(self, settings: dict[str, Any] | None = None, *, seal: bool = True) -> None:
        super().__init__(lambda now_ms: SosButton(settings or {}, now_ms), seal=seal)

    @property
    def lamps(self) -> list[str]:
        """What its lamp showed, in order."""
        return [pattern for name, pattern in self.played if name == "lamp"]


@pytest.fixture
def driven() -> Callable[..., Driver]:
    """Makes a started Driver: ``driven(settings, open_alarms=..., seal=...)``."""
    return lambda settings=None, open_alarms=None, *, seal=True: Driver(settings, seal=seal).start(open_alarms)
