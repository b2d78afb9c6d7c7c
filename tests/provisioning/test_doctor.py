"""The doctor names the first thing that does not work, and says of what comes after that it is not known."""

import socket

import pytest

from provisioning import doctor
from provisioning.cable.prompt import Prompt
from provisioning.doctor import CHECKS, Finding
from provisioning.messages import LANGUAGES
from tests.provisioning.conftest import SILENCE_S, Works

pytestmark = pytest.mark.micropython
NAME = "sos-11"


def examined(works: Works, name: str | None = NAME, seconds: float = 60, before: str = "") -> list[Finding]:
    with Prompt(works.plug(NAME), silence_s=SILENCE_S) as prompt:
        if before:
            prompt.run(before)
        return doctor.by_cable(works.bench, name, prompt, seconds)[1]


def trouble(findings: list[Finding]) -> tuple[str, str]:
    """The only check that is wrong; those before it are fine, those after it unknown."""
    assert [one.check for one in findings] == list(CHECKS)
    (at,) = [place for place, one in enumerate(findings) if one.state == "trouble"]
    assert all(one.state == "fine" for one in findings[:at])
    assert all(one.state == "unknown" for one in findings[at + 1 :])
    error = findings[at].error
    assert error is not None
    assert all(findings[at].told(language) for language in LANGUAGES)
    return findings[at].check, error.key


def test_the_first_thing_that_does_not_work_is_named(works: Works) -> None:
    works.plan(NAME)
    assert trouble(examined(works)) == ("firmware", "doctor-nobody")  # a blank board
    works.enrol(NAME)
    assert all(one.state == "fine" for one in examined(works, None))
    assert trouble(examined(works, "sos-12")) == ("identity", "board-is-other")
    with Prompt(works.plug(NAME), silence_s=SILENCE_S) as prompt:
        works.loop.loop.call_soon_threadsafe(works.workshop.board.radio.down)
        assert trouble(doctor.by_cable(works.bench, NAME, prompt, 4)[1])[0] == "wifi"
    works.layout.broker.revoke(NAME)
    try:
        assert trouble(examined(works)) == ("acl", "device-acl")
    finally:
        works.layout.broker.reload(works.layout.identities)
    works.bench.authority.revoke(works.good(NAME)[0], works.bench.now_ms())
    assert trouble(examined(works)) == ("identity", "doctor-revoked")
    damaged = "with open('/a/devices/firmware/start.mpy','ab') as f:\n f.write('x')"
    assert trouble(examined(works, before=damaged)) == ("firmware", "doctor-firmware")
    told = {one.check: one.state for one in doctor.by_network(works.bench, NAME, 0.1)}
    assert (told["identity"], told["center"], told["wifi"]) == ("trouble", "trouble", "cable")


def test_a_broker_that_is_not_there_is_not_taken_for_one_with_a_wrong_certificate() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        hung_up = {"reason": "no connection: the broker hung up", "broker": place}
        assert doctor.refined("device-certificate", hung_up) == "device-certificate"
    assert doctor.refined("device-certificate", hung_up) == "device-broker"
    assert doctor.refined("device-certificate", {**hung_up, "reason": "bad certificate"}) == "device-certificate"
    assert doctor.refined("device-certificate", {**hung_up, "broker": "nowhere"}) == "device-broker"
    assert doctor.refined("device-clock", hung_up) == "device-clock"
