"""What the authority and the operating system refuse is told in the person's language, with nothing of the English text in it."""

import errno
import os
import pathlib
import re
import socket
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from provisioning.authority.authority import Authority
from provisioning.authority.errors import AuthorityError
from provisioning.batch import translated
from provisioning.errors import Cause, SetupError
from provisioning.inventory.errors import InventoryFileError
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device, Place

NOW_MS = 1_790_000_000_000
COMMANDS = re.compile(r"dabyl provision \w+( --\w+| \w+-\d)*|--\w+|[\w/.-]*/[\w/.-]+|Wi-Fi|\w+-\d\b|center")


class Office:
    """An authority, and what goes wrong with it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.authority = Authority.create(folder / "ca", "Test", NOW_MS)

    def request(self, name: str, key: str) -> str:
        path = self.folder / key
        signer = FileKey.load(str(path)) if path.exists() else FileKey.generate(str(path))
        return certificate_request(signer, name)

    def absent(self) -> None:
        Authority.open(self.folder / "nowhere")

    def clock(self) -> None:
        self.authority.issue_device(self.request("sos-1", "k"), "sos-1", 1)

    def taken(self) -> None:
        self.authority.issue_device(self.request("sos-1", "k"), "sos-1", NOW_MS)
        self.authority.issue_device(self.request("sos-2", "k"), "sos-2", NOW_MS)

    def revoked(self) -> None:
        issued = self.authority.issue_device(self.request("sos-1", "k"), "sos-1", NOW_MS)
        self.authority.revoke(issued.serial, NOW_MS)
        self.authority.issue_device(self.request("sos-1", "k"), "sos-1", NOW_MS)

    def name(self) -> None:
        self.authority.issue("center", self.request("sos-1", "k"), "sos-1", NOW_MS, 5)
        self.authority.issue_device(self.request("sos-1", "k2"), "sos-1", NOW_MS)

    def new_key(self) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "fsync", _full)
            Authority.create(self.folder / "new", "Test", NOW_MS)

    def disk(self) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "fsync", _full)
            self.authority.issue_device(self.request("sos-1", "k"), "sos-1", NOW_MS)


def _full(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("act", "key"),
    [
        (Office.absent, "authority-absent"),
        (Office.clock, "authority-clock"),
        (Office.taken, "key-taken"),
        (Office.revoked, "key-revoked"),
        (Office.name, "name-taken"),
        (Office.disk, "disk-file"),
        (Office.new_key, "disk-file"),
    ],
)
def test_what_the_authority_refuses_is_told_in_the_persons_language(
    tmp_path: pathlib.Path, act: Callable[[Office], None], key: str
) -> None:
    office = Office(tmp_path)
    if act is Office.disk:
        office.request("sos-1", "k")
    with pytest.raises(AuthorityError) as caught:
        act(office)
    problem = translated(caught.value)
    assert problem.key == key
    for language in ("ru", "kk"):
        told = COMMANDS.sub("", problem.told(language))
        assert not re.search(r"[A-Za-z]{2,}", told), told


def test_a_full_disk_below_the_inventory_is_told_in_the_persons_language(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def small(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    with Inventory(tmp_path / "inventory.db") as inventory:
        devices = [Device(f"sos-{number}", "sos-button", place=Place(room="x" * 60)) for number in range(300)]
        with pytest.raises(InventoryFileError) as caught:
            inventory.plan(devices, 0)
        assert "орын қалмады" in caught.value.told("kk")
        assert inventory.devices() == []


def test_what_the_system_refuses_is_told_in_the_persons_language_or_as_it_said_it() -> None:
    told = SetupError("disk", reason=Cause.of(OSError(errno.ENOSPC, "No space left on device"))).told("kk")
    assert "орын қалмады" in told
    assert Cause.of(socket.gaierror(-2, "Name or service not known")).told("ru") == "имя не находится"
    assert Cause.of(TimeoutError("timed out")).told("ru") == "нет ответа"
    assert Cause.of(OSError(errno.ELOOP, "Too many links")).told("ru") == "Too many links"
