"""``dabyl simulate badge``: a recording made, offloaded and received, and everything that is needed to judge it, in one folder."""

import asyncio
import json
import pathlib
import shutil
import time
from collections.abc import Callable
from typing import Any

import click

from agent.recording.manifest import Manifest
from devices.video_badge.spool import signed_manifest
from simulators.badge.scene import BadgeScene
from simulators.camera.control import Faults
from simulators.command_line import workplace
from simulators.errors import DemoError, SimulatorError
from simulators.progress import progress

PRE_S = 3
SIZES = {"240p": (320, 240, 500), "480p": (640, 480, 1500), "720p": (1280, 720, 4000)}
"""Name -> width, height, kbit/s."""
BREAKS = {
    "none": Faults(),
    "dropped-frames": Faults(drop_every=10),
    "hot": Faults(throttle=2),
}
SLOW_SYNC_MS = 400
SETTLE_S = 60.0
EPILOG = """\b
Examples
  dabyl simulate badge --seconds 20 --out recording --json
  dabyl evidence verify recording --root recording/root.pem --json
  dabyl evidence export recording --custodian-key recording/custodian.key.pem --out clip.mp4
  dabyl simulate badge --seconds 10 --size 240p --break slow-card --out slow

\b
In DIR afterwards
  root.pem                the root certificate to verify with
  custodian.key.pem       the key that opens the recording: a test's, never a real one's
  exporter.pem, exporter.key.pem   who signs copies: dabyl evidence export
  <recording>/            its segments (.seg), their signed events (.cose), the center's receipts (.receipt), chain of custody

\b
Exit codes
  0    all was recorded, received and signed for     2    wrong options, or DIR is not empty
  1    something is missing                          3    a part of the site did not come up
  130  stopped (Ctrl-C); nothing stays behind
"""


@click.command(name="badge", epilog=EPILOG)
@click.option("--seconds", type=click.IntRange(2, 3600), default=20, show_default=True, help="Record so long.")
@click.option(
    "--out", type=click.Path(path_type=pathlib.Path, file_okay=False), required=True, help="New folder for it."
)
@click.option("--size", type=click.Choice(list(SIZES)), default="720p", show_default=True, help="Of the picture.")
@click.option(
    "--break",
    "broken",
    type=click.Choice([*BREAKS, "slow-card"]),
    default="none",
    show_default=True,
    help="Let something be wrong: the camera loses every tenth frame, is too hot, or the card takes long to sync.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the button's bounce.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def badge(seconds: int, out: pathlib.Path, size: str, broken: str, seed: int, as_json: bool) -> int:
    """A video badge that records: simulated camera, real agent, broker, TLS, center and evidence server, all on this machine."""
    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"--out {out}: is not empty; name a new folder")
    try:
        with workplace() as folder:
            found = asyncio.run(_recorded(folder, out, seconds, size, broken, seed))
    except OSError as error:
        raise SimulatorError(f"{error.filename or out}: {error.strerror}") from None
    click.echo(json.dumps(found) if as_json else _table(found))
    if found["missing_frames"] and broken == "none":
        click.echo(
            f"This machine was too slow for the simulated encoder: {found['missing_frames']} frames are missing.",
            err=True,
        )
    return 0 if found["complete"] else 1


async def _recorded(
    folder: pathlib.Path, out: pathlib.Path, seconds: int, size: str, broken: str, seed: int
) -> dict[str, Any]:
    width, height, kbps = SIZES[size]
    settings = {"pre_s": PRE_S, "width": width, "height": height, "bitrate_kbps": kbps}
    sync_ms = SLOW_SYNC_MS if broken == "slow-card" else 0
    with progress("seconds recorded", seconds) as told:
        async with BadgeScene(folder, settings, sync_ms=sync_ms, seed=seed) as scene:
            stopped = await _record(scene, seconds, BREAKS.get(broken, Faults()), told)
            problem = ""
            try:
                await scene.offloaded(stopped["segments"], SETTLE_S)
            except DemoError as error:
                problem = str(error)
            await scene.end_agent()
            await asyncio.to_thread(_exported, scene, out)
            return {**_account(out, stopped), "problem": problem, "complete": not problem and _whole(out, stopped)}


async def _record(scene: BadgeScene, seconds: int, faults: Faults, told: Callable[[int], None]) -> dict[str, Any]:
    """Press, wait, hold: the data of the event that ends the recording."""
    await scene.until(lambda: len(scene.camera.handed()) >= PRE_S * 30, "the camera delivers nothing")
    scene.camera.set(faults)
    await scene.press()
    await scene.recorded("started")
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds - PRE_S:  # what was before belongs to it
        told(int(passed))
        await asyncio.sleep(0.2)
    told(seconds)
    await scene.hold()
    data: dict[str, Any] = (await scene.recorded("stopped"))[0]["data"]
    return data


def _exported(scene: BadgeScene, out: pathlib.Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(scene.evidence, out, dirs_exist_ok=True)
    shutil.copyfile(scene.site.root, out / "root.pem")
    shutil.copyfile(scene.device.identity.chain, out / "chain.pem")
    _kept(out / "custodian.key.pem", scene.custodian)
    archive = scene.exporter()
    shutil.copyfile(archive.chain, out / "exporter.pem")
    _kept(out / "exporter.key.pem", archive.key)


def _kept(path: pathlib.Path, secret: pathlib.Path) -> None:
    path.touch(mode=0o600)
    path.write_bytes(secret.read_bytes())


def _manifests(out: pathlib.Path) -> list[Manifest]:
    read = (signed_manifest(path.read_bytes()) for path in sorted(out.glob("*/[0-9]*.cose")))
    return [one for one in read if one is not None]


def _account(out: pathlib.Path, stopped: dict[str, Any]) -> dict[str, Any]:
    contents = [one.contents for one in _manifests(out) if one.contents is not None]
    return {
        "recording": stopped["recording"],
        "out": str(out),
        "recorded_s": round(stopped["duration_ms"] / 1000, 1),
        "segments": stopped["segments"],
        "received": len(list(out.glob("*/*.receipt"))),
        "frames": sum(one.frames for one in contents),
        "missing_frames": sum(one.missing for one in contents),
        "bytes": sum(path.stat().st_size for path in out.glob("*/*.seg")),
        "root": str(out / "root.pem"),
        "custodian_key": str(out / "custodian.key.pem"),
    }


def _whole(out: pathlib.Path, stopped: dict[str, Any]) -> bool:
    """Whether all segments are there, each with its event and its receipt."""
    folder = out / stopped["recording"]
    names = [f"{n:06d}" for n in range(1, stopped["segments"] + 1)]
    suffixes = (".seg", ".cose", ".receipt")
    return bool(names) and all((folder / (name + suffix)).is_file() for name in names for suffix in suffixes)


def _table(found: dict[str, Any]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<16}{value}" for name, value in found.items() if value != "")
