"""A whole site on one machine, laid out in one folder: authority, broker, center and devices, each with its own real identity.

The demo, the integration tests and the benchmarks stand on it. It writes files and gives the processes' command lines; it starts
nothing but the broker, and that only when asked. The agent and the center that run here are the product's own, unmodified.
"""

import dataclasses
import os
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence

from agent.keys import pem
from agent.keys.file import FileKey
from provisioning.authority.authority import Authority
from provisioning.authority.identity import IdentityFiles, make_identity
from provisioning.brokers.model import Certificates, Identities, Limits
from simulators.broker.engines import Mosquitto, Nats, embedded
from simulators.consumer import Consumer

HOST = "127.0.0.1"
CENTER = "center-1"
ALARMS = "center-1-alarms"
CONSUMER = "desk-1"
BROKER = "broker-1"
BUTTON_PIN = 17
TAMPER_PIN = 27
SUPPLY_PIN = 22
LAMP_PIN = 18
STROBE_PIN = 23
RELAY_PIN = 24


@dataclasses.dataclass(frozen=True)
class Device:
    """One simulated device: where its configuration and state are, and the socket of its board."""

    name: str
    folder: pathlib.Path
    config: pathlib.Path
    board: pathlib.Path
    identity: IdentityFiles

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the unmodified agent finds the simulated board."""
        return {
            **os.environ,
            "GPIOZERO_PIN_FACTORY": "dabyl",
            "DABYL_GPIO_SOCKET": os.fspath(self.board),
            "PYTHONUNBUFFERED": "1",
        }

    def agent(self, *options: str) -> list[str]:
        """The command line of its agent."""
        return [*dabyl(), "agent", "run", "--config", os.fspath(self.config), *options]


def dabyl() -> list[str]:
    """The ``dabyl`` command of this very installation, which needs no PATH."""
    return [sys.executable, "-c", "import sys; from agent.command import main; sys.exit(main())"]


class Site:
    """A site in the folder ``directory``, new or made before.

    Args:
        directory: kept short, because Unix sockets in it may have 107 bytes of path.
        devices: names of devices, each an SOS button.
        prefer: the broker engine to take, see ``embedded``.
        limits: what one client of the broker may cost.
        operators: names under which the center sends by further connections.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        devices: Sequence[str] = ("sos-0001",),
        *,
        prefer: str | None = None,
        limits: Limits | None = None,
        operators: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        now_ms = time.time_ns() // 1_000_000
        self.authority = Authority.create(directory / "authority", "Dabyl simulated site", now_ms)
        self.root = directory / "root.pem"
        self.root.write_text(self.authority.root_pem, encoding="ascii")
        self.crl = directory / "crl.pem"
        self.crl.write_text(self.authority.crl_pem(now_ms), encoding="ascii")
        broker = self._identity("broker", BROKER, hosts=(HOST, "localhost"))
        self.center_identity = self._identity("center", CENTER)
        self._identity("center", ALARMS, directory / "alarms")
        self.consumer_identity = self._identity("consumer", CONSUMER)
        self.operators = {name: self._identity("center", name, directory / name) for name in operators}
        self.broker: Mosquitto | Nats = embedded(
            directory / "broker",
            Certificates(self.root, broker.chain, broker.key, self.crl),
            Identities.of(devices=tuple(devices), centers=(CENTER, ALARMS, *operators), consumers=(CONSUMER,)),
            prefer=prefer,
            limits=limits,
        )
        self.center_key = directory / "center.pub.pem"
        signer = FileKey.load(os.fspath(self.center_identity.key))
        self.center_key.write_text(pem.encoded("PUBLIC KEY", signer.public_der), encoding="ascii")
        self.database = directory / "center.db"
        self.center_config = directory / "center.toml"
        self.center_config.write_text(self._center_toml(), encoding="utf-8")
        self.devices = {name: self.add_device(name) for name in devices}

    def add_device(
        self,
        name: str,
        *,
        kind: str = "sos-button",
        ports: Sequence[int] = (),
        settings: Mapping[str, object] | None = None,
        link: Mapping[str, int] | None = None,
    ) -> Device:
        """Make a device with identity and configuration. Made again under the same name it keeps its identity and state.

        Args:
            name: its identity.
            kind: its kind, as in the configuration.
            ports: TCP ports of brokers in order of preference; the site's broker if none are given.
            settings: of the kind, beside the pins of the SOS button.
            link: of the configuration's ``[link]``.
        """
        folder = self.directory / name
        identity_folder = folder / "identity"
        if identity_folder.exists():
            identity = self.devices[name].identity
        else:
            folder.mkdir(mode=0o700)
            identity = self._identity("device", name, identity_folder)
            (folder / "state").mkdir(mode=0o700)
        pins: dict[str, object] = {
            "button_pin": BUTTON_PIN,
            "lamp_pin": LAMP_PIN,
            "tamper_pin": TAMPER_PIN,
            "supply_pin": SUPPLY_PIN,
            "supply_active_low": True,
            "strobe_pin": STROBE_PIN,
            "relay_pin": RELAY_PIN,
        }
        chosen = {**(pins if kind == "sos-button" else {}), **(settings or {})}
        config = folder / "agent.toml"
        config.write_text(
            _toml(
                ("[device]", {"id": name, "kind": kind, "state": "state"}),
                ("[keys]", {"key": "identity/key.pem", "certificate": "identity/chain.pem"}),
                ("[center]", {"keys": [os.fspath(self.center_key)]}),
                *(
                    ("[[broker]]", {"host": HOST, "port": port, "ca": "identity/root.pem"})
                    for port in ports or (self.broker.port,)
                ),
                ("[link]", {"keepalive_s": 20, **(link or {})}),
                ("[settings]", chosen),
            ),
            encoding="utf-8",
        )
        return Device(name, folder, config, folder / "gpio", identity)

    def center(self, *options: str) -> list[str]:
        """The command line of the center."""
        return [*dabyl(), "center", "run", "--config", os.fspath(self.center_config), *options]

    def consumer(self) -> Consumer:
        """The consumer of verified events; it begins to connect."""
        identity = self.consumer_identity
        return Consumer(self.broker.port, root=self.root, chain=identity.chain, key=identity.key, name=CONSUMER)

    def order(self, device: str, boot: int, seq: int, state: str, *, by: str) -> list[str]:
        """The command line by which an operator moves an alarm on: ``acknowledged``, ``dispatched``, ``closed``."""
        alarm = [device, str(boot), str(seq)]
        options = ["--state", state, "--by", by, "--config", os.fspath(self.center_config)]
        return [*dabyl(), "center", "acknowledge", *alarm, *options]

    def _identity(
        self, role: str, name: str, folder: pathlib.Path | None = None, hosts: Sequence[str] = ()
    ) -> IdentityFiles:
        now_ms = time.time_ns() // 1_000_000
        return make_identity(folder or self.directory / role, self.authority, role, name, now_ms, hosts=hosts)

    def _center_toml(self) -> str:
        return _toml(
            (
                "[broker]",
                {
                    "hosts": [f"{HOST}:{self.broker.port}"],
                    "ca": "root.pem",
                    "certificate": "center/chain.pem",
                    "key": "center/key.pem",
                },
            ),
            (
                "[center]",
                {
                    "id": CENTER,
                    "database": "center.db",
                    "roots": ["root.pem"],
                    "crls": ["crl.pem"],
                    "certificate": "center/chain.pem",
                    "key": "center/key.pem",
                },
            ),
            ("[alarms]", {"certificate": "alarms/chain.pem", "key": "alarms/key.pem"}),
            ("[tap]", {"certificate": "consumer/chain.pem", "key": "consumer/key.pem"}),
        )


def _toml(*tables: tuple[str, Mapping[str, object]]) -> str:
    """TOML of these tables. Values are whole numbers, flags, texts without control characters, and lists and tables of them."""
    lines = []
    for head, table in tables:
        lines.append(head)
        lines += [f"{name} = {_value(value)}" for name, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_value(entry)}" for name, entry in value.items()) + "}"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
