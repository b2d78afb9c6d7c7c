"""Finding the device kind that the configuration names, without knowing any.

``kind = "sos-button"`` is the module ``devices.sos_button``; a kind from outside the tree is given by its dotted path. Such a module
holds ``KIND``, ``SETTINGS``, ``make_logic(settings, now_ms)`` and ``make_binding(settings, on_input)``.
"""

import os
import sys

from agent.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    Effects = list[tuple[Any, ...]]

    class Logic(Protocol):
        """A kind's pure logic: inputs in, effects (see ``agent.effects``) out. Times are monotonic milliseconds.

        On Linux, one that needs to know more of earlier alarms than their numbers, as a hub does whose alarms are of many zones, has
        ``recall(boot, seq, data)`` as well: called before ``started`` with what each unsettled alarm event said.
        """

        def started(self, open_alarms: list[tuple[int, int, int]], now_ms: int) -> Effects:
            """Adopt the alarms (boot, seq, state) that are open from before; set all outputs."""

        def input(self, name: str, value: Any, now_ms: int) -> Effects:
            """A level, or a reading of the kind's own type, with the time it was seen."""

        def tick(self, now_ms: int) -> Effects:
            """Do what is due."""

        def next_tick_ms(self, now_ms: int) -> int | None:
            """When the next tick is wanted."""

        def sealed(self, tag: int, boot: int, seq: int, now_ms: int) -> Effects:
            """The event emitted under ``tag`` has its number."""

        def receipt(self, boot: int, seq: int, state: int, now_ms: int) -> Effects:
            """An alarm's state from a signed receipt."""

        def command(self, name: str, args: dict[str, object], now_ms: int) -> tuple[dict[str, object] | None, Effects]:
            """A signed command: its result, None if the kind does not know it."""

        def link(self, up: bool, now_ms: int) -> Effects:
            """The connection came up or went away."""

    class Binding(Protocol):
        """A kind's hardware. On Linux, one that keeps signed messages itself, as a badge does beside its recordings, has
        ``keep(type, message)`` as well: called with each event of the logic's that has a tag, once it is signed, before it is durable.
        """

        def start(self) -> None:
            """Take the pins and begin to report inputs (from any thread)."""

        def read(self) -> dict[str, int]:
            """The inputs' present levels."""

        def output(self, name: str, pattern: str, now_ms: int) -> None:
            """Drive an output with a named pattern from now on."""

        def next_step_ms(self, now_ms: int) -> int | None:
            """When a pattern's next step is due."""

        def step(self, now_ms: int) -> None:
            """Do the steps that are due."""

        def close(self) -> None:
            """Outputs off, pins given back."""

    class Kind(Protocol):
        """A device kind's module."""

        KIND: str
        SETTINGS: dict[str, tuple[Any, ...]]

        def make_logic(self, settings: dict[str, object], now_ms: int) -> Logic:
            """The kind's logic."""

        def make_binding(self, settings: dict[str, object], on_input: Callable[[str, Any, int], None]) -> Binding:
            """The kind's hardware. ``on_input`` takes, from any thread, an input's name, its level or reading, and the time it was seen;
            None in the place of a level says that nothing was seen, but ``next_step_ms`` has come nearer.
            """


HOME = "devices."


def find(kind: str) -> "Kind":
    """The module of a device kind.

    Raises:
        ConfigError: there is none, or it cannot be loaded.
    """
    path = kind if "." in kind else HOME + kind.replace("-", "_")
    if not all(part.isidentifier() for part in path.split(".")):
        raise ConfigError(f"kind '{kind}' is neither a kind's name (letters, digits, hyphens) nor a dotted path")
    try:
        __import__(path)
    except ImportError as error:
        raise ConfigError(f"no device kind '{kind}': {error}") from None
    except Exception as error:  # noqa: BLE001  a module from elsewhere may do anything when it is loaded
        raise ConfigError(
            f"kind '{kind}': the module {path} cannot be loaded: {type(error).__name__}: {error}"
        ) from None
    module: Any = sys.modules[path]
    if path.startswith(HOME) and hasattr(module, "make_logic") and not hasattr(module, "make_binding"):
        raise ConfigError(f"kind '{kind}' runs on microcontrollers only; for Linux there are: {', '.join(_on_linux())}")
    for name in ("KIND", "SETTINGS", "make_logic", "make_binding"):
        if not hasattr(module, name):
            raise ConfigError(f"kind '{kind}': the module {path} has no '{name}', so it is no device kind")
    return module  # type: ignore[no-any-return]  # a module, checked to have what the protocol wants


def _on_linux() -> "list[str]":
    """The kinds of the house that have a binding to hardware on Linux."""
    home = os.path.join(os.path.dirname(os.path.dirname(__file__)), HOME.rstrip("."))
    found = [name for name in os.listdir(home) if os.path.exists(os.path.join(home, name, "linux.py"))]
    return sorted(name.replace("_", "-") for name in found)
