"""The agent as a process: exit codes, one sentence for each fault, and what a real broker sees of its life and its end."""

import os
import pathlib
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.journal.disk import DiskStore
from agent.keys.file import FileKey
from agent.keys.p256 import verifier
from agent.wire import cose, presence
from agent.wire.presence import Presence
from simulators.site import CENTER, HOST, Device, Site, dabyl

PATIENCE_S = 15


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site whose broker does not run."""
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def device(site: Site, request: pytest.FixtureRequest) -> Device:
    """A device of this test's own, on a board whose pins are gpiozero's mock."""
    name = "sos-" + re.sub("[^a-z0-9]+", "-", request.node.name.lower())[-40:].strip("-")
    return site.add_device(name)


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command with these arguments, which ends by itself; nobody ever sees a traceback."""
    done = subprocess.run(
        [*dabyl(), *arguments],
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def run_agent(device: Device, **environment: str) -> subprocess.CompletedProcess[str]:
    done = run("agent", "run", "--config", str(device.config), environment=environment)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--help"], 0, "Usage: dabyl COMMAND"),
        ([], 2, "Usage: dabyl COMMAND"),
        (["--version"], 0, "dabyl "),
        (["agnet"], 2, "no command 'agnet'"),
        (["agent"], 2, "Exit codes"),
        (["agent", "--help"], 0, "Exit codes"),
        (["agent", "run", "--help"], 0, "Exit codes"),
        (["agent", "walk"], 2, "no command 'walk'"),
        (["agent", "run", "--verbose"], 2, "no option '--verbose' for 'run'"),
        (["agent", "run", "--json"], 2, "no option '--json' for 'run'"),
        (["agent", "run", "--config"], 2, "--config needs a value"),
        (["agent", "run", "--log", "xml"], 2, "--log is one of text, json, trace, not 'xml'"),
        (["agent", "run", "--config", ""], 2, "cannot be read"),
        (["agent", "run", "--config", "/nowhere.toml"], 2, "/nowhere.toml: cannot be read"),
        (["agent", "check", "--config", "/nowhere.toml"], 2, "/nowhere.toml: cannot be read"),
    ],
)
def test_the_command_line(arguments: list[str], code: int, words: str, capsys: Any, monkeypatch: Any) -> None:
    from agent import command  # noqa: PLC0415  in this process, for speed

    monkeypatch.setattr("sys.argv", ["dabyl", *arguments])
    assert command.main() == code
    shown = capsys.readouterr()
    assert words in shown.out + shown.err
    if code and arguments[1:] and "check" not in arguments:
        assert shown.out == ""
        assert len(shown.err.splitlines()) == 1


def test_the_configuration_is_found_by_the_environment(capsys: Any, monkeypatch: Any) -> None:
    from agent import cli  # noqa: PLC0415  as above

    monkeypatch.setenv("DABYL_CONFIG", "/from/environment.toml")
    assert cli.main(["run"]) == 2
    assert "/from/environment.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("keepalive_s", "keepalife_s", 2, "did you mean 'keepalive_s'"),
        ("button_pin", "buton_pin", 2, "buton_pin"),
        ('kind = "sos-button"', 'kind = "sos-buton"', 2, "no device kind 'sos-buton'"),
        ("identity/key.pem", "identity/none.pem", 3, "none.pem"),
        ("identity/key.pem", "../center/key.pem", 3, "does not belong"),
        ("identity/chain.pem", "identity/key.pem", 3, "key.pem"),
        ("center.pub.pem", "root.pem", 3, "root.pem"),
        ("button_pin = 17", "button_pin = 18", 2, "pin"),
    ],
)
def test_what_a_person_got_wrong_is_one_sentence_and_an_exit_code(
    device: Device, old: str, new: str, code: int, words: str
) -> None:
    text = device.config.read_text(encoding="utf-8")
    assert old in text
    device.config.write_text(text.replace(old, new), encoding="utf-8")
    done = run_agent(device)
    assert done.returncode == code
    assert words in done.stderr


def test_a_key_open_to_others_is_not_used(device: Device) -> None:
    device.identity.key.chmod(0o644)
    done = run_agent(device)
    assert done.returncode == 3
    assert "key.pem" in done.stderr


def test_without_gpio_the_hardware_is_named(device: Device) -> None:
    done = run_agent(device, GPIOZERO_PIN_FACTORY="nothing-of-this-name")
    assert done.returncode == 5
    assert "hardware" in done.stderr


def test_a_second_agent_on_the_same_journal_is_turned_away(device: Device) -> None:
    store = DiskStore(str(device.folder / "state" / "journal"))
    try:
        done = run_agent(device)
    finally:
        store.close()
    assert done.returncode == 4
    assert "stop the other agent first" in done.stderr


@pytest.mark.parametrize("megabytes", [1])
def test_the_smallest_journal_works(device: Device, megabytes: int, start: Any) -> None:
    with device.config.open("a", encoding="utf-8") as file:
        file.write(f"\n[journal]\nmax_mb = {megabytes}\n")
    process = start(device)
    process.until("no connection")
    assert process.end() == 0


