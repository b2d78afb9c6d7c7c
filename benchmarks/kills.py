"""kill -9, a thousand times: real agents, a real broker, a real center; what was accepted must reach the consumers, and nothing twice.

Four devices at once (the machine's cores are the bound): two SOS buttons that are pressed, two of the benchmark's kind that make events
of each class by themselves. Half of the kills fall 50 to 600 ms after the start of the process, half up to 400 ms after the agent had its
connection. Afterwards everything drains, the accounts are closed (`benchmarks.accounts`), and the center judges each chain.
"""

import contextlib
import json
import os
import random
import subprocess
import threading
import time

from benchmarks.accounts import Life, Verdict, Verified, judge, life_of
from benchmarks.figures import Figure
from benchmarks.processes import BenchmarkError, Child
from benchmarks.scene import VERIFIED, Context, connected, run_agent, scene
from benchmarks.watcher import Message, Watcher
from simulators.gpio.hardware import Hardware
from simulators.site import BUTTON_PIN, Device, Site, dabyl

BUTTONS = ("sos-0001", "sos-0002")
MAKERS = ("burst-01", "burst-02")
EVERY_MS = 15
FIRST_S = (0.05, 0.6)
CONNECTED_S = (0.0, 0.4)
HOLD_MS = (60, 120)
GAP_S = (0.05, 1.5)
DRAIN_S = 120.0
RECEIPT_S = 20.0
LOOK_S = 0.05
QUIET_S = 3.0


class Victim:
    """One device whose agent is killed again and again, on a thread of its own."""

    def __init__(self, device: Device, board: Hardware, presses: bool, rng: random.Random) -> None:
        self.device = device
        self.lives: list[Life] = []
        self.error: BaseException | None = None
        self._board = board
        self._presses = presses
        self._rng = rng

    def live(self, stop: threading.Event) -> None:
        """One life."""
        rng = self._rng
        presses: list[tuple[int, int]] = []
        with run_agent(self.device, "--log", "trace") as child:
            if rng.random() < 0.5:
                end = child.started_ns / 1e9 + rng.uniform(*FIRST_S)
            else:
                with contextlib.suppress(BenchmarkError):
                    child.wait_for(connected, "connected", 5)
                end = time.monotonic() + rng.uniform(*CONNECTED_S)
                if self._presses and rng.random() < 0.3:
                    end += 1.5
            while (left := end - time.monotonic()) > 0 and not stop.is_set():
                if not self._presses:
                    time.sleep(left)  # the random moment of the kill is what is wanted
                    continue
                hold_ms = rng.randint(*HOLD_MS)
                down_ns = self._board.press(BUTTON_PIN, hold_ms)
                presses.append((down_ns, down_ns + hold_ms * 1_000_000))
                # How long it is held and how often people press is part of the scene.
                time.sleep(min(max(0.0, end - time.monotonic()), hold_ms / 1000 + rng.uniform(*GAP_S)))
            killed_ns = child.kill()
        self.lives.append(life_of(self.device.name, child.stages(), killed_ns, presses))
        self._board.wait_quiet()

    def run(self, kills: int, stop: threading.Event) -> None:
        """So many lives; an error ends all victims."""
        try:
            while len(self.lives) < kills and not stop.is_set():
                self.live(stop)
        except BaseException as error:  # noqa: BLE001  the thread that started this one raises it
            self.error = error
            stop.set()


def measure(context: Context) -> list[Figure]:
    """Kill, drain, judge."""
    kills = context.count(1000, 60)
    with scene(context, (*BUTTONS, *MAKERS), polite=False) as stage, contextlib.ExitStack() as running:
        devices = [stage.site.devices[name] for name in BUTTONS]
        devices += [stage.burst_device(name, {"every_ms": EVERY_MS}) for name in MAKERS]
        boards = [running.enter_context(stage.board(device)) for device in devices]
        watcher = running.enter_context(stage.watch(VERIFIED))
        victims = [
            Victim(device, board, device.name in BUTTONS, random.Random(seed))
            for seed, (device, board) in enumerate(zip(devices, boards, strict=True))
        ]
        for device in devices:
            calm_boot(device)
        began_s = time.monotonic()
        _kill(context, victims, kills)
        lasted_s = time.monotonic() - began_s
        lives = [life for victim in victims for life in victim.lives]
        context.say("draining")
        devices[len(BUTTONS) :] = [stage.burst_device(name, {}) for name in MAKERS]  # they make no more
        drained_s = _drain(devices, watcher, lives)
        verdict = judge(lives, verified(watcher.messages))
        found = checked(stage.site)
        assert stage.center is not None
        reconnections = sum(" disconnected: " in line for line in stage.center.lines)
    return _figures(verdict, lives, found, reconnections, {"killing_s": lasted_s, "draining_s": drained_s})


