"""The most memory that the agent of a badge takes at 4 Mb/s: 30 s in its ring, then a recording that begins with them.

The camera replays footage, so that neither scene nor encoder counts, which on a badge are hardware; all else is the agent as it is, in the
environment that its service unit gives it. What is counted is everything resident, files that are mapped included.
"""

import asyncio
import os
import pathlib
import re
import shutil
import tempfile
import unittest.mock

from benchmarks.figures import Figure
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from devices.video_badge.media import Picture
from simulators.badge.scene import BadgeScene
from simulators.camera import replay
from simulators.camera.footage import footage

PRE_S = 30
GROUP_S = 1
"""At its fullest the ring holds as much more: it begins with the key frame before its seconds."""
SETTINGS = {"pre_s": PRE_S, "bitrate_kbps": 4000, "sound": False}
SIZE, BITRATE = (1280, 720), 4_000_000
FOOTAGE_S = 10
AT_MOST_MB = 40
MARGIN_S = 3
MB = 1_000_000
UNIT = pathlib.Path(__file__).parents[1] / "agent" / "systemd" / "dabyl-agent.service"


def measure(context: Context) -> list[Figure]:
    """Peak memory above the ring."""
    context.say(f"{FOOTAGE_S} s of 720p30")
    frames = [(one.data, one.keyframe) for one in footage(FOOTAGE_S, SIZE, 30, BITRATE) if isinstance(one, Picture)]
    service = dict(re.findall(r"^Environment=(\w+)=(\w+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="badge-", dir=context.directory))
    try:
        with unittest.mock.patch.dict(os.environ, service):
            return asyncio.run(_measure(context, folder, frames))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(context: Context, folder: pathlib.Path, frames: list[tuple[bytes, bool]]) -> list[Figure]:
    camera = folder / "camera"
    camera.mkdir()
    replay.write(camera, frames)
    record_s = context.count(30, 5)
    async with BadgeScene(folder, SETTINGS) as scene:
        context.say(f"{PRE_S} s into the ring")
        await scene.until(
            lambda: len(scene.camera.handed()) > (PRE_S + MARGIN_S) * 30, "the camera delivers nothing", 90
        )
        filled = _peak_mb(scene)
        context.say(f"recording {record_s} s")
        await scene.press()
        await scene.recorded("segment", (PRE_S + record_s) // 2)
        peak, mapped = _peak_mb(scene), _status_mb(scene, "RssFile")
        pre_ms = (await scene.recorded("started"))[0]["data"]["pre_ms"]
    if pre_ms < PRE_S * 1000:
        raise BenchmarkError(f"only {pre_ms} ms were in the ring")
    ring = sum(len(data) for data, _ in frames) / FOOTAGE_S * (PRE_S + GROUP_S) / MB
    details = {
        "peak_mb": peak,
        "ring_mb": ring,
        "before_recording_mb": filled,
        "mapped_files_mb": mapped,
        "recorded_s": record_s,
    }
    return [Figure("badge_memory.beside_the_ring", peak - ring, "MB", at_most=AT_MOST_MB, details=details)]


def _peak_mb(scene: BadgeScene) -> float:
    """The most that the agent has had resident."""
    return _status_mb(scene, "VmHWM")


def _status_mb(scene: BadgeScene, name: str) -> float:
    """A number of proc(5), status."""
    status = pathlib.Path(f"/proc/{scene.agent_pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / MB
