"""Words of 32 bits change no byte of the contract: small integers end at 2^30 there, and own code for large ones would break first."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.wire import cbor
from tests.agent.wire import wasm

VECTORS = wasm.ROOT / "docs" / "wire" / "vectors"
TRANSCRIPT = Path(__file__).with_name("transcript.py")
CONTRACT = [
    *wasm.ROOT.glob("agent/*.py"),
    *wasm.ROOT.glob("agent/wire/*.py"),
    *VECTORS.glob("*.json"),
    TRANSCRIPT,
]
FACTS = """
import sys
print(sys.platform, sys.implementation[1][:3], sys.maxsize)
for bits in (30, 31, 62):
    print(bits, int(str(2**bits - 1)) is int(str(2**bits - 1)), int(str(2**bits)) is int(str(2**bits)))
"""
"""A small integer is its own word, so equal ones are the same object; others lie in the heap."""
INTEGERS = """
from agent.wire import cbor
for bits in range(64):
    for number in (2**bits - 1, 2**bits, 2**bits + 1, -2**bits - 1, -2**bits, 1 - 2**bits):
        data = cbor.dumps([number, {number: "n"}])
        print(number, data, cbor.loads(data) == [number, {number: "n"}])
"""

pytestmark = pytest.mark.wasm


def test_it_is_the_build_with_words_of_32_bits(tmp_path: Path) -> None:
    (tmp_path / "facts.py").write_text(FACTS)

    said = wasm.run([], "facts.py", root=tmp_path).decode().splitlines()

    assert said == [f"webassembly (1, 27, 0) {2**31 - 1}", "30 True False", "31 False False", "62 False False"]


@pytest.mark.micropython
def test_the_transcript_of_all_vectors_is_that_of_the_unix_port() -> None:
    micropython = shutil.which("micropython", path=str(Path(sys.executable).parent))
    assert micropython is not None
    unix = subprocess.run(
        [micropython, str(TRANSCRIPT), str(VECTORS)],
        env={**os.environ, "MICROPYPATH": str(wasm.ROOT)},
        capture_output=True,
        timeout=100,
        check=True,
    ).stdout

    ours = wasm.run(CONTRACT, str(TRANSCRIPT.relative_to(wasm.ROOT)), "/docs/wire/vectors")

    assert ours.count(b"\n") > 1500
    assert ours == unix


def test_integers_around_every_power_of_two_are_the_same_bytes(tmp_path: Path) -> None:
    shutil.copytree(wasm.ROOT / "agent" / "wire", tmp_path / "agent" / "wire")
    (tmp_path / "integers.py").write_text(INTEGERS)

    said = wasm.run([*tmp_path.rglob("*.py")], "integers.py", root=tmp_path).decode().splitlines()

    edges = [number for b in range(64) for number in (2**b - 1, 2**b, 2**b + 1, -(2**b) - 1, -(2**b), 1 - 2**b)]
    assert said == [f"{number} {cbor.dumps([number, {number: 'n'}])!r} True" for number in edges]
