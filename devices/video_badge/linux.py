"""The badge's hardware on Linux: pins, camera, receiver, disk and the way to the evidence server, each in threads of its own. It decides
nothing: what the logic orders is handed on, what the threads report is handed in.
"""

import os
import pathlib
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
from devices.common.settings import SettingsError
from devices.pins import Pins, monotonic_ms
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


class Binding:
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
        whole = completed(settings)
        self._on_input = on_input
        self._pre_s: int = whole["pre_s"]
        self._ring = Ring(self._pre_s, _ring_bytes(whole))
        try:
            key, chain, device = _identity(whole)
            custodian = Custodian.load(whole["custodian"])
            self._offloader = _offloader(whole, device, self._offloaded)
        except (KeysError, AgentError, LinkError) as error:
            raise SettingsError(str(error)) from None
        self.recorder = Recorder(
            Spool(whole["spool"], whole["storage_mb"] * MB),
            custodian,
            lambda: MediaSigner(key, chain, Vendor(__version__, device, "dabyl")),
            self._ring,
            fps=whole["fps"],
            positions=bool(whole["gnss_port"]),
            report=self._report,
        )
        self._camera = CameraKeeper(whole, self.recorder.take, self._sound, self._report)
        self._receiver: Receiver | None = None
        if whole["gnss_port"]:
            self._receiver = Receiver(whole["gnss_port"], on_input, self.recorder.take)
        self._pins = Pins(on_input)
        try:
            self._take_pins(whole)
        except Exception:
            self._pins.close()
            raise

    def start(self) -> None:
        """Begin to report, every input's present level first."""
        self._pins.start()
        self.recorder.start_thread()
        self._camera.start()
        if self._receiver:
            self._receiver.start()
        if self._offloader:
            self._offloader.start()

    def read(self) -> dict[str, int]:
        """The present level of each fitted pin."""
        return self._pins.read()

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
            self._pins.output(name, pattern, now_ms)

    def keep(self, type_: str, envelope: bytes) -> None:
        """An event was signed, see ``agent.kinds``: manifests are kept beside their segments."""
        if type_ == manifest.TYPE:
            self.recorder.keep(envelope)

    def next_step_ms(self, now_ms: int) -> int | None:
        """When ``step`` is wanted next."""
        due = [self._pins.next_step_ms(now_ms), self._receiver.next_step_ms(now_ms) if self._receiver else None]
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def step(self, now_ms: int) -> None:
        """Advance the lamp, and take what came over the receiver's line."""
        self._pins.step(now_ms)
        if self._receiver:
            self._receiver.step(now_ms)

    def close(self) -> None:
        """End the recording, if there is one; everything off and given back."""
        self._camera.close()
        if self._receiver:
            self._receiver.close()
        self.recorder.close()
        if self._offloader:
            self._offloader.stop()
        self._pins.close()

    def _take_pins(self, whole: Mapping[str, Any]) -> None:
        pins = self._pins
        active_low = whole["button_active_low"]
        pull = "up" if active_low else "down"
        pins.take_input("button", "button_pin", whole["button_pin"], active_low=active_low, pull=pull)
        # The enclosure switch opens its loop: only a pull-up tells a cut wire from a closed door.
        pins.take_input("tamper", "tamper_pin", whole["tamper_pin"], active_low=whole["tamper_active_low"], pull="up")
        pins.take_output("lamp", "lamp_pin", whole["lamp_pin"], PATTERNS["lamp"], frequency=whole["lamp_hz"])
        pins.take_output("buzzer", "buzzer_pin", whole["buzzer_pin"], PATTERNS["buzzer"])

    def _sound(self, rate: int, channels: int) -> None:
        self.recorder.sound = (rate, channels)

    def _report(self, report: object) -> None:
        self._on_input("recorder", report, monotonic_ms())

    def _offloaded(self, word: str, text: str) -> None:
        if word == "untaken":
            self._report(Untaken(text))


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
    return Offloader((host, int(port)), files, device, pathlib.Path(whole["spool"]), centers.find, tell, _random)


def _ring_bytes(whole: Mapping[str, Any]) -> int:
    kbps = whole["bitrate_kbps"] + 128
    return int((whole["pre_s"] + 2) * kbps * 1000 // 8 * RING_HEADROOM // 2)


def _random() -> int:
    return int.from_bytes(os.urandom(4)) % 1000
