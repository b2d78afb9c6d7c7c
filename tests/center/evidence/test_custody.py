"""The chain of custody: what was noted stays, in order; whatever else is done to the log shows."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from agent.keys.chain import load_roots
from agent.keys.credentials import chain_from_pem
from center.evidence import custody
from center.evidence.custody import Custody
from center.evidence.errors import CustodyError
from tests.center.scripted import Pki


@pytest.fixture
def log(tmp_path: Path) -> Custody:
    return Custody(tmp_path, clock_ms=lambda: 1_790_000_000_000)


def noted(log: Custody, count: int = 4) -> list[bytes]:
    for n in range(count):
        log.note("A. Серік", "received", {"n": n})
    return log.path.read_bytes().splitlines(keepends=True)


def test_entries_stay_in_their_order(log: Custody) -> None:
    noted(log)
    entries = custody.read(log.path)
    assert [entry["n"] for entry in entries] == [1, 2, 3, 4]
    assert [entry["about"] for entry in entries] == [{"n": n} for n in range(4)]
    assert entries[0]["prev"] == custody.FIRST_PREV
    assert log.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace(b"received", b"exported"), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines, lines[3]],
        lambda lines: [*lines, b"{}\n"],
        lambda lines: [*lines, b"[" * 5000 + b"\n"],
        lambda lines: [*lines, b"x" * 20_000 + b"\n"],
        lambda lines: [*lines, b'{"n":5'],
        lambda lines: [b"\xff\xfe\n", *lines],
    ],
)  # fmt: skip
def test_whatever_is_changed_shows(log: Custody, change: "object") -> None:
    lines = noted(log)
    assert callable(change)
    log.path.write_bytes(b"".join(change(lines)))
    with pytest.raises(CustodyError):
        custody.read(log.path)


def test_a_torn_last_line_is_cut_off_by_the_next_entry(log: Custody) -> None:
    lines = noted(log)
    for length in (1, 30, len(lines[3]) - 1):
        log.path.write_bytes(b"".join(lines[:3]) + lines[3][:length])
        log.note("later", "exported", {})
        assert [entry["who"] for entry in custody.read(log.path)] == ["A. Серік"] * 3 + ["later"]


def test_many_may_write_at_once(log: Custody) -> None:
    threads = [threading.Thread(target=noted, args=(log, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(custody.read(log.path)) == 40


def test_an_entry_is_bounded(log: Custody) -> None:
    noted(log, 1)
    with pytest.raises(CustodyError, match="more than"):
        log.note("me", "exported", {"why": "x" * 10_000})
    log.note("x" * 10_000, "exported", {})
    assert [len(str(entry["who"])) for entry in custody.read(log.path)] == [8, custody.MAX_WHO]


def test_a_signed_log_cannot_be_cut_nor_made_anew(log: Custody, tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki", time.time_ns() // 1_000_000)
    roots = load_roots(pki.authority.root_pem)
    for role, name in (("center", "center-1"), ("device", "badge-1")):
        pki.leaf(role, name)
    lines = noted(log)

    def document(name: str) -> bytes:
        chain = chain_from_pem((pki.directory / f"{name}.pem").read_text(), name)
        return custody.signed(log.path, name, pki.signer(name), chain, pki.now_ms)

    good = document("center-1")
    assert custody.check_signed(log.path, good, roots) == ("center-1", pki.now_ms)
    with pytest.raises(CustodyError, match="trusted"):
        custody.check_signed(log.path, document("badge-1"), roots)
    with pytest.raises(CustodyError, match="trusted"):
        custody.check_signed(log.path, good, load_roots(Pki(tmp_path / "other", pki.now_ms).authority.root_pem))
    for n in range(0, len(good), 7):
        with pytest.raises(CustodyError):
            custody.check_signed(log.path, good[:n] + bytes((good[n] ^ 1,)) + good[n + 1 :], roots)
    with pytest.raises(CustodyError):
        custody.check_signed(log.path, os.urandom(200), roots)
    log.path.write_bytes(b"".join(lines[:3]))
    with pytest.raises(CustodyError, match="not the log that was signed"):
        custody.check_signed(log.path, good, roots)


def test_the_log_is_json_lines(log: Custody) -> None:
    assert [json.loads(line)["act"] for line in noted(log)] == ["received"] * 4
