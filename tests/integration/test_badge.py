"""A badge from the press to the center's signature, through a kill in the middle: what was seen is there, and proven."""

import asyncio
import json
import pathlib
import shutil
import signal
import tempfile
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.recording.unseal import open_segment
from devices.video_badge.spool import signed_manifest
from simulators.badge.scene import BADGE, BadgeScene
from simulators.camera.control import Faults
from simulators.site import dabyl
from tests.devices.video_badge.footage import numbers_in

SETTINGS = {"pre_s": 1, "width": 160, "height": 120, "bitrate_kbps": 300}
TAIL = 12
"""Frames that a kill may cost here, where other tests keep the machine busy: two fragments. The benchmark knows the median."""


async def _story(folder: pathlib.Path) -> dict[str, Any]:
    async with BadgeScene(folder, SETTINGS) as scene:
        await scene.until(lambda: len(scene.camera.handed()) > 60, "the camera delivers nothing")
        await scene.press()
        await scene.recorded("segment", 2)
        await asyncio.sleep(0.7)
        await scene.end_agent(signal.SIGKILL)
        handed = scene.camera.handed()
        await scene.start_agent()
        await scene.recorded("started", 2)  # it goes on by itself
        scene.camera.set(Faults(frozen=True))
        await scene.until(lambda: bool(scene.events("fault.camera")), "the frozen camera was not told")
        scene.camera.set(Faults())
        await scene.recorded("gap")
        await scene.hold()
        stopped = await scene.recorded("stopped", 2)
        segments = sum(one["data"]["segments"] for one in stopped)
        await scene.offloaded(segments)
        events = scene.events()
        await scene.end_agent()
        out = folder / "out"
        shutil.copytree(scene.evidence, out)
        shutil.copyfile(scene.custodian, out / "custodian.key.pem")
        (out / "custodian.key.pem").chmod(0o600)
        verdict = await asyncio.create_subprocess_exec(
            *dabyl(), "evidence", "verify", str(out), "--root", str(scene.site.root), "--json", stdout=-1
        )
        told, _ = await verdict.communicate()
        return {
            "handed": handed,
            "events": events,
            "out": out,
            "verdict": json.loads(told),
            "code": verdict.returncode,
            "device": BADGE,
        }


@pytest.fixture(scope="module")
def story() -> Any:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dabyl-"))
    try:
        yield asyncio.run(_story(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _of(story: dict[str, Any], type_: str) -> list[dict[str, Any]]:
    return [event["data"] for event in story["events"] if event["type"] == "dabyl." + type_]


@pytest.mark.mosquitto
def test_all_that_was_seen_until_the_kill_is_there_but_the_last_fragment(story: dict[str, Any]) -> None:
    first = _of(story, "recording.started")[0]["recording"]
    key = load_pem_private_key((story["out"] / "custodian.key.pem").read_bytes(), None)
    shown: list[int] = []
    for path in sorted((story["out"] / first).glob("*.seg")):
        shown += numbers_in(open_segment(path.read_bytes(), key).plaintext)  # type: ignore[arg-type]
    handed = [number for number, _at_ns in story["handed"]]
    assert shown == handed[handed.index(shown[0]) : handed.index(shown[0]) + len(shown)]
    assert handed[-1] - shown[-1] <= TAIL


@pytest.mark.mosquitto
def test_what_is_there_is_proven_before_and_after_the_kill(story: dict[str, Any]) -> None:
    """And the seconds in which the camera stood still are told as missing, though nobody took anything away."""
    verdict = story["verdict"]
    before, after = sorted(verdict["recordings"], key=lambda recording: recording["begin_ms"])
    assert before["proven"], verdict
    assert (before["missing_s"], verdict["altered_s"]) == (0, 0)
    frozen = [second["why"] for second in after["seconds"] if second["verdict"] != "proven"]
    assert frozen
    assert all(why == ["pictures were not taken"] for why in frozen)
    assert story["code"] == 1


@pytest.mark.mosquitto
def test_the_story_is_told_in_signed_events(story: dict[str, Any]) -> None:
    assert [one["trigger"] for one in _of(story, "recording.started")] == ["button", "restart"]
    assert [one["by"] for one in _of(story, "recording.stopped")] == ["restart", "press"]
    assert [one["state"] for one in _of(story, "fault.camera")] == ["silent"]
    gap = _of(story, "recording.gap")[0]
    assert gap["input"] == "camera"
    assert gap["for_ms"] >= 2000
    triggers = {one["trigger"] for one in _of(story, "recording.segment")}
    assert triggers == {"button", "recovered", "restart"}


@pytest.mark.mosquitto
def test_each_segment_was_received_with_its_event_as_it_was_signed(story: dict[str, Any]) -> None:
    for path in story["out"].glob("*/*.seg"):
        manifest = signed_manifest(path.with_suffix(".cose").read_bytes())
        assert manifest is not None
        assert manifest.size == path.stat().st_size
        assert path.with_suffix(".receipt").exists()