def test_check_says_all_that_is_wrong_and_nothing_of_what_is_right(device: Device, capsys: Any) -> None:
    from agent import cli  # noqa: PLC0415  as above

    assert cli.main(["check", "--config", str(device.config)]) == 0
    assert "nothing wrong" in capsys.readouterr().out
    (device.folder / "state").chmod(0o755)
    text = device.config.read_text(encoding="utf-8")
    device.config.write_text(
        text.replace("lamp_pin", "lamp_pim").replace("center.pub.pem", "none.pem"), encoding="utf-8"
    )
    assert cli.main(["check", "--config", str(device.config)]) == 1
    said = capsys.readouterr().out
    assert all(word in said for word in ("lamp_pim", "none.pem", "chmod 700"))
    assert len(said.splitlines()) == 3


class Process:
    """A running agent; keeps the lines it says."""

    def __init__(self, device: Device, *options: str) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            device.agent(*options),
            env={**device.environment, "GPIOZERO_PIN_FACTORY": "mock"},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()

    def until(self, words: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: any(words in line for line in self.lines), PATIENCE_S), self.lines

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE_S)
        self._reader.join()
        assert not any("Traceback" in line for line in self.lines), self.lines
        return code

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def begin(device: Device, *options: str) -> Process:
        running.append(Process(device, *options))
        return running[-1]

    yield begin
    for process in running:
        process.close()


class Watcher:
    """A center's connection that keeps every verified presence of one device, in order."""

    def __init__(self, site: Site, device: Device) -> None:
        self.seen: list[Presence] = []
        self._news = threading.Condition()
        self._ready = threading.Event()
        key = FileKey.load(str(device.identity.key))
        self._check = verifier(key.public_der)
        self._kid = key.kid
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=CENTER)
        files = site.center_identity
        self._mqtt.tls_set(str(site.root), str(files.chain), str(files.key))
        self._topic = f"dabyl/v1/{device.name}/presence"
        self._mqtt.on_connect = self._connected
        self._mqtt.on_subscribe = lambda *_args: self._ready.set()
        self._mqtt.on_message = self._message
        self._mqtt.connect(HOST, site.broker.port)
        self._mqtt.loop_start()
        assert self._ready.wait(PATIENCE_S)

    def _connected(self, *_args: Any) -> None:
        self._mqtt.subscribe(self._topic, 1)

    def _message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        parts = cose.verify(
            bytes(message.payload), presence.CONTEXT, lambda kid: self._check if kid == self._kid else None
        )
        with self._news:
            self.seen.append(presence.decode(parts.payload))
            self._news.notify_all()

    def until(self, condition: Callable[[list[Presence]], bool]) -> None:
        with self._news:
            assert self._news.wait_for(lambda: condition(self.seen), PATIENCE_S), [p.online for p in self.seen]

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


@pytest.fixture(scope="module", params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"])
def running_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose broker runs."""
    made = Site(pathlib.Path(tmp_path_factory.mktemp(request.param)), ("sos-0001", "sos-0002"), prefer=request.param)
    with made.broker:
        yield made


def online(seen: list[Presence]) -> bool:
    return bool(seen) and seen[-1].online


def test_a_polite_end_says_so_once_and_the_broker_publishes_no_will(running_site: Site, start: Any) -> None:
    device = running_site.devices["sos-0001"]
    watcher = Watcher(running_site, device)
    process = start(device)
    watcher.until(online)
    assert process.end() == 0
    watcher.until(lambda seen: not seen[-1].online)
    goodbye = watcher.seen[-1]
    second = start(device)  # whatever the broker had to say about the first end, it says before the second's presence
    watcher.until(online)
    assert second.end(signal.SIGINT) == 0
    watcher.until(lambda seen: not seen[-1].online)
    offline = [said for said in watcher.seen if not said.online and said.boot == goodbye.boot]
    assert len(offline) == 1
    assert offline[0].session == watcher.seen[0].session
    assert offline[0].up > watcher.seen[0].up, "said at the end, not beforehand"
    watcher.close()


def test_a_killed_agent_is_told_of_by_its_signed_will(running_site: Site, start: Any) -> None:
    device = running_site.devices["sos-0002"]
    watcher = Watcher(running_site, device)
    process = start(device)
    watcher.until(online)
    process.end(signal.SIGKILL)
    watcher.until(lambda seen: not seen[-1].online)
    alive, will = watcher.seen[-2:]
    assert (will.boot, will.session) == (alive.boot, alive.session)
    assert will.up <= alive.up, "signed beforehand"
    watcher.close()


def test_a_broker_that_comes_back_is_found_again(
    site: Site, device: Device, start: Any, tmp_path: pathlib.Path
) -> None:
    text = device.config.read_text(encoding="utf-8")
    device.config.write_text(text.replace("[link]", "[link]\nretry_min_ms = 50\nretry_max_ms = 1000"), encoding="utf-8")
    process = start(device)
    process.until("no connection")
    with site.broker:
        process.until("dabyl: connected")
    process.until("connection lost")
    assert process.end() == 0
