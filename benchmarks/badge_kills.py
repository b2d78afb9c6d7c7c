"""kill -9 of a badge that records at 720p30: how many pictures each kill costs, and whether all before them play and are proven.

The badge is started again each time and goes on by itself, so each kill ends a recording of its own. What the camera had handed over is
known from the camera; what a busy machine's encoder does not make is missing before it comes to the badge. Nothing is offloaded: the
badge's own disk is judged, once every torn segment has its event.
"""

import asyncio
import io
import pathlib
import random
import shutil
import signal
import tempfile

import av
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.keys.chain import load_roots
from agent.recording.seal import FIXED
from agent.recording.unseal import open_segment
from benchmarks.figures import Figure, percentile
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from center.evidence import fragments
from center.evidence.timeline import ALTERED, MISSING, PROVEN
from center.evidence.trust import Trust
from center.evidence.verify import verify_folder
from simulators.badge.scene import BadgeScene
from simulators.camera.scene import Scene

SIZE = (1280, 720)
SETTINGS = {"pre_s": 1, "width": SIZE[0], "height": SIZE[1], "bitrate_kbps": 4000, "evidence": "", "storage_mb": 4000}
AT_MOST_FRAMES = 4
AFTER_S = (1.0, 4.0)
"""From a recording's first segment, or its beginning, to the kill."""


class _Trial:
    """One badge, killed again and again."""

    def __init__(self, scene: BadgeScene, rng: random.Random) -> None:
        self._scene = scene
        self._rng = rng
        self._custodian = load_pem_private_key(scene.custodian.read_bytes(), None)
        self._picture = Scene(*SIZE)
        self.lost: list[int] = []
        self.holes = 0

    async def kill(self, number: int) -> None:
        """Let it record for a while, kill it, and look at what is left."""
        scene = self._scene
        began = len(scene.camera.handed())
        await scene.recorded("started", number)
        await scene.until(lambda: len(scene.camera.handed()) > began + 15, "the camera delivers nothing")
        await asyncio.sleep(self._rng.uniform(*AFTER_S))
        await scene.end_agent(signal.SIGKILL)
        handed = [one for one, _at_ns in scene.camera.handed()]
        handed = handed[max(n for n, one in enumerate(handed) if one == 0) :]  # the camera counts anew at each start
        recording = scene.events("recording.started")[-1]["data"]["recording"]
        shown = await asyncio.to_thread(self._shown, recording)
        if not shown or shown[0] not in handed:
            raise BenchmarkError("after a kill there is no recording")
        due = handed[handed.index(shown[0]) :]
        self.lost.append(len(due) - len(shown))
        self.holes += shown != due[: len(shown)]

    def _shown(self, recording: str) -> list[int]:
        """The numbers of the pictures of a recording."""
        shown: list[int] = []
        for path in sorted((self._scene.spool / recording).glob("*.seg")):
            assert isinstance(self._custodian, EllipticCurvePrivateKey)
            data = path.read_bytes()
            if len(data) < FIXED.size:
                continue  # it was only begun
            plain = fragments.whole(open_segment(data, self._custodian).plaintext)
            if not plain:
                continue
            with av.open(io.BytesIO(plain), "r") as container:
                for frame in container.decode(video=0):
                    number = self._picture.number_in(frame.to_ndarray()[: SIZE[1]].astype(np.uint8))
                    shown.append(-1 if number is None else number)
        return shown


def measure(context: Context) -> list[Figure]:
    """Kill a badge."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="badge-", dir=context.directory))
    try:
        return asyncio.run(_measure(context, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(context: Context, folder: pathlib.Path) -> list[Figure]:
    kills = context.count(50, 4)
    async with BadgeScene(folder, SETTINGS) as scene:
        await scene.until(lambda: len(scene.camera.handed()) > 60, "the camera delivers nothing")
        await scene.press()
        trial = _Trial(scene, random.Random(1))
        for number in range(1, kills + 1):
            await trial.kill(number)
            context.say(f"{number} kills, {percentile(trial.lost, 0.5):g} frames lost at the median")
            await scene.start_agent()
        await scene.recorded("stopped", kills)
        await scene.recorded("started", kills + 1)
        await scene.hold()
        await scene.recorded("stopped", kills + 1)
        await scene.end_agent()
        shutil.copyfile(scene.device.identity.chain, scene.spool / "chain.pem")
        trust = Trust(load_roots(scene.site.authority.root_pem), (), scene.now_ms())
        key = load_pem_private_key(scene.custodian.read_bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        verdicts = await asyncio.to_thread(lambda: list(verify_folder(scene.spool, trust, key)))
    altered = sum(verdict.total_s(ALTERED) for verdict in verdicts)
    details = {
        "kills": len(trial.lost),
        "lost_max": max(trial.lost),
        "lost_mean": sum(trial.lost) / len(trial.lost),
        "with_holes": trial.holes,
        "recordings": len(verdicts),
        "camera_missing_s": sum(verdict.total_s(MISSING) for verdict in verdicts),
        "proven_s": sum(verdict.total_s(PROVEN) for verdict in verdicts),
    }
    return [
        Figure(
            "badge_kills.frames_lost_p50",
            percentile(trial.lost, 0.5),
            "frames",
            at_most=AT_MOST_FRAMES,
            details=details,
        ),
        Figure("badge_kills.not_proven", altered + trial.holes, "s", at_most=0),
    ]
