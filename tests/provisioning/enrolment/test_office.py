"""Who gets a certificate and who does not, and what an interruption leaves behind. No network."""

from pathlib import Path

import pytest

from agent.keys import pem
from agent.keys.certificate import read
from agent.keys.chain import load_roots, verify_chain
from provisioning.authority.authority import Authority
from provisioning.enrolment.errors import (
    AnonymousError,
    BadRequestError,
    EnrolmentError,
    NotAllowedError,
    OutOfOrderError,
    TooOftenError,
)
from provisioning.enrolment.limit import Limit
from provisioning.inventory.inventory import Inventory
from tests.provisioning.enrolment.conftest import BOARD, DAY_MS, NOW_MS, Town

HERE = "10.0.0.7"


def enrolled(town: Town, key: str = "key") -> bytes:
    return town.office.enrol(HERE, "sos-1", town.claim(), town.request(key=key))


def test_a_claim_gives_a_certificate_that_a_center_believes(town: Town) -> None:
    leaf = enrolled(town)
    chain = [leaf, town.office.authorities[0].der]
    who = verify_chain(chain, load_roots(town.authority.root_pem), NOW_MS, role="device", identity="sos-1")
    assert who.not_after_ms == NOW_MS + 90 * DAY_MS
    with Inventory(town.inventory) as inventory:
        found = inventory.get("sos-1")
    assert (found.state, found.certificates) == ("enrolled", (read(leaf, "the certificate").serial,))


def test_a_key_whose_answer_was_lost_gets_the_same_certificate_again(town: Town) -> None:
    code = town.claim()
    first, second = (town.office.enrol(HERE, "sos-1", code, town.request()) for _ in range(2))
    assert first == second
    assert len(town.authority.issued()) == 1


def test_a_claim_is_used_once(town: Town) -> None:
    code = town.claim()
    town.office.enrol(HERE, "sos-1", code, town.request())
    with pytest.raises(NotAllowedError, match="used already"):
        town.office.enrol(HERE, "sos-1", code, town.request(key="thief"))
    assert len(town.authority.issued()) == 1


@pytest.mark.parametrize(
    ("name", "board", "later_ms", "said"),
    [
        ("sos-1", "ANOTHER", 0, "another board"),
        ("sos-1", "", 0, "another board"),
        ("sos-2", BOARD, 0, "not right"),
        ("sos-9", BOARD, 0, "not right"),
        ("sos-1", BOARD, 14 * DAY_MS, "expired"),
    ],
)
def test_a_claim_counts_for_its_name_its_board_and_its_time(
    town: Town, name: str, board: str, later_ms: int, said: str
) -> None:
    code = town.claim()
    town.now_ms += later_ms
    with pytest.raises(NotAllowedError, match=said):
        town.office.enrol(HERE, name, code, town.request(name, board=board))
    assert town.authority.issued() == []
    assert town.state() == "claimed"


def test_guessing_is_slowed_down_at_its_source_only(town: Town) -> None:
    code = town.claim()
    for _ in range(10):
        with pytest.raises(NotAllowedError):
            town.office.enrol("10.6.6.6", "sos-1", "0000-0000-0000-0000", town.request())
    with pytest.raises(TooOftenError, match="try again in 6 s"):
        town.office.enrol("10.6.6.6", "sos-1", code, town.request())
    town.office.enrol(HERE, "sos-1", code, town.request())
    town.now_ms += 6_000
    with pytest.raises(NotAllowedError):
        town.office.enrol("10.6.6.6", "sos-1", "0000-0000-0000-0000", town.request())
    with pytest.raises(TooOftenError):
        town.office.enrol("10.6.6.6", "sos-1", code, town.request())


def test_a_request_that_is_none_is_refused_before_the_claim_is_touched(town: Town) -> None:
    code = town.claim()
    altered = bytearray(town.request())
    altered[-3] ^= 1
    for request in (b"", b"x" * 100, bytes(altered), town.request("sos-2")):
        with pytest.raises(BadRequestError):
            town.office.enrol(HERE, "sos-1", code, request)
    town.office.enrol(HERE, "sos-1", code, town.request())


def test_a_certificate_renews_itself_with_a_new_key(town: Town) -> None:
    first = enrolled(town)
    town.now_ms += 60 * DAY_MS
    second = town.office.renew(HERE, first, town.request(key="new"))
    assert read(second, "it").not_after_ms == town.now_ms + 90 * DAY_MS
    assert town.office.renew(HERE, first, town.request(key="new")) == second
    town.now_ms += 60 * DAY_MS
    assert town.office.renew(HERE, second, town.request(key="new")) != second
    with Inventory(town.inventory) as inventory:
        assert len(inventory.get("sos-1").certificates) == 3


def test_an_expired_certificate_is_renewed_within_the_grace_and_not_after(town: Town) -> None:
    first = enrolled(town)
    town.now_ms += 120 * DAY_MS
    town.office.renew(HERE, first, town.request(key="new"))
    town.now_ms += 1000
    with pytest.raises(NotAllowedError, match="enrol with a new claim"):
        town.office.renew(HERE, first, town.request(key="newer"))
    assert town.office.enrol(HERE, "sos-1", town.claim(), town.request(key="newest"))


