"""The acceptance record of an installation: which devices passed, which failed, which were not tested. JSON, signed by the installer.

The signature (ECDSA P-256 with SHA-256, DER) is over the bytes of the JSON file, and openssl verifies it; the PDF for people names that
file's SHA-256. What the record says of a press is what the center has verified and handed on.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from agent.keys.file import FileKey
from provisioning.authority.state_files import replace_public
from provisioning.errors import Cause, SetupError
from provisioning.inventory.record import PLACE_FIELDS, Device
from provisioning.listener import Event

FORMAT = "dabyl-acceptance/1"
PASSED, FAILED, NOT_TESTED = "passed", "failed", "not-tested"
RESULTS = (PASSED, FAILED, NOT_TESTED)
PHOTO_MAX = 120
SYNCHRONISED = 2
WEAKEST_DBM = -130
_PLACE = ("building", "floor", "room")


@dataclasses.dataclass
class Entry:
    """One device of the record. ``reason`` says why it failed; ``press`` is what the center said of it; ``lamp`` whether it was seen."""

    name: str
    kind: str
    serial: str
    place: dict[str, Any]
    result: str = NOT_TESTED
    reason: str = ""
    press: dict[str, Any] | None = None
    lamp: bool | None = None
    photo: str = ""
    address: str = ""


def entry_of(device: Device) -> Entry:
    """A device that was not tested yet."""
    place = {field: value for field in PLACE_FIELDS if (value := getattr(device.place, field)) not in ("", None)}
    return Entry(device.name, device.kind, device.serial, place, address=device.address)


def judge(entry: Entry, event: Event, *, lamp: bool, photo: str) -> None:
    """Enter a press that the center has verified: passed if device and center name no other place, and its lamp was seen."""
    data = _data(event)
    named = {word: data.get(word, event.get(f"dabyl{word}")) for word in _PLACE}
    entry.press = {
        "event": str(event.get("id", ""))[:64],
        "boot": event.get("dabylboot"),
        "seq": event.get("dabylseq"),
        "time": event.get("time"),
        "received": event.get("dabylreceived"),
        "latency_ms": _latency_ms(event),
        "signal_dbm": None,
        "room": named["room"],
    }
    entry.lamp, entry.photo, entry.reason = lamp, photo[:PHOTO_MAX], ""
    wrong = [word for word in _PLACE if named[word] is not None and named[word] != entry.place.get(word, "")]
    if wrong:
        entry.result, entry.reason = FAILED, f"{wrong[0]}: {str(named[wrong[0]])[:80]}"
    elif not lamp:
        entry.result, entry.reason = FAILED, "lamp"
    else:
        entry.result = PASSED


def signal_dbm(report: Event) -> int | None:
    """How strong the device heard its Wi-Fi, by its ``health.report``; None where that does not tell."""
    told = _data(report).get("rssi")
    return told if type(told) is int and WEAKEST_DBM <= told < 0 else None


def document(entries: list[Entry], *, by: str, made: str, authority: str) -> dict[str, Any]:
    """The record. ``authority`` is the SHA-256 of its root certificate."""
    counts = {result: sum(entry.result == result for entry in entries) for result in RESULTS}
    devices = [dataclasses.asdict(entry) for entry in entries]
    return {"format": FORMAT, "made": made, "by": by, "authority": authority, "counts": counts, "devices": devices}


def write(folder: Path, record: Mapping[str, Any], pdf: bytes | None, key: FileKey) -> None:
    """Write ``acceptance.json``, its signature ``acceptance.json.sig``, the signer's public key, and the PDF.

    Raises:
        SetupError: the folder cannot be written.
        KeysError: the key does not sign.
    """
    content = encoded(record)
    raw = key.sign(content)
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_public(folder / "acceptance.json", content)
        replace_public(folder / "acceptance.json.sig", signature)
        if pdf is not None:
            replace_public(folder / "acceptance.pdf", pdf)
    except OSError as error:
        raise SetupError("disk-file", file=folder, reason=Cause.of(error)) from None


def encoded(record: Mapping[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def digest(record: Mapping[str, Any]) -> str:
    """SHA-256 of the record's file, in hexadecimal."""
    return hashlib.sha256(encoded(record)).hexdigest()


def _data(event: Event) -> dict[str, Any]:
    data = event.get("data")
    return data if isinstance(data, dict) else {}


def _latency_ms(event: Event) -> int | None:
    """From the device's time of the event to the center's, where the device's clock was synchronised."""
    try:
        if event["dabylclock"] != SYNCHRONISED:
            return None
        happened, received = (datetime.fromisoformat(str(event[name])) for name in ("time", "dabylreceived"))
    except (KeyError, ValueError):
        return None
    return round((received - happened).total_seconds() * 1000)
