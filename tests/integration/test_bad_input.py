"""Everything a person can get wrong: one sentence that names the thing and the remedy, the documented exit code, never a traceback."""

import contextlib
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.authority.identity import make_identity
from simulators.site import Site, dabyl
from tests.integration.ground import Ground, now_ms
from tests.integration.processes import Process, run

SITE_DEVICE = "sos-0001"
DEVICE_KEY = f'"{SITE_DEVICE}/identity/key.pem"'
Damage = Callable[[Site], object]


@pytest.fixture(scope="module")
def plain_site(short_path: Path) -> Site:
    return Site(short_path / "plain", (SITE_DEVICE,))


@pytest.fixture
def site(plain_site: Site) -> Site:
    """A site whose configurations are as they should be."""
    plain_site.add_device(SITE_DEVICE)
    return plain_site


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def agent_config(site: Site) -> Path:
    return site.devices[SITE_DEVICE].config


def agent(site: Site, verb: str) -> "subprocess.CompletedProcess[str]":
    device = site.devices[SITE_DEVICE]
    return run([*dabyl(), "agent", verb, "--config", str(device.config)], device.environment)


def foreign_certificate(site: Site) -> None:
    other = make_identity(site.directory / "other", site.authority, "device", "sos-0002", now_ms())
    edit(agent_config(site), '"identity/chain.pem"', f'"{other.chain}"')


def expired_certificate(site: Site) -> None:
    long_ago_ms = now_ms() - 10 * 86_400_000
    authority = type(site.authority).create(site.directory / "old", "Old", long_ago_ms)
    old = make_identity(site.directory / "expired", authority, "device", SITE_DEVICE, long_ago_ms, days=5)
    edit(agent_config(site), '"identity/key.pem"', f'"{old.key}"')
    edit(agent_config(site), '"identity/chain.pem"', f'"{old.chain}"')
    edit(agent_config(site), '"identity/root.pem"', f'"{old.root}"')


AGENT_RUN: list[tuple[str, Damage, int, str]] = [
    ("no TOML", lambda site: agent_config(site).write_text("]", encoding="ascii"), 2, "agent.toml: not TOML"),
    ("unknown key", lambda site: edit(agent_config(site), "keepalive_s", "keepalive"), 2, "did you mean 'keepalive_s'"),
    ("unknown table", lambda site: edit(agent_config(site), "[settings]", "[setting]"), 2, "did you mean 'settings'"),
    ("missing table", lambda site: edit(agent_config(site), "[[broker]]", "[[brokers]]"), 2, "name 1 to 8 brokers"),
    ("out of range", lambda site: edit(agent_config(site), "keepalive_s = 20", "keepalive_s = 0"), 2, "5 to 3600"),
    ("no such kind", lambda site: edit(agent_config(site), '"sos-button"', '"sos-buton"'), 2, "sos-buton"),
    ("wrong setting", lambda site: edit(agent_config(site), "lamp_pin = 18", "lamp_pin = 17"), 2, "GPIO17"),
    ("no key", lambda site: edit(agent_config(site), '"identity/key.pem"', '"nowhere.pem"'), 3, "nowhere.pem"),
    ("foreign certificate", foreign_certificate, 3, "chain.pem"),
    ("no center key", lambda site: edit(agent_config(site), "center.pub.pem", "nobody.pem"), 3, "nobody.pem"),
]


def assert_one_sentence(told: str, wanted: str) -> None:
    assert wanted in told
    assert "Traceback" not in told
    assert len(told.strip().splitlines()) == 1, told
    assert len(told) < 600


@pytest.mark.parametrize(
    ("damage", "code", "wanted"), [row[1:] for row in AGENT_RUN], ids=[row[0] for row in AGENT_RUN]
)
def test_the_agent_refuses_to_start_with_one_sentence(site: Site, damage: Damage, code: int, wanted: str) -> None:
    damage(site)
    done = agent(site, "run")
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert_one_sentence(done.stderr, wanted)


def test_the_agent_without_hardware_says_so(site: Site) -> None:
    done = agent(site, "run")  # no board listens on its socket
    assert done.returncode == 5, done.stderr
    assert_one_sentence(done.stderr, "hardware")


def test_a_second_agent_on_the_same_journal_says_so(ground: Ground) -> None:
    button = ground.button()
    button.start()
    done = run(button.device.agent(), button.device.environment)
    assert done.returncode == 4
    assert_one_sentence(done.stderr, "journal")
    assert button.agent.running


def test_check_names_an_expired_certificate_and_a_good_site_has_nothing_wrong(site: Site) -> None:
    assert agent(site, "check").returncode == 0
    expired_certificate(site)
    done = agent(site, "check")
    assert done.returncode == 1
    assert "expired" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_broker_that_cannot_be_found_is_told_once_an_attempt_and_tried_again(ground: Ground) -> None:
    button = ground.button(link={"retry_min_ms": 50})
    config = button.device.config
    edit(config, '"127.0.0.1"', '"broker.invalid"')
    agent_process = button.start(linked=False)
    agent_process.wait_said(message="no connection", times=6)
    told = agent_process.said(message="no connection")[:6]
    assert all("broker.invalid" in line["broker"] for line in told)
    assert len({line["reason"] for line in told}) == 1
    assert len({line["retry_ms"] for line in told}) > 3, "each attempt has a wait of its own, drawn at random"
    button.press()
    button.wait_lamp("sending-no-link")
    assert agent_process.end() == 0
    assert "Traceback" not in agent_process.tail()


