"""A running site for a module of tests: real broker, real center, a consumer, and devices that tests take one by one.

The devices' names are known to the broker from the start; each test takes fresh ones, so no test meets another's alarms. The agent and
the center are the product's own processes, unmodified.
"""

import contextlib
import dataclasses
import json
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.keys.file import FileKey
from agent.wire import command, cose, event, topics
from agent.wire.command import Command
from agent.wire.event import Event
from provisioning.authority.authority import Authority
from provisioning.authority.identity import IdentityFiles, make_identity
from simulators.account import presses_verified
from simulators.consumer import Consumer
from simulators.gpio.hardware import MAINS, TAMPER, Hardware
from simulators.site import BUTTON_PIN, CENTER, LAMP_PIN, SUPPLY_PIN, TAMPER_PIN, Device, Site, dabyl
from tests.integration.mqtt import RAW, Voice
from tests.integration.processes import PATIENCE_S, Process, run, until

LISTENER = "center-ear"
FIRST_DEVICE = "sos-0001"
QUICK: Mapping[str, int] = {
    "keepalive_s": 5,
    "connect_timeout_s": 5,
    "retry_min_ms": 100,
    "retry_max_ms": 1000,
    "alarm_retry_ms": 500,
    "event_retry_ms": 1000,
}
"""Quick to come back, so that tests are; everything else as in the field."""

