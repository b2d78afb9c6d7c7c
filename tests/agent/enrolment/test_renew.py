"""Renewal of a certificate: a new pair waits, is tried, and takes the old one's place; or all stays as it was."""

import asyncio
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import check, config, renewal
from agent.keys import credentials, pair, pem
from agent.keys.file import FileKey
from agent.keys.hsm import Pkcs11Key
from agent.keys.request import certificate_request
from agent.keys.validity import due_ms, validity
from agent.log import Log
from agent.renewal import renewed
from agent.service import Service
from agent.start import assemble
from tests.agent.enrolment.conftest import DAY_MS, Unit, now_ms
from tests.agent.enrolment.test_enrol import falls, has_identity
from tests.agent.keys.softhsm import initialised
from tests.provisioning.leaks import keys_of, leaks, open_to_others


class Broker:
    """Where a link would try a pair: says what it is told to, and remembers what was shown."""

    busy = False

    def __init__(self, answer: str = "") -> None:
        self.answer = answer
        self.tried: list[bytes] = []

    async def try_identity(self, certificate: str, key: str) -> str:
        chain = credentials.load_chain(certificate)
        credentials.check_leaf(chain, FileKey.load(key).public_der, certificate)
        self.tried.append(chain[0])
        return self.answer


class Told:
    """A log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda message, **facts: self.lines.append(f"{message} {facts}")


def aged(unit: Unit, age_days: int) -> FileKey:
    """Give the device a certificate of 90 days that was issued so long ago."""
    unit.town.claim(unit.name)
    key = FileKey.generate(str(unit.key))
    at_ms = now_ms() - age_days * DAY_MS
    unit.chain.write_text(
        unit.town.authority.issue_device(certificate_request(key, unit.name), unit.name, at_ms, 90).chain_pem
    )
    return key


def renew(unit: Unit, broker: Broker, told: Told | None = None) -> Any:
    arguments = (str(unit.folder / "agent.toml"), str(unit.key), str(unit.chain))
    return asyncio.run(renewed(*arguments, broker, told or Told(), now_ms()))  # type: ignore[arg-type]  # a link and a log


def waiting(unit: Unit) -> set[str]:
    return {path.name for path in unit.key.parent.glob("*.new")} | {
        path.name for path in unit.key.parent.glob("*.half")
    }


def test_a_new_pair_is_tried_before_it_takes_the_old_ones_place(unit: Unit) -> None:
    old = aged(unit, 70)
    broker = Broker()
    key, chain = renew(unit, broker)
    assert key.kid != old.kid
    assert broker.tried == [chain[0]]
    assert FileKey.load(str(unit.key)).kid == key.kid
    assert has_identity(unit)
    assert waiting(unit) == set()
    assert validity(chain[0])[1] > now_ms() + 89 * DAY_MS


def test_a_pair_that_the_broker_refuses_waits_and_the_old_one_stays(unit: Unit) -> None:
    old = aged(unit, 70)
    refusing, told = Broker("not today"), Told()
    assert renew(unit, refusing, told) is None
    assert "not today" in told.lines[-1]
    assert FileKey.load(str(unit.key)).kid == old.kid
    assert has_identity(unit)
    taking = Broker()
    renew(unit, taking)
    assert taking.tried == refusing.tried  # the same pair, not one more
    assert has_identity(unit)
    assert waiting(unit) == set()


def test_old_and_new_key_are_nowhere_but_in_their_files(
    unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    aged(unit, 70)
    (old,) = keys_of(unit.key.parent).values()
    told = Told()
    assert renew(unit, Broker("not today"), told) is None
    both = keys_of(unit.key.parent)
    assert len(both) == 2
    folders = [unit.folder, unit.town.folder, temporary]
    assert open_to_others(*folders) == []
    assert leaks(both, folders) == []
    renew(unit, Broker(), told)
    now = keys_of(unit.key.parent)
    assert {*both.values()} == {old, *now.values()}
    assert leaks(now, folders, "".join([*told.lines, *capfd.readouterr(), unit.town.errors.read_text()])) == []
    assert leaks([old], folders) == [], "the old one is gone"


def test_a_pair_that_waited_too_long_is_asked_for_anew(unit: Unit) -> None:
    aged(unit, 70)
    other = FileKey.generate(pair.new(str(unit.key)))
    request = certificate_request(other, unit.name)
    stale = unit.town.authority.issue_device(request, unit.name, now_ms() - 70 * DAY_MS, 90).chain_pem
    Path(pair.new(str(unit.chain))).write_text(stale)
    key, _ = renew(unit, Broker())
    assert key.kid != other.kid


def test_a_certificate_that_has_ended_is_renewed_for_its_own_key(unit: Unit) -> None:
    old = aged(unit, 100)
    FileKey.generate(pair.new(str(unit.key)))  # from an attempt before it ended
    key, _ = renew(unit, Broker())
    assert key.kid == old.kid
    assert has_identity(unit)
    assert unit.key.stat().st_mode & 0o777 == 0o600


def test_after_the_grace_a_claim_renews_it_for_its_own_key(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    old = aged(unit, 150)
    told = Told()
    assert renew(unit, Broker(), told) is None
    assert "enrol with a new claim" in told.lines[-1]
    pair.drop(str(unit.key), str(unit.chain))
    assert unit.enrol(unit.town.claim(unit.name)) == 0
    assert FileKey.load(str(unit.key)).kid == old.kid
    assert has_identity(unit)


def test_a_revoked_device_keeps_asking_in_vain(unit: Unit) -> None:
    aged(unit, 70)
    (record,) = (one for one in unit.town.authority.issued() if one.identity == unit.name)
    unit.town.authority.revoke(record.serial, now_ms())
    told = Told()
    assert renew(unit, Broker(), told) is None
    assert "was revoked" in told.lines[-1]


@pytest.mark.parametrize("server", ["https://127.0.0.1:1", "https://nowhere.invalid"])
def test_a_server_that_is_away_changes_nothing(unit: Unit, server: str) -> None:
    aged(unit, 70)
    unit.configure(server=server)
    told = Told()
    assert renew(unit, Broker(), told) is None
    assert "tried again" in told.lines[-1]
    assert has_identity(unit)


def test_a_server_that_never_answers_is_left(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    aged(unit, 70)
    monkeypatch.setattr(renewal, "PATIENCE_S", 0.05)
    monkeypatch.setattr(renewal, "_PROGRAM", "import time; time.sleep(60)")
    told = Told()
    assert renew(unit, Broker(), told) is None
    assert "no answer in time" in told.lines[-1]
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert renew(unit, Broker(), told) is None
    assert "no process can be started" in told.lines[-1]


def test_a_renewal_waits_for_a_calm_moment(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    aged(unit, 70)
    looks = iter([True, True, False])

    class Busy(Broker):
        @property
        def busy(self) -> bool:  # type: ignore[override]  # an attribute there
            assert not self.tried
            return next(looks)

    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert renew(unit, Busy()) is not None
    assert len(slept) == 2


def test_a_disk_that_refuses_leaves_the_old_pair(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    old = aged(unit, 70)
    broker = Broker("later")
    renew(unit, broker)

    def full(_source: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    told = Told()
    assert renew(unit, Broker(), told) is None
    assert "No space left" in told.lines[-1]
    assert FileKey.load(str(unit.key)).kid == old.kid
    assert has_identity(unit)


def test_a_fall_at_any_step_leaves_a_pair_that_works(unit: Unit) -> None:
    aged(unit, 70)
    broker = Broker()
    step, fallen = 0, True
    while fallen:
        fallen = falls(unit, step, functools.partial(renew_and_take, unit))
        pair.settle(str(unit.key), str(unit.chain))  # the next start
        assert has_identity(unit)
        step += 1
    assert step > 12
    assert renew(unit, broker) is not None
    assert waiting(unit) == set()
    kids = {record.kid for record in unit.town.authority.issued() if record.identity == unit.name}
    assert len(kids) <= step + 2


def renew_and_take(unit: Unit) -> int:
    """As the agent and its helper do, in one process."""
    code = unit.run("renew")
    with pair.held(str(unit.key)):
        pair.take(str(unit.key), str(unit.chain))
    return code


def test_an_agent_that_starts_after_a_fall_between_the_two_files_has_the_new_pair(unit: Unit) -> None:
    aged(unit, 70)
    (unit.folder / "state").mkdir(mode=0o700)
    center = FileKey.generate(str(unit.folder / "center.key"))
    (unit.folder / "center.pem").write_text(pem.encoded("PUBLIC KEY", center.public_der))
    assert unit.run("renew") == 0
    Path(pair.new(str(unit.key))).rename(unit.key)
    agent, store = assemble(config.read(str(unit.folder / "agent.toml")), Service({}), Log())
    store.close()
    assert agent._signer.kid == FileKey.load(str(unit.key)).kid
    assert has_identity(unit)
    assert waiting(unit) == set()


@pytest.mark.softhsm
def test_the_certificate_of_a_tokens_key_is_renewed_for_the_same_key(
    unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(unit, 70)
    with initialised(tmp_path, monkeypatch) as token:
        signer = Pkcs11Key.generate(token.uri)
        at_ms = now_ms() - 70 * DAY_MS
        old = unit.town.authority.issue_device(certificate_request(signer, unit.name), unit.name, at_ms, 90).chain_pem
        chain = unit.folder / "identity" / "signing.pem"
        chain.write_text(old)
        settings = (unit.folder / "agent.toml").read_text()
        keys = f'[keys]\nsigning = "{token.uri}"\nsigning_certificate = "identity/signing.pem"'
        (unit.folder / "agent.toml").write_text(settings.replace("[keys]", keys))
        assert unit.run("renew") == 0
        assert chain.read_text() != old
        found = credentials.load_chain(str(chain))
        credentials.check_leaf(found, signer.public_der, "it")
        assert due_ms(found[0]) > now_ms() + 50 * DAY_MS
        assert waiting(unit) == {"key.pem.new", "chain.pem.new"}
        token.take_out()
        assert unit.run("renew") == 3
        token.put_back()


def test_a_folder_in_which_nothing_can_be_renewed_is_told_beforehand(
    unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config.read(str(unit.folder / "agent.toml"))
    assert list(check._renewal(settings)) == []
    monkeypatch.setattr(os, "access", lambda path, _mode: path != str(unit.key.parent))  # root may write anywhere
    assert [text.split(";")[0] for text in check._renewal(settings)] == [
        f"{unit.key.parent}: the agent cannot write here, so the {name} cannot be renewed"
        for name in ("key", "certificate")
    ]
    settings.enrolment["server"] = ""
    assert list(check._renewal(settings)) == []


def test_two_at_once_do_not_meet(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    aged(unit, 70)
    with pair.held(str(unit.key)):
        assert unit.run("renew") == 3
    assert "another enrolment is at work" in capsys.readouterr().err
    assert unit.run("renew") == 0
    assert "waits" in capsys.readouterr().out


def test_without_a_server_nothing_is_renewed(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    unit.configure(server="")
    assert unit.run("renew") == 6
    assert "no server is configured" in capsys.readouterr().err


def test_half_a_pair_that_does_not_belong_is_left_alone(unit: Unit) -> None:
    aged(unit, 10)
    before = unit.chain.read_bytes()
    for text in ("nonsense", unit.town.authority.root_pem):
        Path(pair.new(str(unit.chain))).write_text(text)
        pair.settle(str(unit.key), str(unit.chain))
        assert unit.chain.read_bytes() == before
    assert pem.blocks(before.decode(), 2)
