"""gpiozero's pins without the rest of gpiozero, for bindings that work at the level of pins.

``import gpiozero`` loads every device class and its dependencies; a binding of ours needs the pin factory alone. The package is therefore
put in place unexecuted: its submodules load as usual, and the first use of any other name (``gpiozero.Button``) executes it, so that a
device kind from outside the tree notices nothing. The factory named by ``GPIOZERO_PIN_FACTORY`` is looked up among our own distribution's
entry points before gpiozero reads those of every distribution that is installed.
"""

import importlib.util
import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GROUP = "gpiozero_pin_factories"
VARIABLE = "GPIOZERO_PIN_FACTORY"


class _Unexecuted(types.ModuleType):
    """A package whose submodules can be imported, and which is executed when a name of its own is asked for."""

    def __getattr__(self, name: str) -> "Any":
        self.__class__ = types.ModuleType  # type: ignore[assignment]  # an ordinary module from here on
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(self)
        return getattr(self, name)


def pin_factory() -> "Any":
    """The pin factory of gpiozero: the one in use, the one that the environment names, or the best for this machine.

    Raises:
        ImportError: gpiozero is not installed.
        gpiozero.exc.BadPinFactory: no factory of that name, or none that works here.
    """
    _put_in_place()
    from gpiozero.devices import Device  # noqa: PLC0415  only after the package is in place

    wanted = os.environ.get(VARIABLE)
    if Device.pin_factory is None and wanted:
        Device.pin_factory = _ours(wanted)
    if Device.pin_factory is None:
        Device.ensure_pin_factory()
    return Device.pin_factory


def _put_in_place() -> None:
    if "gpiozero" in sys.modules:
        return
    spec = importlib.util.find_spec("gpiozero")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("gpiozero is not installed; install it with: pip install 'dabyl[gpio]'", name="gpiozero")
    package = _Unexecuted("gpiozero")
    package.__spec__ = spec
    package.__loader__ = spec.loader
    package.__file__ = spec.origin
    package.__path__ = spec.submodule_search_locations
    package.__package__ = "gpiozero"
    sys.modules["gpiozero"] = package


def _ours(name: str) -> "Any":
    """A factory of this name from our own distribution, None if there is none."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415  gpiozero loads it anyway

    try:
        points = distribution("dabyl").entry_points
    except PackageNotFoundError:
        return None
    for point in points:
        if point.group == GROUP and point.name == name:
            return point.load()()
    return None
