"""Modules that a board runs at its prompt while somebody works on it, each compiled into one file with all that it needs."""

from pathlib import Path

from provisioning.firmware.bundle import BundleError, compiled
from provisioning.firmware.join import joined
from provisioning.firmware.modules import NeedsError
from provisioning.firmware.nodes import walked
from provisioning.firmware.prune import pruned
from provisioning.firmware.scopes import SourceError
from provisioning.firmware.shorten import asked_by_text, shortened
from provisioning.firmware.write import written

TREE = Path(__file__).parents[2]


def helper(module: str, asked: tuple[str, ...], scratch: Path) -> bytes:
    """One module of the project as ``.mpy``, to be imported by any name and asked for ``asked``.

    Args:
        module: its dotted name.
        asked: the names that are called at the prompt.
        scratch: a folder to compile in.

    Raises:
        BundleError: it cannot be compiled.
    """
    try:
        file, foreign = joined(TREE, module, asked)
        fixed = set(asked) | asked_by_text(walked(file.statements()))
        pruned([file], fixed)
        shortened([file], fixed)
    except (NeedsError, SourceError, SyntaxError) as error:
        raise BundleError(str(error)) from None
    return compiled(written(file, foreign), file.path, scratch / "helper.mpy")
