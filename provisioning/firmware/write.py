"""The source of a joined file: what it takes from MicroPython, then its statements."""

import ast

from provisioning.firmware.join import File
from provisioning.firmware.nodes import walked


def written(file: File, foreign: dict[str, str]) -> str:
    """The source of a shortened file; ``foreign`` has the imports of MicroPython's modules by what they bind."""
    asked = {node.id for node in walked(file.statements()) if isinstance(node, ast.Name)}
    lines = _imports({said for name, said in foreign.items() if name in asked})
    return "\n".join([*lines, "".join(part.source for part in file.parts)])


def _imports(said: set[str]) -> list[str]:
    """These imports, those of one module together."""
    from_modules: dict[str, list[str]] = {}
    plain = []
    for line in sorted(said):
        module, word, names = line.partition(" import ")
        if word:
            from_modules.setdefault(module, []).append(names)
        else:
            plain.append(line)
    return [*plain, *(f"{module} import {', '.join(names)}" for module, names in from_modules.items())]
