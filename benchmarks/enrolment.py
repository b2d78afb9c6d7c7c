"""How long one board takes from its cable to its verified first press, and what is left of a batch that was killed again and again.

Unattended: the simulated workshop's hands plug in and press at once. The board is a process, and its port a pseudo-terminal without the
speed of a serial line: at 115,200 baud the 69 KB of firmware alone would take a real board 8 s (an estimate: base64, 11.5 KB/s).

The batch is ``dabyl provision batch --simulated`` itself, killed (SIGKILL) eight times at random moments, and then left to finish. What
came of it is read from the authority's register, the inventory, and every board.
"""

import json
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, median
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from provisioning.bench import opened
from provisioning.cable.enrolment import enrol
from provisioning.cable.prompt import Prompt
from provisioning.hands import SimulatedHands
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import VERIFIED, Device, Place
from simulators.board.firmware import compiled
from simulators.site import dabyl
from simulators.workshop.account import account

KIND = "sos-button"
MOST_S = 15.0
BOARDS = 5
DEVICES = 40
KILLS = 8
SEED = 40
DEVICE_S = 3.0
"""About what one device takes: a kill comes so long after another one is finished, at most."""
RUN_S = 900.0


class Silent:
    """Nobody watches."""

    def step(self, name: str, **facts: object) -> None:
        """Nothing."""

    def part(self, done: int, total: int) -> None:
        """Nothing."""


def measure(context: Context) -> list[Figure]:
    """Both."""
    with tempfile.TemporaryDirectory(prefix="enrol-", dir=context.directory) as name:
        folder = Path(name)
        bundle = compiled(folder / "firmware", [KIND])
        return [*_cable(context, folder / "cable", bundle), *_batch(context, folder / "batch", bundle)]


def _cable(context: Context, folder: Path, bundle: Path) -> list[Figure]:
    """One board after another, each blank."""
    devices = [
        Device(f"sos-{number}", KIND, place=Place(room="1")) for number in range(1, context.count(BOARDS, 1) + 1)
    ]
    took = []
    with (
        SimulatedHands(folder, [device.name for device in devices]) as hands,
        opened(hands.installation, None, bundle=bundle) as (bench, firmware),
    ):
        bench.inventory.plan(devices, bench.now_ms())
        firmware(KIND)
        for device in devices:
            context.say(f"enrolling {device.name}")
            began = time.monotonic()
            with Prompt(hands.plug(device)) as prompt:
                enrol(bench, firmware(KIND), device.name, prompt, Silent(), lambda device=device: hands.press(device))  # type: ignore[misc]
            took.append(time.monotonic() - began)
    return [
        Figure(
            "enrolment.cable_to_press", median(took), "s", at_most=MOST_S, details={"worst": max(took), "n": len(took)}
        )
    ]


def _batch(context: Context, folder: Path, bundle: Path) -> list[Figure]:
    """The batch, and the account of what it left."""
    count, kills = context.count(DEVICES, 4), context.count(KILLS, 2)
    devices = [Device(f"sos-{number:03}", KIND) for number in range(1, count + 1)]
    table = folder.with_suffix(".csv")
    rows = [f"{device.name};{KIND};Школа № 5;{number}" for number, device in enumerate(devices, 1)]
    table.write_text("\n".join(["name;kind;building;room", *rows]), encoding="utf-8-sig")
    command = [*dabyl(), "provision", "batch", str(table), "--simulated", "--json", "--folder", str(folder)]
    command += ["--bundle", str(bundle)]
    seeded = random.Random(SEED)
    resumed = 0
    for number in range(kills):
        context.say(f"run {number + 1}, to be killed")
        _killed(command, folder, seeded, seeded.randrange(1, max(2, count // kills)))
        resumed += _begun(folder)
    context.say("the last run")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_S)
    if done.returncode not in (0, 1):
        raise BenchmarkError(f"the batch ended with {done.returncode}: {done.stderr[-500:]}")
    report = json.loads(done.stdout)
    with SimulatedHands(folder, [device.name for device in devices]) as hands:
        found = account(folder, devices, hands.plug)
    details = {"devices": count, "kills": kills, "killed_within_a_device": resumed, "failed": report["failed"]}
    return [
        Figure("enrolment.registered", found["registered"] / count, at_least=1.0, details=details),
        Figure("enrolment.double_identities", found["double_identities"], at_most=0),
        Figure("enrolment.orphan_keys", found["orphan_keys"], at_most=0),
    ]


def _killed(command: list[str], folder: Path, seeded: random.Random, devices: int) -> None:
    """Run the batch until so many more devices are finished, and a random while longer."""
    before = _finished(folder)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + RUN_S
    while process.poll() is None and _finished(folder) < before + devices:
        if time.monotonic() > until:
            process.kill()
            raise BenchmarkError("the batch makes no progress")
        time.sleep(0.1)  # another process's inventory can only be looked at
    time.sleep(seeded.random() * DEVICE_S)  # the random moment of the kill is what is wanted
    process.send_signal(signal.SIGKILL)
    process.wait()


def _finished(folder: Path) -> int:
    try:
        with Inventory(folder / "inventory.db", create=False) as inventory:
            return sum(device.has_reached(VERIFIED) for device in inventory.devices())
    except Exception:  # noqa: BLE001  it is only being made
        return 0


def _begun(folder: Path) -> int:
    with Inventory(folder / "inventory.db", create=False) as inventory:
        return sum(bool(device.serial) and not device.has_reached(VERIFIED) for device in inventory.devices())
