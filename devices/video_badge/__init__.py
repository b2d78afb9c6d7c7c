"""The body-worn video badge: its name, its settings, and the two factories the runtime calls.

Importing this package loads neither camera nor cryptography. No setting lets it record people unseen: the lamp shows that it records, what
was before a recording is kept in memory only, and what is written is encrypted for a custodian. None turns the duress alarm off.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devices.video_badge.linux import Binding
    from devices.video_badge.logic import VideoBadge

KIND = "video-badge"

# name -> (type, default, minimum, maximum, help); a text's bounds are its length. Pins are BCM numbers, -1: not fitted. Files are
# absolute paths.
SETTINGS: dict[str, tuple[type[Any], Any, int | None, int | None, str]] = {
    "button_pin": (int, 17, 0, 27, "BCM number of the button"),
    "button_active_low": (bool, True, None, None, "pressed reads low: contact to ground, pull-up on"),
    "lamp_pin": (int, 18, -1, 27, "BCM number of the lamp that shows the recording (PWM)"),
    "lamp_hz": (int, 200, 50, 1000, "PWM frequency of the lamp in hertz"),
    "buzzer_pin": (int, 23, -1, 27, "BCM number of the vibration motor or sounder that answers the finger"),
    "tamper_pin": (int, -1, -1, 27, "BCM number of the enclosure switch"),
    "tamper_active_low": (bool, False, None, None, "opened reads low; leave false so that a cut wire reads as opened"),
    "debounce_ms": (int, 30, 0, 100, "contact time that makes a press"),
    "stuck_s": (int, 30, 10, 3600, "a button held this long is reported as stuck"),
    "stop_ms": (int, 3000, 1000, 10000, "a press held this long stops the recording"),
    "alarm_window_s": (
        int,
        600,
        10,
        86400,
        "duress gestures this long after the last one belong to the same open alarm",
    ),
    "pre_s": (int, 30, 0, 120, "seconds kept in memory that go ahead of a recording"),
    "width": (int, 1280, 160, 1920, "width of the picture"),
    "height": (int, 720, 120, 1080, "height of the picture"),
    "fps": (int, 30, 5, 60, "frames a second"),
    "bitrate_kbps": (int, 4000, 100, 25000, "of the pictures, in kbit/s"),
    "sound": (bool, True, None, None, "record the microphone"),
    "microphone": (str, "default", 1, 64, "the microphone, by its name in ALSA"),
    "spool": (str, "/var/lib/dabyl/recordings", 2, 200, "folder for recordings that the center does not hold yet"),
    "storage_mb": (int, 16000, 10, 2000000, "room for recordings in MB"),
    "custodian": (str, "/etc/dabyl/custodian.pem", 2, 200, "public key of whoever may open the recordings, PEM"),
    "key": (str, "/etc/dabyl/key.pem", 2, 200, "the device's private key, which signs the stream"),
    "certificate": (str, "/etc/dabyl/chain.pem", 2, 200, "the device's certificate chain, PEM, its own first"),
    "gnss_port": (str, "", 0, 128, "serial device of the satellite receiver, empty: not fitted"),
    "evidence": (str, "", 0, 259, "host:port of the evidence server, empty: recordings stay on the badge"),
    "evidence_ca": (str, "/etc/dabyl/root.pem", 2, 200, "root certificate of the evidence server's certificate, PEM"),
    "centers": (list, [], 0, 8, "public keys of the centers whose evidence receipts count, PEM files"),
    "self_test_h": (int, 24, 1, 24, "hours between two self-tests"),
    "battery_low_mv": (int, 0, 0, 60000, "battery voltage reported as low, 0: no such limit"),
}


def make_logic(settings: Mapping[str, object], now_ms: int) -> "VideoBadge":
    """Make the pure logic. Raises SettingsError when a setting is unknown, of the wrong type, out of range, or contradicts another."""
    from devices.video_badge.logic import VideoBadge  # noqa: PLC0415  loaded only when the kind is used

    return VideoBadge(settings, now_ms)


def make_binding(settings: Mapping[str, object], on_input: "Callable[[str, Any, int], None]") -> "Binding":
    """Make the binding to camera, pins, receiver and disk. Raises SettingsError as above, PinError, or KeysError for a wrong key file."""
    from devices.video_badge.linux import Binding  # noqa: PLC0415  camera and cryptography load on badges only

    return Binding(settings, on_input)
