"""The published certificate chains: those that prove a device's key do so here, the others are refused for the reason that is published."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.keys.certificate import read
from agent.keys.pem import encoded
from agent.keys.revocation import RevocationList, load_lists
from center.errors import RefusedError
from center.keytable import KeyTable
from center.verify import verify_presence

FILE = Path(__file__).resolve().parents[2] / "docs" / "wire" / "vectors" / "certificates.json"
PUBLISHED: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def table(case: dict[str, Any]) -> KeyTable:
    crl = bytes.fromhex(case.get("crl", PUBLISHED["crl"]))
    lists: tuple[RevocationList, ...] = load_lists(encoded("X509 CRL", crl)) if crl else ()
    return KeyTable([read(bytes.fromhex(PUBLISHED["root"]), "the root")], lists)


@pytest.mark.parametrize("case", PUBLISHED["accepted"], ids=lambda case: case["name"])
def test_a_chain_proves_its_devices_key(case: dict[str, Any]) -> None:
    keys = table(case)
    told = verify_presence(case["topic"], bytes.fromhex(case["message"]), keys, case["at_ms"])
    assert told.presence.device == "sos-0001"
    assert keys.find(told.key.kid) == told.key


@pytest.mark.parametrize("case", PUBLISHED["refused"], ids=lambda case: case["name"])
def test_a_chain_that_does_not_is_refused_and_nothing_is_learned(case: dict[str, Any]) -> None:
    keys = table(case)
    with pytest.raises(RefusedError) as refused:
        verify_presence(case["topic"], bytes.fromhex(case["message"]), keys, case["at_ms"])
    assert refused.value.reason == case["reason"]
    assert len(keys) == 0
