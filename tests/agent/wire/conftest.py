"""The shared vectors, and their keys as tables that verify for real."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.keys import p256
from agent.wire import command, cose, event, presence, receipt, topics

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "docs" / "wire" / "vectors"
MODULES = {"event": event, "presence": presence, "receipt": receipt, "command": command}

Receive = Callable[[str, bytes], Any]


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """Each file of vectors by its name without ``.json``."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in VECTORS.glob("*.json")}


@pytest.fixture(scope="session")
def receive(vectors: dict[str, Any]) -> Receive:
    """``receive(topic, message)``: the decoded message after all steps of the contract, with the vectors' key tables."""
    keys = vectors["keys"]
    spki = {key["name"]: bytes.fromhex(key["spki"]) for key in keys["keys"]}
    tables = {
        table: {p256.kid_of(spki[name]): p256.verifier(spki[name]) for name in names}
        for table, names in keys["tables"].items()
    }

    def run(topic: str, message: bytes) -> object:
        device, leaf = topics.split(topic)
        module = MODULES["event" if leaf == "alarm" else leaf]
        parts = cose.verify(message, module.CONTEXT, tables[keys["table_of_class"][leaf]].get)
        made: Any = module.decode(parts.payload)
        topics.check(topic, made.device, topics.leaf_of(made.type) if module is event else leaf)
        assert made.device == device
        return made

    return run
