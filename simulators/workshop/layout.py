"""What the workshop keeps: made once, whole or not at all, and opened again after whatever has interrupted it."""

import json
import os
import pathlib
import shutil
import time
from collections.abc import Iterable

from agent.keys import pem
from agent.keys.file import FileKey
from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from provisioning.brokers.model import Certificates, Identities
from simulators.board.board import HOME
from simulators.board.kinds import KINDS
from simulators.broker.engines import Mosquitto, Nats, embedded
from simulators.site import HOST

CENTER, LISTENER, BROKER = "center-1", "installer-1", "broker-1"
INSTALLATION = "installation.toml"
LINK = {"keepalive_s": 20, "retry_min_ms": 250, "retry_max_ms": 3000}


class Layout:
    """The folder of a workshop. ``broker`` is not started yet, and lets these devices in (``identities``)."""

    def __init__(self, folder: pathlib.Path, devices: Iterable[str]) -> None:
        if not folder.exists():
            half = folder.with_name(folder.name + ".new")
            shutil.rmtree(half, ignore_errors=True)
            _make(half)
            half.rename(folder)
        self.folder = folder
        self.identities = Identities.of(devices=tuple(devices), centers=(CENTER,), consumers=(LISTENER,))
        certificates = Certificates(
            folder / "authority/root.pem",
            folder / "broker-1/chain.pem",
            folder / "broker-1/key.pem",
            folder / "authority/crl.pem",
        )
        self.broker: Mosquitto | Nats = embedded(folder / "broker", certificates, self.identities)
        self.installation = folder / INSTALLATION
        self.center = folder / "center.toml"
        _replace(self.installation, _installation(self.broker.port))
        _replace(self.center, _center(self.broker.port))

    def flash(self, name: str) -> pathlib.Path:
        """The flash of one board."""
        return self.folder / "boards" / f"{name}.flash"


def _make(folder: pathlib.Path) -> None:
    folder.mkdir(mode=0o700, parents=True)
    (folder / "boards").mkdir()
    now_ms = time.time_ns() // 1_000_000
    authority = Authority.create(folder / "authority", "Dabyl simulated workshop", now_ms)
    make_identity(folder / BROKER, authority, "broker", BROKER, now_ms, hosts=(HOST, "localhost"))
    center = make_identity(folder / CENTER, authority, "center", CENTER, now_ms)
    make_identity(folder / LISTENER, authority, "consumer", LISTENER, now_ms)
    signer = FileKey.load(os.fspath(center.key))
    (folder / "center.pub.pem").write_text(pem.encoded("PUBLIC KEY", signer.public_der), encoding="ascii")


def _installation(port: int) -> str:
    lines = [
        '[authority]\ndirectory = "authority"',
        f'[listen]\ncertificate = "{LISTENER}/chain.pem"\nkey = "{LISTENER}/key.pem"',
        f'[[broker]]\nhost = "{HOST}"\nport = {port}',
        f'[[wifi]]\nssid = "{HOME.ssid}"\nkey = "{HOME.key}"\nnetmask = "255.255.255.0"\ngateway = "{HOME.network}1"',
        "[link]\n" + "\n".join(f"{name} = {value}" for name, value in LINK.items()),
    ]
    for kind, wiring in KINDS.items():
        settings = (f"{name} = {json.dumps(value)}" for name, value in wiring.settings.items())
        lines.append(f"[kind.{kind}]\n" + "\n".join(settings))
    return "\n\n".join(lines) + "\n"


def _center(port: int) -> str:
    return f"""[broker]
hosts = ["{HOST}:{port}"]
ca = "authority/root.pem"
certificate = "{CENTER}/chain.pem"
key = "{CENTER}/key.pem"

[center]
id = "{CENTER}"
database = "center.db"
roots = ["authority/root.pem"]
crls = ["authority/crl.pem"]
certificate = "{CENTER}/chain.pem"
key = "{CENTER}/key.pem"
"""


def _replace(file: pathlib.Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.touch(0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(file)