def calm_boot(device: Device) -> None:
    """A calm first boot, as an installer sees it: the center learns the key, and by its receipt the device the highest boot."""
    journal = device.folder / "state" / "journal"
    with run_agent(device) as child:
        child.wait_for(connected, "connected")
        deadline = time.monotonic() + RECEIPT_S
        while not any(b"boot_floor" in segment.read_bytes() for segment in journal.glob("*.seg")):
            if time.monotonic() > deadline:
                raise BenchmarkError(f"no receipt reached {device.name} within {RECEIPT_S:g} s")
            time.sleep(LOOK_S)  # another process's journal can only be looked at
        child.stop()


def _kill(context: Context, victims: list[Victim], kills: int) -> None:
    stop = threading.Event()
    shares = [kills // len(victims) + (index < kills % len(victims)) for index in range(len(victims))]
    threads = [
        threading.Thread(target=victim.run, args=(share, stop), name=f"kills {victim.device.name}")
        for victim, share in zip(victims, shares, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            context.say(f"{sum(len(victim.lives) for victim in victims)} of {kills} kills")
            for thread in threads:
                thread.join(2.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for victim in victims:
        if victim.error is not None:
            raise victim.error


def _drain(devices: list[Device], watcher: Watcher, lives: list[Life]) -> float:
    """Start every agent once more, wait until nothing accepted is missing and all is quiet, and say how long that took."""
    began = time.monotonic()
    with contextlib.ExitStack() as running:
        children: list[Child] = [running.enter_context(run_agent(device)) for device in devices]
        for child in children:
            child.wait_for(connected, "connected")
        before = -1
        while time.monotonic() - began < DRAIN_S:
            time.sleep(QUIET_S)  # quiet is that nothing comes for so long
            now = watcher.mark()
            if now == before and not judge(lives, verified(watcher.messages)).lost:
                break
            before = now
        for child in children:
            child.stop()
    return time.monotonic() - began


def verified(messages: list[Message]) -> list[Verified]:
    """The events among what the center handed on; presence has no number and is left out."""
    found = []
    for message in list(messages):
        told = json.loads(message.payload)
        if "dabylseq" in told:
            device = told["source"].removeprefix("urn:dabyl:device:")
            kind = told["type"].removeprefix("dabyl.")
            found.append(Verified(device, told["dabylboot"], told["dabylseq"], kind, told["id"], told["data"]))
    return found


def checked(site: Site) -> dict[str, object]:
    """What the center says of its database."""
    command = [*dabyl(), "center", "check", "--json", "--config", os.fspath(site.center_config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise BenchmarkError(f"the center's check failed: {done.stderr[-500:]}") from None
    assert isinstance(told, dict)
    return told


def _figures(
    verdict: Verdict, lives: list[Life], found: dict[str, object], reconnections: int, times: dict[str, float]
) -> list[Figure]:
    devices = found["devices"]
    incidents = found["incidents"]
    refused = found["refused"]
    assert isinstance(devices, list)
    assert isinstance(incidents, list)
    assert isinstance(refused, dict)
    connected_lives = sum(bool(life.published) for life in lives)
    return [
        Figure(
            "kills.events_lost",
            len(verdict.lost),
            at_most=0,
            details={
                "kills": len(lives),
                "kills_while_connected": connected_lives,
                "accepted": verdict.accepted,
                "kept": verdict.kept,
                "published_not_kept": verdict.published_only,
                "lost_published_not_kept": len(verdict.lost_published_only),
                "lost_names": " ".join(f"{device}:{boot}/{seq}" for device, boot, seq in verdict.lost[:5]) or "none",
                **times,
            },
        ),
        Figure("kills.duplicates", verdict.duplicates, at_most=0, details={"center_reconnections": reconnections}),
        Figure(
            "kills.presses_lost",
            len(verdict.unheard),
            at_most=0,
            details={
                "presses": verdict.presses_owed,
                "which": "; ".join(verdict.unheard[:5]) or "none",
            },
        ),
        Figure(
            "kills.chains_not_whole",
            sum(not one["whole"] for one in devices) + len(incidents),
            at_most=0,
            details={
                "devices": len(devices),
                "boots": sum(len(one["boots"]) for one in devices),
                "missing": sum(len(boot["missing"]) for one in devices for boot in one["boots"]),
                "declared": sum(len(boot["declared"]) for one in devices for boot in one["boots"]),
                "breaks": sum(len(boot["breaks"]) for one in devices for boot in one["boots"]),
                "unkept": sum(len(boot["unkept"]) for one in devices for boot in one["boots"]),
                "incidents": len(incidents),
                "refused": sum(refused.values()),
            },
        ),
    ]
