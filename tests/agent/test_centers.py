"""Whose receipts and commands count."""

import os
from pathlib import Path
from typing import Any

import pytest

from agent.centers import MAX_KEYS, Centers
from agent.errors import IdentityError
from agent.keys import pem
from agent.keys.errors import PublicKeyError


def pem_file(path: Path, *keys: Any) -> str:
    path.write_text("".join(pem.encoded("PUBLIC KEY", key.public_der) for key in keys), encoding="ascii")
    return str(path)


def test_the_configured_keys_are_believed_and_no_others(key: Any, tmp_path: Path, state: Path) -> None:
    paths = [pem_file(tmp_path / "a.pem", key("a"), key("b")), pem_file(tmp_path / "c.pem", key("c"))]
    table = Centers.load(paths, str(state))
    for name in "abc":
        check = table.find(key(name).kid)
        assert check is not None
        assert check(key(name).sign(b"said"), b"said")
        assert not check(key("d").sign(b"said"), b"said")
    assert table.find(key("d").kid) is None


@pytest.mark.parametrize("content", [None, b"", b"nothing", b"\xff\xfe", b"-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_a_file_without_a_key_is_named(tmp_path: Path, state: Path, content: bytes | None) -> None:
    path = tmp_path / "center.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IdentityError, match=r"center\.pem"):
        Centers.load([str(path)], str(state))


def test_replaced_keys_count_at_once_and_after_a_restart(key: Any, tmp_path: Path, state: Path) -> None:
    paths = [pem_file(tmp_path / "a.pem", key("a"))]
    table = Centers.load(paths, str(state))
    table.replace([key("b").public_der, key("c").public_der])
    for believed in (table, Centers.load(paths, str(state))):
        assert believed.find(key("a").kid) is None
        assert believed.find(key("b").kid) is not None
        assert believed.find(key("c").kid) is not None


@pytest.mark.parametrize(
    "wrong", [[], ["text"], [b""], [b"x" * 91], [None]], ids=["none", "text", "empty", "junk", "null"]
)
def test_bad_keys_change_nothing(key: Any, tmp_path: Path, state: Path, wrong: list[object]) -> None:
    paths = [pem_file(tmp_path / "a.pem", key("a"))]
    table = Centers.load(paths, str(state))
    for asked in (wrong, [key("b").public_der, *wrong] if wrong else wrong, [key("b").public_der] * (MAX_KEYS + 1)):
        with pytest.raises(PublicKeyError):
            table.replace(list(asked))
    assert list(state.iterdir()) == []
    assert table.find(key("a").kid) is not None
    assert table.find(key("b").kid) is None


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_old_keys_in_force(
    key: Any, tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    paths = [pem_file(tmp_path / "a.pem", key("a"))]
    table = Centers.load(paths, str(state))
    table.replace([key("b").public_der])

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, step, refuse)
        with pytest.raises(OSError, match="No space left"):
            table.replace([key("c").public_der])
    for believed in (table, Centers.load(paths, str(state))):
        assert believed.find(key("b").kid) is not None
        assert believed.find(key("c").kid) is None
