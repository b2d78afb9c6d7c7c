"""The badge's hardware on Linux: pins, camera, receiver, disk and the way to the evidence server, each in threads of its own. It decides
nothing: what the logic orders is handed on, what the threads report is handed in.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from agent import __version__
from agent.centers import Centers
from agent.errors import AgentError
from agent.keys import credentials
from agent.keys.errors import CredentialsError, KeysError
from agent.keys.file import FileKey
from agent.keys.names import DEVICE, URN
from agent.link.errors import LinkError
from agent.recording import manifest
from agent.recording.seal import Custodian
from agent.recording.stream.media_signing import MediaSigner
from agent.recording.stream.sei import Vendor
from devices.binding import PinsAndLines
from devices.common.settings import SettingsError
from devices.pins import Pins, monotonic_ms
from devices.sensors.serial_lines import SerialLines
from devices.video_badge.camera import CameraKeeper
from devices.video_badge.offload import Offloader
from devices.video_badge.patterns import PATTERNS
from devices.video_badge.receiver import Receiver
from devices.video_badge.recorder import Recorder
from devices.video_badge.reports import Untaken
from devices.video_badge.ring import Ring
from devices.video_badge.settings import completed
from devices.video_badge.spool import Spool

MB = 1_000_000
SHORT_S = 0
RING_HEADROOM = 3
"""The ring's bytes are bounded at half as much again as the bitrate makes, in halves."""


class Binding(PinsAndLines):
    """The hardware of one badge.

    Args:
        settings: as in the kind's SETTINGS table.
        on_input: called with (name, value, time_ms), from any thread.

    Raises:
        SettingsError: a setting is wrong, or a key or certificate that it names.
        PinError: a pin is not to be had; pins taken before it are free again.
            A folder that cannot be written is no error, but a fault that is told.
    """

    def __init__(self, settings: Mapping[str, object], on_input: Callable[[str, Any, int], None]) -> None:
        self._settings = whole = completed(settings)
        self._on_input = on_input
        self._pre_s: int = whole["pre_s"]
        self._ring = Ring(self._pre_s, _ring_bytes(whole))
        try:
            self._identity = _identity(whole)
            custodian = Custodian.load(whole["custodian"])
            self._offloader = _offloader(whole, self._identity[2], self._offloaded)
        except (KeysError, AgentError, LinkError) as error:
            raise SettingsError(str(error)) from None
        self.recorder = Recorder(
            Spool(whole["spool"], whole["storage_mb"] * MB),
            custodian,
            self._signer,
            self._ring,
            fps=whole["fps"],
            positions=bool(whole["gnss_port"]),
            report=self._report,
        )
        self._camera = CameraKeeper(whole, self.recorder.take, self._sound, self._report)
        pins = Pins(on_input)
        _take_pins(pins, whole)
        port = whole["gnss_port"]
        super().__init__(pins, Receiver(port, on_input, self.recorder.take) if port else SerialLines(on_input))

    def start(self) -> None:
        """Begin to report, every input's present level first."""
        super().start()
        self.recorder.start_thread()
        self._camera.start()
        if self._offloader:
            self._offloader.start()

    def output(self, name: str, pattern: str, now_ms: int) -> None:
        """Do what the logic asks for. Raises KeyError for an unknown name or pattern."""
        if name == "recorder":
            order, _, word = pattern.partition(":")
            {"start": self.recorder.start, "stop": self.recorder.stop}[order](word)
        elif name == "ring":
            self._ring.limit({"short": SHORT_S, "whole": self._pre_s}[pattern])
        elif name == "offload":
            if self._offloader:
                self._offloader.alarm({"gentle": True, "free": False}[pattern])
        else:
            super().output(name, pattern, now_ms)

    def keep(self, type_: str, envelope: bytes) -> None:
        """An event was signed, see ``agent.kinds``: manifests are kept beside their segments."""
        if type_ == manifest.TYPE:
            self.recorder.keep(envelope)

    def close(self) -> None:
        """End the recording, if there is one; everything off and given back."""
        self._camera.close()
        self._lines.close()
        self.recorder.close()
        if self._offloader:
            self._offloader.stop()
        self._pins.close()

    def _signer(self) -> MediaSigner:
        """For a new recording. The certificate may have been renewed since the last one; what cannot be used changes nothing."""
        with contextlib.suppress(KeysError, AgentError):
            self._identity = _identity(self._settings)
        key, chain, device = self._identity
        return MediaSigner(key, chain, Vendor(__version__, device, "dabyl"))

    def _sound(self, rate: int, channels: int) -> None:
        self.recorder.sound = (rate, channels)

    def _report(self, report: object) -> None:
        self._on_input("recorder", report, monotonic_ms())

    def _offloaded(self, word: str, text: str) -> None:
        if word == "untaken":
            self._report(Untaken(text))


def _take_pins(pins: Pins, whole: Mapping[str, Any]) -> None:
    pins.take_contacts(("button", "tamper"), whole)
    pins.take_output("lamp", "lamp_pin", whole["lamp_pin"], PATTERNS["lamp"], frequency=whole["lamp_hz"])
    pins.take_output("buzzer", "buzzer_pin", whole["buzzer_pin"], PATTERNS["buzzer"])


def _identity(whole: Mapping[str, Any]) -> tuple[FileKey, list[bytes], str]:
    key = FileKey.load(whole["key"])
    chain = credentials.load_chain(whole["certificate"])
    credentials.check_leaf(chain, key.public_der, whole["certificate"])
    return key, chain, _device(chain[0], whole["certificate"])


def _device(certificate: bytes, path: str) -> str:
    """The identity in the badge's own certificate. Its URI stands there as it is, a GeneralName (tag 0x86) behind its length; to load X.509
    for this one name would cost the running badge 3 MB.
    """
    begin = f"{URN}{DEVICE}:".encode("ascii")
    at = certificate.find(begin)
    if at < 2 or certificate[at - 2] != 0x86:
        raise CredentialsError(f"{path}: this is no device's certificate; enrol the badge again")
    return certificate[at + len(begin) : at + certificate[at - 1]].decode("ascii", "replace")


def _offloader(whole: Mapping[str, Any], device: str, tell: Callable[[str, str], None]) -> Offloader | None:
    host, _, port = whole["evidence"].rpartition(":")
    if not host:
        return None
    centers = Centers.load(whole["centers"], "")
    files = (whole["evidence_ca"], whole["certificate"], whole["key"])
    return Offloader((host, int(port)), files, device, whole["spool"], centers.find, tell, _random)


def _ring_bytes(whole: Mapping[str, Any]) -> int:
    kbps = whole["bitrate_kbps"] + 128
    return int((whole["pre_s"] + 2) * kbps * 1000 // 8 * RING_HEADROOM // 2)


def _random() -> int:
    return int.from_bytes(os.urandom(4)) % 1000
