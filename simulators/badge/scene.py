"""One badge on a site of its own: broker, center and evidence server, all real processes, and somebody who wears the badge."""

import asyncio
import os
import pathlib
import signal
import time
from collections.abc import Mapping
from typing import Any

from agent.keys import pem
from agent.keys.file import FileKey
from provisioning.authority.identity import IdentityFiles, make_identity
from simulators.broker.engines import free_port
from simulators.camera.control import Control
from simulators.camera.receiver import Receiver
from simulators.gpio.hardware import Hardware
from simulators.processes import Child
from simulators.running_site import WAIT_S, RunningSite
from simulators.site import BUTTON_PIN, HOST, LAMP_PIN, dabyl
from simulators.slow_disk import slowed

BADGE = "badge-0001"
EVIDENCE = "evidence-1"
STOP_MS = 1000
HOLD_MS = 1400


class BadgeScene(RunningSite):
    """An open scene.

    Args:
        directory: a folder with a short path, for what the site keeps.
        settings: of the badge, beside what the scene sets.
        sync_ms: so much longer each sync of the badge's card takes.
        engine: broker engine to take, or None for the one that is there.
        seed: of the button's bounce.

    Attributes:
        camera: the strings of its camera.
        board: its button and lamp.
        receiver: its satellite receiver.
        custodian: file of the private key of whoever may open its recordings.
        evidence: the folder in which the center keeps its recordings.
        spool: the folder in which it keeps them itself.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        settings: Mapping[str, object],
        *,
        sync_ms: int = 0,
        engine: str | None = None,
        seed: int = 1,
    ) -> None:
        super().__init__(directory, (BADGE,), engine=engine)
        self._settings = settings
        self._sync_ms = sync_ms
        self._seed = seed
        self._serving = asyncio.Event()
        self._agent: Child | None = None
        self.spool = directory / "spool"
        self.custodian = directory / "custodian.key.pem"
        self.evidence = directory / "site" / "evidence-store" / BADGE

    async def _open(self) -> None:
        await super()._open()
        await self._start_server()
        public = self._directory / "custodian.pem"
        key = FileKey.generate(os.fspath(self.custodian))
        public.write_text(pem.encoded("PUBLIC KEY", key.public_der), encoding="ascii")
        self.camera = Control(self._directory / "camera")
        self.receiver = Receiver(self._directory / "gnss")
        self.receiver.start()
        self._stack.callback(self.receiver.close)
        self.device = self._enrol(public)
        self.board = Hardware(self.device.board, seed=self._seed)
        self._stack.callback(self.board.close)
        self._stack.push_async_callback(self.end_agent)
        await self.start_agent()

    async def _start_server(self) -> None:
        site = self.site
        self._port = free_port()
        hosts = (HOST, "localhost")
        make_identity(site.directory / "evidence", site.authority, "evidence", EVIDENCE, self.now_ms(), hosts=hosts)
        with site.center_config.open("a", encoding="utf-8") as config:
            config.write(
                f'[evidence]\nlisten = "{HOST}:{self._port}"\nfolder = "evidence-store"\n'
                'certificate = "evidence/chain.pem"\nkey = "evidence/key.pem"\nkeep_free_mib = 16\n'
            )
        command = [*dabyl(), "center", "evidence", "--config", os.fspath(site.center_config), "--log", "json"]
        self._server = await Child.start("evidence server", command, self._server_said)
        self._stack.push_async_callback(self._server.end)
        await self.up(self._server, self._serving.is_set)

    def _enrol(self, custodian: pathlib.Path) -> Any:
        site = self.site
        identity = site.devices[BADGE].identity
        return site.add_device(
            BADGE,
            kind="video-badge",
            settings={
                "button_pin": BUTTON_PIN,
                "lamp_pin": LAMP_PIN,
                "stop_ms": STOP_MS,
                "spool": os.fspath(self.spool.absolute()),
                "custodian": os.fspath(custodian.absolute()),
                "key": os.fspath(identity.key.absolute()),
                "certificate": os.fspath(identity.chain.absolute()),
                "gnss_port": os.fspath((self._directory / "gnss").absolute()),
                "evidence": f"{HOST}:{self._port}",
                "evidence_ca": os.fspath(site.root.absolute()),
                "centers": [os.fspath(site.center_key.absolute())],
                **self._settings,
            },
        )

    def exporter(self) -> IdentityFiles:
        """The identity of an archive, which signs copies of recordings."""
        folder = self.site.directory / "exporter"
        return make_identity(folder, self.site.authority, "exporter", "archive-1", self.now_ms())

    @staticmethod
    def now_ms() -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    # Whoever wears it

    async def press(self) -> None:
        """Press, which begins a recording, or marks a place in it."""
        self.board.press(BUTTON_PIN)
        await asyncio.sleep(0.2)

    async def hold(self) -> None:
        """Hold, which ends a recording."""
        self.board.press(BUTTON_PIN, HOLD_MS)
        await asyncio.sleep(HOLD_MS / 1000 + 0.1)

    # The badge

    async def start_agent(self) -> None:
        """Start the agent and wait until it has its pins."""
        environment = self.camera.environment(self.device.environment)
        if self._sync_ms:
            environment = slowed(environment, self._sync_ms)
        self._agent = await Child.start(
            "agent", self.device.agent("--log", "text"), lambda _line: None, environment=environment
        )
        await self.up(self._agent, lambda: self.board.agent_pid is not None)

    async def end_agent(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the agent: SIGKILL is as a power cut to the process."""
        if self._agent is not None:
            await self._agent.end(number)

    # What has come of it

    def events(self, type_: str = "") -> list[dict[str, Any]]:
        """The badge's events at the consumer, of this type after ``dabyl.``, or all."""
        return self.consumer.events(f"dabyl.{type_}") if type_ else self.consumer.events()

    async def recorded(self, type_: str, count: int = 1, wait_s: float = WAIT_S) -> list[dict[str, Any]]:
        """Wait for so many events ``recording.`` and ``type_``."""
        await self.until(
            lambda: len(self.events("recording." + type_)) >= count, f"recording.{type_} did not come", wait_s
        )
        return self.events("recording." + type_)

    def received(self) -> int:
        """Segments for which the center has signed."""
        return sum(1 for _ in self.evidence.glob("*/*.receipt"))

    def waiting(self) -> int:
        """Segments that the badge still keeps."""
        return sum(1 for _ in self.spool.glob("*/*.seg"))

    async def offloaded(self, segments: int, wait_s: float = WAIT_S) -> None:
        """Wait until the center has signed for so many segments, and the badge has let go of all."""
        await self.until(
            lambda: self.received() >= segments and not self.waiting(),
            lambda: (
                f"the center has signed for {self.received()} of {segments} segments, the badge keeps {self.waiting()}"
            ),
            wait_s,
        )

    @property
    def agent_pid(self) -> int:
        """The process of the agent, the last one that was started."""
        assert self._agent is not None
        return self._agent.pid

    def agent_said(self) -> str:
        """The agent's last lines."""
        return "" if self._agent is None else self._agent.said()

    def _server_said(self, line: Mapping[str, Any]) -> None:
        if line.get("what") == "listening":
            self._serving.set()
