"""Commissioning: somebody walks through the building and presses each button, in any order; each is seen as the center verified it."""

import functools
import json
from pathlib import Path
from typing import Protocol

from agent.keys.names import DEVICE, URN
from provisioning.acceptance import FAILED, PASSED, Entry, entry_of, judge, signal_dbm
from provisioning.authority.state_files import replace_public
from provisioning.cable.enrolment import PRESSES, Bench
from provisioning.errors import InputError
from provisioning.inventory.record import ACCEPTED, Device
from provisioning.listener import Event

HEALTH = "dabyl.health.report"
PART = "acceptance.part.json"
_PART_MAX = 64 * 1024 * 1024


class Walker(Protocol):
    """The person who walks."""

    def left(self, entries: list[Entry]) -> None:
        """Is told which devices are left."""

    def seen(self, entry: Entry) -> tuple[bool, str]:
        """Is told of a verified press; whether the lamp acknowledged it, and a reference to a photo."""

    def waiting(self) -> str | None:
        """Is asked when no press has come for a while: "" to go on, a device's name for one that does not work, None to end."""


def walk(bench: Bench, devices: list[Device], folder: Path, walker: Walker, wait_s: float) -> list[Entry]:
    """Wait for the presses of all devices, or until the person ends; all devices' entries.

    What was seen is kept in the folder at once: who is interrupted goes on. Devices that pass are *accepted* in the inventory.

    Raises:
        InputError: what an earlier walk has kept is damaged.
        InventoryError: the inventory cannot be written.
    """
    entries = {device.name: entry_of(device) for device in devices}
    kept(folder, entries)
    since = bench.listener.now
    while left := [entry for entry in entries.values() if entry.result not in (PASSED, FAILED)]:
        walker.left(left)
        event = _pressed(bench, {entry.name for entry in left}, wait_s, since)
        if event is None:
            said = walker.waiting()
            if said is None:
                break
            if said in entries:
                entries[said].result, entries[said].reason = FAILED, "no press"
                keep(folder, entries)
            continue
        entry = entries[str(event["source"]).rpartition(":")[2]]
        lamp, photo = walker.seen(entry)
        judge(entry, event, lamp=lamp, photo=photo)
        _note_signals(bench, entries)
        keep(folder, entries)
        if entry.result == PASSED:
            bench.inventory.reach(entry.name, ACCEPTED, bench.now_ms())
    _note_signals(bench, entries)
    return list(entries.values())


def keep(folder: Path, entries: dict[str, Entry]) -> None:
    """Keep what was seen so far."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps([vars(entry) for entry in entries.values()], ensure_ascii=False)
    replace_public(folder / PART, content.encode())


def kept(folder: Path, entries: dict[str, Entry]) -> None:
    """Enter what an earlier walk has seen of these devices, as far as their boards are still the same.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / PART
    if not path.exists():
        return
    try:
        if path.stat().st_size > _PART_MAX:
            raise InputError("walk-kept", file=path)
        earlier = [Entry(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        raise InputError("walk-kept", file=path) from None
    for entry in earlier:
        known = entries.get(entry.name)
        if known is not None and entry.result == PASSED and _board(known) == _board(entry):
            entries[entry.name] = entry


def _board(entry: Entry) -> tuple[str, dict[str, object], str]:
    return entry.serial, entry.place, entry.address


def _note_signals(bench: Bench, entries: dict[str, Entry]) -> None:
    """Enter what devices that were pressed have reported of their Wi-Fi since the laptop listens: before the press, or after it."""
    for entry in entries.values():
        report = bench.listener.latest(functools.partial(_is_report, f"{URN}{DEVICE}:{entry.name}"))
        if entry.press is not None and report is not None and (strength := signal_dbm(report)) is not None:
            entry.press["signal_dbm"] = strength


def _is_report(source: str, event: Event) -> bool:
    return event.get("source") == source and event["type"] == HEALTH


def _pressed(bench: Bench, names: set[str], wait_s: float, since: int) -> Event | None:
    """A press of one of them; None if none came in time, or the person did not want to wait (Ctrl-C)."""
    sources = {f"{URN}{DEVICE}:{name}" for name in names}
    try:
        return bench.listener.wait(
            lambda event: event.get("source") in sources and event["type"] in PRESSES, wait_s, since=since
        )
    except KeyboardInterrupt:
        return None
