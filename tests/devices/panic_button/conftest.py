"""A driven panic button."""

from collections.abc import Callable
from typing import Any

import pytest

from devices.panic_button.logic import PanicButton
from tests.devices import driver

PLACE = {"building": "School 5", "floor": "2", "room": "212"}


class Driver(driver.Driver):
    """In its place."""

    button: PanicButton

    def __init__(self, settings: dict[str, Any] | None = None, *, seal: bool = True) -> None:
        super().__init__(lambda now_ms: PanicButton({**PLACE, **(settings or {})}, now_ms), seal=seal)

    def alarms(self) -> list[tuple[str, Any, Any, Any]]:
        """The alarms' events in short: last word of the type, level, count, drill."""
        return [
            (name[6:], data.get("level"), data.get("count", 1), data.get("drill"))
            for name, data in self.events
            if name.startswith("alarm.")
        ]


@pytest.fixture
def driven() -> Callable[..., Driver]:
    """Makes a started Driver: ``driven(settings, open_alarms=..., seal=...)``."""
    return lambda settings=None, open_alarms=None, *, seal=True: Driver(settings, seal=seal).start(open_alarms)
