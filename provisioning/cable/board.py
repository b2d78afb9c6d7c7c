"""A board at its prompt as what enrolment needs of it: who it is, what lies on it, its request, and its files."""

import dataclasses
import functools
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from provisioning.cable import scripts
from provisioning.cable.contents import FOLDER, in_order
from provisioning.cable.prompt import Prompt
from provisioning.errors import CableError, SetupError

OLDEST = (1, 24)
KEY_S = 60.0
"""For making a key: two tables of multiples and a signature take an ESP32 some 5 s."""
LIST_S = 60.0
ROOM = 64 * 1024
"""Bytes that are to be free beside what is copied: the journal's first segments, and the tables of the keys."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a board says of itself. ``device`` is the name it bears, "" if none."""

    serial: str
    machine: str
    mpy: str
    free: int
    device: str
    has_journal: bool


class Board:
    """The board at an open prompt."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt

    def facts(self) -> Facts:
        """What it is.

        Raises:
            CableError: it is another chip, its MicroPython is too old, or it does not answer as a board does.
        """
        try:
            found = json.loads(self._prompt.run(scripts.FACTS))
            machine, version = str(found["machine"])[:80], tuple(found["version"][:2])
            if not found["esp32"]:
                raise CableError("wrong-chip", machine=machine)
            if found["name"] != "micropython" or version < OLDEST:
                raise CableError("micropython-old", found=".".join(map(str, version)))
            return Facts(
                str(found["serial"]),
                machine,
                f"{found['mpy']}.{found['sub']}",
                int(found["free"]),
                str(found.get("id", ""))[:64],
                "journal" in found["root"],
            )
        except (ValueError, KeyError, TypeError):
            raise CableError("no-prompt", port=self._prompt.port) from None

    def digests(self) -> dict[str, str]:
        """The SHA-256 of what lies on it, by path; neither the key nor the journal.

        Raises:
            CableError: it does not answer.
        """
        try:
            return dict(json.loads(line) for line in self._prompt.run(scripts.DIGESTS, seconds=LIST_S).splitlines())
        except (ValueError, TypeError):
            raise CableError("no-prompt", port=self._prompt.port) from None

    def put(self, files: Mapping[str, bytes], told: Callable[[int, int], None]) -> int:
        """Bring the board's files to be these, as far as they are not; how many had to go over.

        ``told`` hears how many bytes of how many have gone over.

        Raises:
            CableError: no room, or the board does not answer.
        """
        there = self.digests()
        missing = [path for path in in_order(files) if there.get(path) != digest(files[path])]
        total = sum(len(files[path]) for path in missing)
        self._folders(missing)
        done = 0

        def went(size: int) -> None:
            nonlocal done
            done += size
            told(done, total)

        for path in missing:
            self._prompt.write(path, files[path], went)
        return len(missing)

    def differing(self, files: Mapping[str, bytes]) -> list[str]:
        """Read back: the paths that are not as they should be.

        Raises:
            CableError: it does not answer.
        """
        there = self.digests()
        return [path for path in files if there.get(path) != digest(files[path])]

    def tidy(self, files: Mapping[str, bytes]) -> None:
        """Remove what an earlier firmware or a pulled cable has left, and let the first copy be the one in use.

        Raises:
            CableError: it does not answer.
        """
        left = [
            path
            for path in self.digests()
            if path not in files and (path.endswith(".new") or path.startswith((FOLDER + "/", scripts.HELPER)))
        ]
        self.remove([*left, "/slot", "/starts", "/b", scripts.HELPER])

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files and folders, as far as they are there.

        Raises:
            CableError: it does not answer.
        """
        self._prompt.run(scripts.REMOVE.format(paths=list(paths)))

    def request(self, device: str) -> str:
        """Have it make its key, unless it has one, and sign a request: DER as hex.

        Raises:
            CableError: it cannot.
        """
        return self._helped("devices.firmware.enrol", "request", f"request({device!r},network.WLAN(network.STA_IF))")

    def owed(self) -> int:
        """How many alarms in its journal the center has not got.

        Raises:
            CableError: the journal cannot be read.
        """
        said = self._helped("devices.firmware.owed", "alarms", "alarms()")
        try:
            return int(said)
        except ValueError:
            raise CableError("no-prompt", port=self._prompt.port) from None

    def _helped(self, module: str, name: str, call: str) -> str:
        """Send a module of the project, call it, and remove it again; what it printed."""
        compiled = _helper(module, name)
        short = module.rpartition(".")[2]
        self._folders([f"{scripts.HELPER}/{short}"])
        self._prompt.write(f"{scripts.HELPER}/{short}.mpy", compiled)
        said = self._prompt.run(
            scripts.CALL.format(folder=scripts.HELPER, module=short, call=f"print({short}.{call})"), seconds=KEY_S
        )
        self.remove([scripts.HELPER])
        return said.strip()

    def _folders(self, paths: Iterable[str]) -> None:
        folders = {str(parent) for path in paths for parent in Path(path).parents if str(parent) != "/"}
        self._prompt.run(scripts.FOLDERS.format(paths=sorted(folders)))


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@functools.cache
def _helper(module: str, name: str) -> bytes:
    try:
        from provisioning.firmware.bundle import BundleError  # noqa: PLC0415  needs the compiler
        from provisioning.firmware.helpers import helper  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SetupError("needs", package=error.name) from None
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return helper(module, (name,), Path(scratch))
    except (BundleError, OSError) as error:
        raise SetupError("firmware", reason=str(error)) from None
