"""gpiozero's pins without the rest of gpiozero, for bindings that work at the level of pins.

``import gpiozero`` loads every device class and its dependencies; a binding of ours needs the pin factory alone. The package is therefore
put in place unexecuted: its submodules load as usual, and the first use of any other name (``gpiozero.Button``) executes it, so that a
device kind from outside the tree notices nothing. ``importlib.metadata``, with which gpiozero would look for factories of other packages,
is loaded only if it does look: a factory named by ``GPIOZERO_PIN_FACTORY`` is sought among our own distribution's entry points first.
``statistics`` (0.6 MB, of which pins need nothing) is loaded when a median is asked for.
"""

import contextlib
import importlib.util
import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

GROUP = "gpiozero_pin_factories"
VARIABLE = "GPIOZERO_PIN_FACTORY"
_BACKPORT = "importlib_metadata"


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
    with _later(_BACKPORT, "importlib.metadata", "entry_points"), _later("statistics", "statistics", "median"):
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


@contextlib.contextmanager
def _later(name: str, module: str, function: str) -> "Iterator[None]":
    """While this is entered, the module ``name`` is a stand-in with this one function, which loads ``module``'s when it is called."""
    if name in sys.modules or module in sys.modules:
        yield
        return

    def loaded(*given: "Any", **named: "Any") -> "Any":
        return getattr(importlib.import_module(module), function)(*given, **named)

    stand_in = types.ModuleType(name)
    setattr(stand_in, function, loaded)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


def _ours(name: str) -> "Any":
    """A factory of this name from our own distribution, None if there is none."""
    for folder in sys.path:
        try:
            found = [
                entry
                for entry in os.listdir(folder or ".")
                if entry.startswith("dabyl-") and entry.endswith(".dist-info")
            ]
        except OSError:  # sys.path may name what is no folder
            continue
        for entry in found:
            module, _, attribute = _entry_point(os.path.join(folder, entry, "entry_points.txt"), name).partition(":")
            if attribute:
                __import__(module)
                return getattr(sys.modules[module], attribute)()
    return None


def _entry_point(path: str, name: str) -> str:
    """The object reference of our group's entry point ``name`` in an ``entry_points.txt``, "" if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    group = ""
    for line in lines:
        key, _, value = line.partition("=")
        if line.startswith("["):
            group = line.strip("[] ")
        elif group == GROUP and key.strip() == name:
            return value.strip()
    return ""
