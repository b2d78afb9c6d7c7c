"""Claims: one board, one key, not for long; and nothing in the file that opens anything."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from provisioning.inventory import claims
from provisioning.inventory.errors import ClaimError, StateError, UnknownDeviceError
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device

NOW_MS = 1_800_000_000_000
KID, OTHER = b"k" * 8, b"o" * 8


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with Inventory(tmp_path / "inventory.sqlite") as made:
        made.plan([Device("sos-1", "sos-button", "A1"), Device("sos-2", "sos-button")], NOW_MS)
        yield made


def test_a_claim_is_taken_by_one_key_which_may_ask_again(inventory: Inventory) -> None:
    code = claims.make(inventory, "sos-1", NOW_MS)
    assert inventory.get("sos-1").state == "claimed"
    assert len(claims.normal(code)) == claims.LENGTH
    claims.redeem(inventory, "sos-1", code.lower().replace("-", " "), "A1", KID, NOW_MS)
    claims.redeem(inventory, "sos-1", code, "A1", KID, NOW_MS + 1)
    with pytest.raises(ClaimError, match="used already"):
        claims.redeem(inventory, "sos-1", code, "A1", OTHER, NOW_MS)


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert claims.normal("o0-Il l1") == "001111"
    assert not set("OILU") & set(claims.ALPHABET)


def test_guessed_unknown_foreign_and_expired_claims_are_refused(inventory: Inventory) -> None:
    code = claims.make(inventory, "sos-1", NOW_MS, 60_000)
    for name, guess in (("sos-1", "0" * 16), ("sos-1", code[:-1]), ("sos-1", ""), ("sos-2", code), ("sos-9", code)):
        with pytest.raises(ClaimError, match="not right"):
            claims.redeem(inventory, name, guess, "A1", KID, NOW_MS)
    with pytest.raises(ClaimError, match="not right"):
        claims.redeem(inventory, "sos-1", "\udcff" * 16, "A1", KID, NOW_MS)
    with pytest.raises(ClaimError, match="another board"):
        claims.redeem(inventory, "sos-1", code, "A2", KID, NOW_MS)
    with pytest.raises(ClaimError, match="expired"):
        claims.redeem(inventory, "sos-1", code, "A1", KID, NOW_MS + 60_000)
    claims.redeem(inventory, "sos-1", code, "A1", KID, NOW_MS + 59_999)  # none of them cost the right one anything


def test_a_new_claim_ends_the_one_before_and_revoking_ends_all(inventory: Inventory) -> None:
    first, second = (claims.make(inventory, "sos-1", NOW_MS) for _ in range(2))
    with pytest.raises(ClaimError, match="not right"):
        claims.redeem(inventory, "sos-1", first, "A1", KID, NOW_MS)
    inventory.revoke("sos-1", NOW_MS)
    with pytest.raises(ClaimError, match="not right"):
        claims.redeem(inventory, "sos-1", second, "A1", KID, NOW_MS)
    with pytest.raises(StateError, match="revoked"):
        claims.make(inventory, "sos-1", NOW_MS)


def test_no_claim_without_a_board_a_device_or_an_end(inventory: Inventory) -> None:
    with pytest.raises(ClaimError, match="serial number"):
        claims.make(inventory, "sos-2", NOW_MS)
    with pytest.raises(UnknownDeviceError, match="sos-9"):
        claims.make(inventory, "sos-9", NOW_MS)
    for valid_ms in (59_999, claims.VALID_MAX_MS + 1):
        with pytest.raises(ClaimError, match="90 days"):
            claims.make(inventory, "sos-1", NOW_MS, valid_ms)


def test_the_code_is_not_in_the_file_and_never_twice_the_same(inventory: Inventory, tmp_path: Path) -> None:
    codes = {claims.make(inventory, "sos-1", NOW_MS) for _ in range(50)}
    assert len(codes) == 50
    inventory.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"sos-1" in kept
    for code in codes:
        assert code.encode() not in kept
        assert claims.normal(code).encode() not in kept


def test_the_label_says_all_that_a_device_needs() -> None:
    told = claims.uri("sos-1", "AAAA-BBBB", "https://ca.example:8443", b"\x01" * 32)
    assert parse_qs(told.partition("?")[2]) == {
        "name": ["sos-1"],
        "code": ["AAAA-BBBB"],
        "server": ["https://ca.example:8443"],
        "root": ["01" * 32],
    }
