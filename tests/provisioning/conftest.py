"""A workshop for a whole module of tests: real broker, real center, simulated boards on a bench, and the installer's own side opened."""

import asyncio
import contextlib
import dataclasses
import pathlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from provisioning.bench import opened
from provisioning.cable.contents import Bundle, read_bundle
from provisioning.cable.enrolment import Bench, Press, enrol
from provisioning.cable.prompt import Prompt
from provisioning.inventory.record import Device, Place
from simulators.workshop.layout import Layout
from simulators.workshop.workshop import Workshop

Result = TypeVar("Result")
KIND = "sos-button"
SILENCE_S = 60.0
"""A board on a busy machine takes its time to start; a cable that is pulled is seen at once, however long this is."""
NAMES = tuple(f"sos-{number}" for number in range(1, 16))


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever language the tester's system speaks, the tests read English; what is kept of theirs is not kept for him."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


class Loop:
    """The event loop of the boards, in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Carry it out there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        """End it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Steps:
    """Keeps the steps that began, and does something at one of them."""

    def __init__(self, at: str = "", act: Callable[[], object] = lambda: None) -> None:
        self.seen: list[str] = []
        self.parts = 0
        self._at = at
        self._act = act

    def step(self, name: str, **_facts: object) -> None:
        self.seen.append(name)
        if name == self._at:
            self._act()

    def part(self, done: int, total: int) -> None:
        self.parts += 1
        if self._at == "half" and done > total // 2:
            self._at = ""
            self._act()


@dataclasses.dataclass
class Works:
    """The workshop, as tests use it."""

    loop: Loop
    layout: Layout
    workshop: Workshop
    bench: Bench
    bundle: Bundle

    def plan(self, name: str) -> None:
        self.bench.inventory.plan([Device(name, KIND, place=Place(building="Школа № 5", room="212"))], 0)

    def plug(self, name: str) -> str:
        return self.loop.do(self.workshop.plug(name, KIND))

    def pull(self) -> None:
        """The cable goes, and the board's power with it."""
        self.loop.do(self.workshop.unplug())

    def press(self) -> None:
        if self.workshop.plugged:
            self.loop.do(self.workshop.board.press(32))

    def enrol(
        self,
        name: str,
        steps: Steps | None = None,
        *,
        board: str = "",
        replace: bool = False,
        hand: Callable[[], None] | None = None,
        **changed: Any,
    ) -> Press:
        """Plug in the board, which was made for the device ``board``, and enrol it as ``name``; ``hand`` presses, or does else."""
        bench = dataclasses.replace(self.bench, **changed)
        with Prompt(self.plug(board or name), silence_s=SILENCE_S) as prompt:
            return enrol(bench, self.bundle, name, prompt, steps or Steps(), hand or self.press, replace=replace)

    def good(self, name: str) -> list[int]:
        """Certificates of the name that are not revoked."""
        return [one.serial for one in self.bench.authority.register.of_identity(name) if one.revoked_ms is None]


@pytest.fixture(scope="package")
def works(tmp_path_factory: pytest.TempPathFactory, bundle: pathlib.Path) -> Iterator[Works]:
    folder = tmp_path_factory.mktemp("w")
    with contextlib.ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        layout = Layout(pathlib.Path(folder, "site"), NAMES)
        workshop = Workshop(layout)
        loop.do(workshop.__aenter__())
        stack.callback(lambda: loop.do(workshop.__aexit__(None, None, None)))
        bench, _firmware = stack.enter_context(opened(layout.installation, None))
        yield Works(loop, layout, workshop, dataclasses.replace(bench, contact_s=60, press_s=60), read_bundle(bundle))