CENTER_RUN: list[tuple[str, Damage, int, str]] = [
    ("no TOML", lambda site: site.center_config.write_text("]", encoding="ascii"), 2, "not TOML"),
    ("unknown key", lambda site: edit(site.center_config, "database =", "databse ="), 2, "did you mean 'database'"),
    ("no root", lambda site: edit(site.center_config, '["root.pem"]', '["nowhere.pem"]'), 2, "nowhere.pem"),
    ("a device's key", lambda site: edit_last(site.center_config, '"center/key.pem"', DEVICE_KEY), 2, "signing key"),
    (
        "a key not ours",
        lambda site: edit(site.center_config, '"center/key.pem"', DEVICE_KEY),
        2,
        "[broker] certificate",
    ),
    ("a consumer's certificate", lambda site: edit_all(site.center_config, "center/", "consumer/"), 2, "consumer"),
    ("no list of hosts", lambda site: edit(site.center_config, 'hosts = ["127.0.0.1', 'hosts = ["'), 2, "host:port"),
    ("a text for a database", lambda site: site.database.write_text("hello " * 50, encoding="ascii"), 3, "center.db"),
]


def edit_last(path: Path, old: str, new: str) -> None:
    before, found, after = path.read_text(encoding="utf-8").rpartition(old)
    assert found
    path.write_text(before + new + after, encoding="utf-8")


def contents(folder: Path) -> dict[Path, bytes]:
    """The center's own files."""
    return {path: path.read_bytes() for path in folder.glob("center*") if path.is_file()}


def edit_all(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "code", "wanted"), [row[1:] for row in CENTER_RUN], ids=[row[0] for row in CENTER_RUN]
)
def test_the_center_refuses_to_start_with_one_sentence(site: Site, damage: Damage, code: int, wanted: str) -> None:
    good = site.center_config.read_text(encoding="utf-8")
    try:
        damage(site)
        if site.database.exists():
            site.database.chmod(0o600)
        files = contents(site.directory)
        done = run(site.center())
        assert contents(site.directory) == files, "what is refused is left as it is"
    finally:
        site.center_config.write_text(good, encoding="utf-8")
        site.database.unlink(missing_ok=True)
    assert done.returncode == code, done.stderr
    assert_one_sentence(done.stderr, wanted)


def test_a_locked_database_is_told_with_its_remedy(site: Site) -> None:
    with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        site.database.chmod(0o600)
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        try:
            done = run(site.center())
        finally:
            other.execute("ROLLBACK")
    site.database.unlink()
    assert done.returncode == 3
    assert_one_sentence(done.stderr, "locked by another process")
    assert "close what holds it" in done.stderr


def test_a_center_without_its_broker_waits_for_it(site: Site) -> None:
    center = Process("center", site.center("--log", "json"))
    try:
        told = center.wait_said(what="disconnected")
        assert f"127.0.0.1:{site.broker.port}" in told["text"]
        center.wait_said(what="disconnected", times=2)
        assert center.running
        site.broker.start()
        center.wait_said(what="connected")
        assert center.end() == 0
    finally:
        center.destroy()
        site.broker.stop()
        site.database.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("arguments", "code", "wanted"),
    [
        (["verify", "--root", "{root}", "nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["verify", "--root", "nowhere.pem", "{root}"], 2, "nowhere.pem"),
        (["verify", "{root}"], 2, "--root"),
        (["demo"], 2, "--presses"),
        (["demo", "--presses", "2", "--cuts", "2", "--kills", "1"], 2, "--cuts"),
        (["demo", "--presses", "0"], 2, "--presses"),
        (["demo", "--presses", "1", "--keep", "/"], 2, "--keep"),
        (["agent"], 2, "run"),
        (["agent", "fly"], 2, "fly"),
        (["agent", "run", "--log", "xml"], 2, "xml"),
        (["agent", "run", "--config", "nowhere.toml"], 2, "nowhere.toml"),
        (["center", "run", "--config", "nowhere.toml"], 2, "nowhere.toml"),
        (["center", "alarms", "--config", "{center}"], 3, "center.db"),
        (["fly"], 2, "fly"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_told_what_is_wrong(site: Site, arguments: list[str], code: int, wanted: str) -> None:
    names = {"{root}": str(site.root), "{center}": str(site.center_config)}
    done = run([*dabyl(), *(names.get(one, one) for one in arguments)])
    told = done.stderr + (done.stdout if arguments == ["agent"] else "")
    assert done.returncode == code, told
    assert wanted in told
    assert "Traceback" not in told
