"""The scene of a benchmark: a real site with broker, center and subscriber, its agents and their peers on simulated boards.

Everything that runs is the product's own command line in processes of their own. The center and the subscriber are given a low priority
where a benchmark asks for it, because in the field they run on another machine.
"""

import compileall
import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.processes import Child, lower_priority
from benchmarks.watcher import Watcher
from provisioning.authority.identity import IdentityFiles, make_identity
from simulators.gpio.hardware import MAINS, TAMPER, Hardware
from simulators.gpio.physics import CLEAN
from simulators.site import BUTTON_PIN, CENTER, CONSUMER, HOST, SUPPLY_PIN, TAMPER_PIN, Device, Site

BURST = "benchmarks.burst_kind"
ROOT = pathlib.Path(__file__).parents[1]
PEER = ROOT / "benchmarks" / "peers" / "paho_script.py"
WATCHER = "watcher-1"
ALL_DEVICES = ("dabyl/v1/+/alarm", "dabyl/v1/+/event")
VERIFIED = ("dabyl/verified/v1/#",)


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What a run is told.

    Args:
        directory: for sites and journals; on the disk that is to be measured.
        quick: smaller counts.
        say: progress for the person who waits.
    """

    directory: pathlib.Path
    quick: bool
    say: Callable[[str], None]

    def count(self, full: int, quick: int) -> int:
        """``quick`` in a quick run, else ``full``."""
        return quick if self.quick else full


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """A site at work. ``center`` is None where a benchmark does without."""

    site: Site
    watcher_identity: IdentityFiles
    center: Child | None

    def watch(self, filters: Sequence[str] = ALL_DEVICES) -> Watcher:
        """A subscriber: to the devices' own topics as a center may, to the verified ones as a consumer."""
        if tuple(filters) == VERIFIED:
            return Watcher(HOST, self.site.broker.port, self.site.consumer_identity, CONSUMER, filters)
        return Watcher(HOST, self.site.broker.port, self.watcher_identity, WATCHER, filters)

    def burst_device(self, name: str, settings: Mapping[str, object], link: Mapping[str, int] | None = None) -> Device:
        """The site's device ``name`` as one of the kind that makes events on demand."""
        device = self.site.add_device(name, kind=BURST, settings={"button_pin": BUTTON_PIN, **settings}, link=link)
        self.site.devices[name] = device
        return device

    def board(self, device: Device) -> Hardware:
        """Its board, with enclosure shut and mains there."""
        return Hardware(device.board, contacts={TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS})

    def peer(self, device: Device, mode: str, *arguments: object, alarms: bool = True) -> Child:
        """The plain paho script under the device's identity; returns at once. It publishes alarms, or other events where the agent does."""
        files = (device.identity.root, device.identity.chain, device.identity.key)
        topic = alarm_topic(device) if alarms else event_topic(device)
        where = [HOST, str(self.site.broker.port), *map(os.fspath, files), device.name, topic]
        command = [sys.executable, os.fspath(PEER), *where, mode, *map(str, arguments)]
        return Child(command, device.environment, f"paho script {mode}")


def compile_all() -> None:
    """Compile the tree's modules beforehand, as an installation does: else each start would compile ours, and only ours, again."""
    for folder in ("agent", "devices", "center", "simulators", "benchmarks"):
        compileall.compile_dir(ROOT / folder, quiet=2, workers=1)


def alarm_topic(device: Device) -> str:
    """Where its alarms go."""
    return f"dabyl/v1/{device.name}/alarm"


def event_topic(device: Device) -> str:
    """Where its other events go."""
    return f"dabyl/v1/{device.name}/event"


@contextlib.contextmanager
def scene(
    context: Context, devices: Sequence[str], *, center: bool = True, polite: bool = True, lane: bool = True
) -> Iterator[Scene]:
    """A new site in a folder that is removed afterwards.

    Args:
        context: of the run.
        devices: their names.
        center: whether one runs.
        polite: whether it has a low priority.
        lane: whether it has a second session, for alarms.
    """
    compile_all()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="b", dir=context.directory))
    try:
        site = Site(folder / "s", devices)
        if not lane:
            take_lane(site)
        identity = make_identity(folder / "watcher", site.authority, "center", WATCHER, time.time_ns() // 1_000_000)
        known = site.broker.identities
        site.broker.reload(dataclasses.replace(known, centers=known.centers | {WATCHER}))
        with site.broker, contextlib.ExitStack() as running:
            serving = running.enter_context(run_center(site, polite)) if center else None
            yield Scene(site, identity, serving)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def take_lane(site: Site) -> None:
    """From its next start on the site's center has one session, for everything."""
    text = site.center_config.read_text()
    site.center_config.write_text(text[: text.index("[alarms]")] + text[text.index("[tap]") :])


def run_center(site: Site, polite: bool) -> Child:
    """The site's center, connected."""
    child = Child(site.center(), name=f"center {CENTER}")
    try:
        child.wait_for(lambda line: " connected: " in line, "connected")
        if polite:
            lower_priority(child.pid)
    except BaseException:
        child.kill()
        raise
    return child


def run_agent(device: Device, *options: str, slow_disk_ms: int | None = None) -> Child:
    """The device's agent, started; its board must be there."""
    command = device.agent(*options)
    if slow_disk_ms is not None:
        command = [sys.executable, "-m", "simulators.slow_disk", "--ms", str(slow_disk_ms), "--", *command]
    return Child(command, device.environment, f"agent {device.name}")


def connected(line: str) -> bool:
    """Whether an agent or the peer says, in any of its formats, that it is connected."""
    return line.startswith(("connected", "dabyl: connected")) or '"message": "connected"' in line


def clean_press(board: Hardware, hold_ms: float = 10) -> int:
    """A press without bounce, so that a first-edge contestant sees one. Returns its instant, ns of CLOCK_MONOTONIC."""
    return board.press(BUTTON_PIN, hold_ms, bounce=CLEAN)
