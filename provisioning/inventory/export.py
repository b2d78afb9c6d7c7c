"""The inventory for others: a table (CSV) for people, and the registry (JSON) that the center is given. Pure."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from provisioning.inventory.record import ENROLLED, PLACE_FIELDS, STATES, Device

FORMAT = "dabyl-registry/1"
COLUMNS = ("name", "kind", "serial", "address", *PLACE_FIELDS, "state", *STATES, "certificates")


def table(devices: Iterable[Device]) -> str:
    """A CSV with one device a line: commas, a header, UTC times, certificates' serial numbers in hexadecimal."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for device in devices:
        place = [getattr(device.place, name) for name in PLACE_FIELDS]
        times = [_utc(device.times.get(state)) for state in STATES]
        serials = " ".join(f"{serial:x}" for serial in device.certificates)
        writer.writerow(
            [device.name, device.kind, device.serial, device.address, *place, device.state, *times, serials]
        )
    return text.getvalue()


def registry(devices: Iterable[Device], now_ms: int) -> str:
    """A JSON object with every device that has a certificate and is not revoked: its name, kind and place.

    It makes nobody believed: that takes a certificate. It says where a device hangs, and which should be there.
    """
    there = [
        {"name": device.name, "kind": device.kind, "state": device.state}
        | ({"address": device.address} if device.address else {})
        | {name: value for name in PLACE_FIELDS if (value := getattr(device.place, name)) not in {"", None}}
        for device in devices
        if device.has_reached(ENROLLED)
    ]
    return json.dumps({"format": FORMAT, "made": _utc(now_ms), "devices": there}, ensure_ascii=False, indent=1) + "\n"


def _utc(at_ms: int | None) -> str:
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
