"""The badge's settings, completed and checked."""

from collections.abc import Mapping
from typing import Any

from devices.common import settings as common
from devices.common.settings import SettingsError
from devices.video_badge import KIND, SETTINGS

PINS = ("button_pin", "lamp_pin", "buzzer_pin", "tamper_pin")
FILES = ("spool", "custodian", "key", "certificate", "evidence_ca")


def completed(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return all settings, defaults filled in. Raises SettingsError."""
    whole = common.completed(KIND, SETTINGS, PINS, settings)
    for name in FILES:
        if not whole[name].startswith("/"):
            raise SettingsError(
                f"setting {name} must be an absolute path, which begins with /, not {whole[name]!r:.60}"
            )
    for name in ("width", "height"):
        if whole[name] % 2:
            raise SettingsError(f"setting {name} must be even, not {whole[name]}: the encoder takes pixels in pairs")
    if whole["stop_ms"] >= whole["stuck_s"] * 1000:
        raise SettingsError("setting stop_ms must be shorter than stuck_s, or no press would stop a recording")
    host, colon, port = whole["evidence"].rpartition(":")
    if whole["evidence"] and not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
        raise SettingsError(f"setting evidence must be host:port, not {whole['evidence']!r:.60}")
    for name in whole["centers"]:
        if not isinstance(name, str) or not name.startswith("/"):
            raise SettingsError(f"setting centers must hold absolute paths, which begin with /, not {name!r:.60}")
    if whole["evidence"] and not whole["centers"]:
        raise SettingsError("setting centers must name a center's key, or no recording could ever be settled")
    return whole