APART_MS = 220
"""From the beginning of a press of 120 ms to the next one: time enough for a finger, and for its bounce to end."""


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class Button:
    """One simulated SOS button: its board, and the agent's processes that ran on it, one after the other."""

    def __init__(self, ground: "Ground", device: Device, seed: int) -> None:
        self.ground = ground
        self.device = device
        self.name = device.name
        self.board = Hardware(device.board, contacts={TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS}, seed=seed)
        self.runs: list[Process] = []
        self.presses = 0
        self._free_ns = 0

    @property
    def agent(self) -> Process:
        """The agent that was started last."""
        return self.runs[-1]

    def start(
        self, *, linked: bool = True, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start the agent; returns once it has looked at its button, and so feels a finger, and is connected if ``linked``.

        Args:
            linked: wait for the connection.
            before: what the command line begins with, a wrapper for instance.
            environment: more of it.
        """
        command_line = [*before, *self.device.agent("--log", "trace")]
        found = Process(f"agent {self.name}", command_line, {**self.device.environment, **(environment or {})})
        self.runs.append(found)
        found.wait_said(stage="input", name="button")
        if linked:
            found.wait_said(stage="link", up=True)
        return found

    def kill(self) -> None:
        """SIGKILL."""
        self.agent.end(signal.SIGKILL)

    def press(self) -> int:
        """A finger presses for 120 ms, with bounce, as soon as an earlier press is over; the instant (monotonic ns)."""
        self.presses += 1
        start_ns = max(time.monotonic_ns(), self._free_ns)
        self._free_ns = start_ns + APART_MS * 1_000_000
        return self.board.press(BUTTON_PIN, after_ms=(start_ns - time.monotonic_ns()) / 1e6)

    def press_often(self, times: int, *, every_ms: float = 250) -> None:
        """So many presses, on the board's own timeline; returns at once."""
        for _ in range(times):
            self.press()
            self._free_ns += round(max(0.0, every_ms - APART_MS) * 1e6)

    def steady_s(self) -> float:
        """For how many seconds the lamp has been fully lit without a break, as read back from the board; 0 if it is not."""
        output = self.board.output(LAMP_PIN)
        return (time.monotonic_ns() - output.since_ns) / 1e9 if output is not None and output.duty == 1 else 0.0

    def press_and_wait(self) -> tuple[int, int]:
        """Press, and wait until the agent has made an event of it; its boot and seq."""
        before = len(self.sealed("alarm."))
        self.press()
        until(lambda: len(self.sealed("alarm.")) > before, "the press becomes an event", self.agent)
        return self.sealed("alarm.")[-1]

    def sealed(self, kind: str = "") -> list[tuple[int, int]]:
        """(boot, seq) of the events made by all runs, whose type begins so."""
        return [
            (line["boot"], line["seq"])
            for one in self.runs
            for line in one.said(stage="sealed")
            if line["type"].startswith(kind)
        ]

    def kept(self) -> set[tuple[int, int]]:
        """The events that some run has said to be kept."""
        found = set()
        for one in self.runs:
            high = max((line["position"] for line in one.said(stage="kept")), default=0)
            found |= {(line["boot"], line["seq"]) for line in one.said(stage="written") if line["position"] <= high}
        return found

    def lamps(self) -> list[str]:
        """The lamp's patterns, in the order in which the last run has set them."""
        return [line["pattern"] for line in self.agent.said(stage="output", name="lamp")]

    def lamp(self) -> str:
        """The lamp's pattern now."""
        return self.lamps()[-1]

    def wait_lamp(self, pattern: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the lamp's pattern is this one."""
        until(
            lambda: self.lamp() == pattern,
            f"the lamp of {self.name} shows '{pattern}'",
            self.agent,
            self.ground.center_process,
            timeout_s=timeout_s,
        )

    def duties(self, since_ns: int) -> list[tuple[int, float]]:
        """(instant, duty) of the lamp's changes since then, as read back from the board."""
        return [
            (output.since_ns, round(output.duty, 2))
            for output in self.board.history(LAMP_PIN)
            if output.since_ns >= since_ns
        ]

    def events(self, type_: str = "") -> list[dict[str, Any]]:
        """The verified events of this device at the consumer, repetitions included; ``type_`` is how the type begins."""
        return [
            one
            for one in self.ground.consumed()
            if one["source"] == f"urn:dabyl:device:{self.name}" and one["type"].startswith(f"dabyl.{type_}")
        ]

    def verified(self) -> Counter[tuple[int, int]]:
        """How often each (boot, seq) came to the consumer."""
        return Counter((one["dabylboot"], one["dabylseq"]) for one in self.events() if "dabylseq" in one)

    def wait_verified(self, names: set[tuple[int, int]], timeout_s: float = PATIENCE_S) -> None:
        """Wait until all these events came to the consumer."""
        until(
            lambda: names <= set(self.verified()),
            f"{len(names)} events of {self.name} are verified",
            self.agent,
            self.ground.center_process,
            timeout_s=timeout_s,
        )

    def wait_event(self, type_: str, count: int = 1, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until so many verified events of a type came; the last of them."""
        until(
            lambda: len(self.events(type_)) >= count,
            f"{count} verified {type_} of {self.name}",
            self.agent,
            self.ground.center_process,
            timeout_s=timeout_s,
        )
        return self.events(type_)[-1]

    def wait_presses_verified(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the verified alarms account for every press made."""
        until(
            lambda: presses_verified(self.events()) >= self.presses,
            f"{self.presses} presses of {self.name} are verified",
            self.agent,
            self.ground.center_process,
            timeout_s=timeout_s,
        )
        assert presses_verified(self.events()) == self.presses

    def presses_stored(self) -> int:
        """How many presses the alarms in the center's database account for."""
        return presses_verified(
            [
                {"type": f"dabyl.{one.type}", "dabylboot": one.boot, "dabylseq": one.seq, "data": one.data}
                for one in self.ground.stored(self.name)
            ]
        )

    def wait_settled(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until every alarm that was made has its receipt."""
        until(
            lambda: set(self.sealed("alarm.raised")) <= self.receipted(),
            "every alarm is receipted",
            self.agent,
            self.ground.center_process,
            timeout_s=timeout_s,
        )

    def receipted(self) -> set[tuple[int, int]]:
        """The alarms whose receipt came to some run."""
        return {(line["boot"], line["seq"]) for one in self.runs for line in one.said(stage="receipt")}

    def close(self) -> None:
        """End everything."""
        for one in self.runs:
            one.destroy()
        self.board.close()


class Ground:
    """A site with everything running but devices' agents.

    Args:
        directory: new or empty; short, for the sockets in it.
        engine: the broker's.
        devices: how many devices tests may take.
    """

    def __init__(self, directory: Path, engine: str, devices: int = 24) -> None:
        self.site = Site(directory, (FIRST_DEVICE,), prefer=engine)
        self.engine = engine
        broker = self.site.broker
        names = frozenset(f"sos-{number:04}" for number in range(1, devices + 1))
        broker.reload(
            dataclasses.replace(
                broker.identities, devices=names, centers=broker.identities.centers | {LISTENER, "center-two"}
            )
        )
        self._free = sorted(names, reverse=True)
        self._buttons: list[Button] = []
        self._voices: list[Voice] = []
        self.centers: list[Process] = []
        self._consumed: list[dict[str, Any]] = []
        broker.start()
        try:
            self.start_center()
            listener = self.identity("center", LISTENER)
            self.ear = self.join(listener, LISTENER, RAW)
            self.consumer = self.consume()
        except BaseException:
            self.close()
            raise

    @property
    def center_process(self) -> Process:
        """The center that was started last."""
        return self.centers[-1]

    def consume(self) -> Consumer:
        """The consumer of verified events, for as long as the site is there."""
        return self.site.consumer().__enter__()

    def consumed(self) -> list[dict[str, Any]]:
        """All CloudEvents that came to the consumer, repetitions included."""
        fresh = self.consumer.deliveries[len(self._consumed) :]
        self._consumed += [delivery.event for delivery in fresh]
        return self._consumed

    def start_center(self) -> Process:
        """Start the center; returns once it is connected."""
        found = Process("center", self.site.center("--log", "json"))
        self.centers.append(found)
        found.wait_said(what="connected")
        return found

    def button(
        self,
        *,
        kind: str = "sos-button",
        ports: Sequence[int] = (),
        settings: Mapping[str, object] | None = None,
        link: Mapping[str, int] | None = None,
        heartbeat_s: int = 60,
        more: str = "",
    ) -> Button:
        """A device that no other test has, its agent not started.

        Args:
            kind: as for the site.
            ports: as for the site.
            settings: as for the site.
            link: as for the site.
            heartbeat_s: seconds between two ``health.report``.
            more: tables at the end of the configuration.
        """
        name = self._free.pop()
        device = self.site.add_device(name, kind=kind, ports=ports, settings=settings, link={**QUICK, **(link or {})})
        told = device.config.read_text(encoding="utf-8")
        told = told.replace('state = "state"', f'state = "state"\nheartbeat_s = {heartbeat_s}')
        device.config.write_text(f"{told}\n{more}", encoding="utf-8")
        made = Button(self, device, seed=len(self._buttons))
        self._buttons.append(made)
        return made

    def identity(self, role: str, name: str) -> IdentityFiles:
        """An identity of the site's own authority."""
        return make_identity(self.site.directory / f"{role}-{name}", self.site.authority, role, name, now_ms())

    def broker_identity(self, name: str, *, foreign: bool = False) -> IdentityFiles:
        """A broker's identity for 127.0.0.1; ``foreign``: of an authority that nobody here trusts."""
        folder = self.site.directory / name
        authority = Authority.create(folder / "authority", name, now_ms()) if foreign else self.site.authority
        return make_identity(folder / "identity", authority, "broker", name, now_ms(), hosts=("127.0.0.1",))

    def join(self, identity: IdentityFiles, name: str, topics_: tuple[str, ...] = ()) -> Voice:
        """A plain MQTT client with this identity, closed with the site."""
        voice = Voice(self.site.broker.port, identity, name, topics_)
        self._voices.append(voice)
        return voice

    def leave(self) -> None:
        """A test is over: end its devices and clients."""
        while self._buttons:
            self._buttons.pop().close()
        while self._voices and self._voices[-1] is not self.ear:
            self._voices.pop().close()

    def order(self, device: str, boot: int, seq: int, state: str) -> None:
        """An operator moves an alarm on, with the product's own command."""
        options = ["--state", state, "--by", "tester", "--wait", "20"]
        done = run(
            [
                *dabyl(),
                "center",
                "acknowledge",
                device,
                str(boot),
                str(seq),
                *options,
                "--config",
                str(self.site.center_config),
            ]
        )
        assert done.returncode == 0, done.stderr

    def ask(self, *arguments: str) -> Any:
        """The answer in JSON of ``dabyl center …``."""
        done = run([*dabyl(), "center", *arguments, "--json", "--config", str(self.site.center_config)])
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def stored(self, device: str) -> list[Event]:
        """All events of a device in the center's database, in no order, repetitions included if there were any."""
        with contextlib.closing(sqlite3.connect(f"file:{self.site.database}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT payload FROM events WHERE device = ?", (device,)).fetchall()
        return [event.decode(payload) for (payload,) in rows]

    def verdict(self, device: str) -> dict[str, Any]:
        """What ``dabyl center check`` says of a device's chain."""
        (found,) = [one for one in self.ask("check")["devices"] if one["device"] == device]
        assert isinstance(found, dict)
        return found

    def incidents(self, device: str) -> list[dict[str, Any]]:
        """The incidents of a device."""
        return [one for one in self.ask("check")["incidents"] if one["device"] == device]

    def command(
        self,
        device: str,
        n: int,
        name: str,
        args: dict[str, object] | None = None,
        *,
        expires_s: int = 60,
        at_ms: int | None = None,
        key: Path | None = None,
        context: bytes = command.CONTEXT,
    ) -> bytes:
        """A signed command."""
        signer = FileKey.load(str(key or self.site.center_identity.key))
        told = Command(device, CENTER, n, now_ms() if at_ms is None else at_ms, expires_s, name, args or {})
        return cose.sign(told.encode(), context, signer)

    def send_command(self, device: str, message: bytes) -> None:
        """Put a message on a device's command topic."""
        self.ear.send(topics.topic(device, topics.COMMAND), message)

    def close(self) -> None:
        """End everything."""
        for button in self._buttons:
            button.close()
        for voice in self._voices:
            voice.close()
        if hasattr(self, "consumer"):
            self.consumer.close()
        for center in self.centers:
            center.destroy()
        self.site.broker.stop()