def test_a_revoked_certificate_key_or_device_is_never_renewed(town: Town) -> None:
    first = enrolled(town)
    town.authority.revoke(read(first, "it").serial, NOW_MS)
    for key in ("key", "new"):
        with pytest.raises(NotAllowedError, match="revoked"):
            town.office.renew(HERE, first, town.request(key=key))
    with pytest.raises(NotAllowedError, match="revoked"):
        town.office.enrol(HERE, "sos-1", town.claim(), town.request())
    second = town.office.enrol(HERE, "sos-1", town.claim(), town.request(key="second"))
    with Inventory(town.inventory) as inventory:
        inventory.revoke("sos-1", NOW_MS)
    issued = len(town.authority.issued())
    with pytest.raises(NotAllowedError, match="sos-1 is revoked"):
        town.office.renew(HERE, second, town.request(key="third"))
    assert len(town.authority.issued()) == issued


def test_only_devices_renew_and_only_their_own_name(town: Town, tmp_path: Path) -> None:
    first = enrolled(town)
    with pytest.raises(BadRequestError, match="not for 'sos-1'"):
        town.office.renew(HERE, first, town.request("sos-2", key="new"))
    with pytest.raises(AnonymousError):
        town.office.renew(HERE, None, town.request(key="new"))
    asked = pem.encoded("CERTIFICATE REQUEST", town.request("center-1", key="center"))
    issued = town.authority.issue("center", asked, "center-1", NOW_MS, 5)
    center = read(pem.blocks(issued.chain_pem, 2)[0][1], "it")
    with pytest.raises(NotAllowedError, match="a device is needed"):
        town.office.renew(HERE, center.der, town.request("center-1", key="center"))
    stranger = Authority.create(tmp_path / "stranger", "Test", NOW_MS)
    asked = pem.encoded("CERTIFICATE REQUEST", town.request(key="key"))
    forged = pem.blocks(stranger.issue_device(asked, "sos-1", NOW_MS).chain_pem, 2)[0][1]
    with pytest.raises(NotAllowedError):
        town.office.renew(HERE, forged, town.request(key="new"))
    with pytest.raises(NotAllowedError):
        town.office.renew(HERE, b"no certificate", town.request(key="new"))


def test_a_device_outside_of_the_inventory_is_not_renewed(town: Town) -> None:
    asked = pem.encoded("CERTIFICATE REQUEST", town.request("sos-8"))
    issued = pem.blocks(town.authority.issue_device(asked, "sos-8", NOW_MS).chain_pem, 2)[0][1]
    with pytest.raises(NotAllowedError, match="not in the inventory"):
        town.office.renew(HERE, issued, town.request("sos-8", key="new"))


def test_a_certificate_that_the_register_does_not_have_is_not_renewed(town: Town) -> None:
    log = town.folder / "ca" / "audit.jsonl"
    backup = log.read_bytes()
    first = enrolled(town)
    log.write_bytes(backup)
    with pytest.raises(NotAllowedError, match="not in the authority's register"):
        town.office.renew(HERE, first, town.request(key="new"))


def test_one_device_does_not_fill_the_register(town: Town) -> None:
    first = enrolled(town)
    for number in range(20):
        town.office.renew(HERE, first, town.request(key=f"key-{number}"))
    with pytest.raises(TooOftenError):
        town.office.renew(HERE, first, town.request(key="key-20"))
    assert len(town.authority.issued()) == 21


def test_an_office_whose_clock_went_back_or_whose_files_are_gone_issues_nothing(town: Town) -> None:
    code = town.claim()
    enrolled_at = town.now_ms
    town.authority.crl_pem(enrolled_at + DAY_MS)
    with pytest.raises(OutOfOrderError, match="clock"):
        town.office.enrol(HERE, "sos-1", code, town.request())
    town.now_ms += DAY_MS
    town.inventory.rename(town.folder / "away")
    with pytest.raises(OutOfOrderError, match="There is no inventory"):
        town.office.enrol(HERE, "sos-1", code, town.request())
    (town.folder / "away").rename(town.inventory)
    town.office.enrol(HERE, "sos-1", code, town.request())


@pytest.mark.parametrize("at", ["issue_device", "certified"])
def test_a_fall_between_two_steps_is_mended_by_asking_again(
    town: Town, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    code = town.claim()

    def fall(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Authority if at == "issue_device" else Inventory, at, fall)
    with pytest.raises(KeyboardInterrupt):
        town.office.enrol(HERE, "sos-1", code, town.request())
    monkeypatch.undo()
    with pytest.raises(NotAllowedError, match="used already"):
        town.office.enrol(HERE, "sos-1", code, town.request(key="thief"))
    leaf = town.office.enrol(HERE, "sos-1", code, town.request())
    with Inventory(town.inventory) as inventory:
        assert inventory.get("sos-1").certificates == (read(leaf, "it").serial,)
    assert len(town.authority.issued()) == 1


def test_attempts_come_back_with_time_and_memory_is_bounded() -> None:
    limit = Limit(3, 1000)
    for at in (0, 0, 0, 1000, 2000):
        limit.check("a", at)
        limit.spend("a", at)
    with pytest.raises(TooOftenError):
        limit.check("a", 2000)
    limit.check("a", 3000)
    for number in range(20_000):
        limit.spend(str(number), 0)
    assert len(limit._full_at) == 10_000


def test_every_refusal_has_a_status() -> None:
    kinds = EnrolmentError.__subclasses__()
    assert sorted(kind.status for kind in kinds) == [400, 401, 403, 429, 503]
