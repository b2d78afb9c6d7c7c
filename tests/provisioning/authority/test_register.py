"""The register: what the audit log says, read without a key, whole at first and then only what is new, in little memory."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.authority import audit
from provisioning.authority.authority import Authority
from provisioning.authority.errors import AuthorityStateError
from provisioning.authority.register import Register
from tests.provisioning.authority.conftest import NOW_MS

RequestFor = Callable[..., str]


def entry(number: int, action: str = "issued") -> audit.Entry:
    return {
        "action": action,
        "at_ms": NOW_MS + number,
        "serial": f"{number + 1:x}",
        "role": "device",
        "identity": f"sos-{number}",
        "kid": number.to_bytes(8, "big").hex(),
        "not_after_ms": NOW_MS + 1000,
        "certificate": f"certificate {number} " + "x" * 900,
    }


@pytest.fixture
def register(tmp_path: Path) -> Register:
    made = Register(tmp_path)
    with made.locked(create=True) as log:
        log.append({"action": "created", "at_ms": NOW_MS})
    return made


def fill(register: Register, numbers: range, action: str = "issued") -> None:
    with register.locked() as log:
        for number in numbers:
            log.append(entry(number, action))


def test_it_needs_no_key(tmp_path: Path, authority: Authority, request_for: RequestFor) -> None:
    issued = authority.issue_device(request_for("sos-1"), "sos-1", NOW_MS)
    for name in ("issuing.key", "root.key"):
        (tmp_path / "ca" / name).unlink()
    register = Register(tmp_path / "ca")
    (record,) = register.of_identity("sos-1")
    assert (record.serial, record.kid, record.revoked_ms) == (issued.serial, issued.kid, None)
    assert register.certificate(issued.serial) == issued.chain_pem.removesuffix(authority.issuing_pem)


def test_what_others_append_is_seen_and_what_was_read_is_not_read_again(
    tmp_path: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(register, range(50))
    assert len(register.records()) == 50
    fill(Register(tmp_path), range(50, 53))
    fill(Register(tmp_path), range(1, 2), "revoked")
    read: list[int] = []
    since = audit.AuditLog.since

    def counted(log: audit.AuditLog, start: int) -> Iterator[tuple[int, audit.Entry]]:
        for end, one in since(log, start):
            read.append(end)
            yield end, one

    monkeypatch.setattr(audit.AuditLog, "since", counted)
    records = register.records()
    assert len(read) == 4
    assert [record.identity for record in records[-3:]] == ["sos-50", "sos-51", "sos-52"]
    assert [record.serial for record in records if record.revoked_ms is not None] == [2]
    assert str(register.certificate(2)).startswith("certificate 1 ")
    assert register.certificate(99) is None
    assert register.find(99) is None
    assert register.latest_ms == NOW_MS + 52


def test_a_log_that_came_from_a_backup_is_read_anew(tmp_path: Path, register: Register) -> None:
    path = tmp_path / "audit.jsonl"
    fill(register, range(3))
    backup = path.read_bytes()
    fill(register, range(3, 9))
    assert len(register.records()) == 9
    path.write_bytes(backup)
    assert len(register.records()) == 3
    fill(Register(tmp_path), range(20, 40))
    assert len(register.records()) == 23


@pytest.mark.parametrize(
    "line", [b"{}", b"[]", b'{"action": 5}', b"\xff", b"[" * 9000, b'{"action": "issued", "at_ms": 1}', b"x" * 70000]
)
def test_damage_anywhere_is_refused_every_time(tmp_path: Path, register: Register, line: bytes) -> None:
    fill(register, range(2))
    assert len(register.records()) == 2
    path = tmp_path / "audit.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    fill_line = b'{"action": "crl", "at_ms": 5}\n'
    path.write_bytes(path.read_bytes() + fill_line)
    for _ in range(2):
        with pytest.raises(AuthorityStateError, match="damaged"):
            register.records()
    with pytest.raises(AuthorityStateError, match="damaged"):
        Register(tmp_path).records()


def test_one_serial_number_twice_is_damage(tmp_path: Path, register: Register) -> None:
    fill(register, range(1))
    fill(register, range(1))
    with pytest.raises(AuthorityStateError, match="damaged"):
        register.records()


def test_reading_a_long_log_takes_little_memory(tmp_path: Path) -> None:
    lines = [json.dumps(entry(number)) for number in range(5000)]
    path = tmp_path / "audit.jsonl"
    path.write_text("\n".join(lines) + "\n")
    assert path.stat().st_size > 5_000_000
    register = Register(tmp_path)
    tracemalloc.start()
    try:
        assert register.find(4000) is not None
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()
