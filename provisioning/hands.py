"""The hands that plug boards in and press buttons: a simulated workshop's, in a process of its own that ends with this one."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from provisioning.errors import SetupError
from provisioning.inventory.record import Device

END_S = 30


class SimulatedHands:
    """A workshop with a simulated board for each device, and the installation that they are enrolled for.

    Args:
        folder: what it keeps, made when it is not there.
        names: of all devices.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulators.workshop", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is ours; it ends when its input does
        )
        self.installation = Path(self._asked(list(names))["installation"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(END_S)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()

    def plug(self, device: Device) -> str:
        """Plug its board in; the port where it is."""
        return str(self._asked({"do": "plug", "name": device.name, "kind": device.kind})["port"])

    def press(self, _device: Device) -> None:
        """Press the button of the board that is plugged in."""
        self._asked({"do": "press"})

    def unplug(self, _device: Device) -> None:
        """Take the board away."""
        self._asked({"do": "unplug"})

    def _asked(self, order: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            said = self._process.stderr.read().strip().splitlines()[-1:] or ["it ended"]
            raise SetupError("workshop", reason=said[0][:300])
        found: dict[str, Any] = json.loads(answer)
        if "error" in found:
            raise SetupError("workshop", reason=found["error"][:300])
        return found
