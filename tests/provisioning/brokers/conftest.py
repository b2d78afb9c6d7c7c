"""A site's authority, and for each engine one broker a module, started from what the command wrote for that authority."""

import pathlib
import secrets
import shutil
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from provisioning.authority.identity import IdentityFiles, make_identity
from provisioning.cli.main import main
from simulators.site import Site
from tests.provisioning.brokers.running import Client, Running

ENGINES = [
    pytest.param("mosquitto", marks=pytest.mark.mosquitto),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
    "nats",
]
DEVICES = ("sos-0001", "sos-0002", "sos-0003", "sos-0004")
REVOKED, REISSUED = "sos-0003", "sos-0004"


class Yard:
    """A site whose broker is the provisioned one: ``sos-0003`` is revoked, ``sos-0004`` has a revoked certificate and a good one."""

    def __init__(self, directory: pathlib.Path, engine: str) -> None:
        self.engine = engine
        self.site = Site(directory / "site", DEVICES)
        authority = self.site.authority
        for name in (REVOKED, REISSUED):
            authority.revoke(self.site.devices[name].identity.issued.serial, now_ms())
        self.second = make_identity(directory / "second", authority, "center", "center-2", now_ms())
        self.good = make_identity(directory / "good", authority, "device", REISSUED, now_ms())
        self.out = directory / "broker"
        shutil.copytree(
            self.site.directory / "broker", self.out
        )  # chain.pem and key.pem, where the command looks for them
        (self.out / "root.pem").unlink()
        self.command = ["broker", engine, "--out", str(self.out), "--authority", str(self.site.directory / "authority")]
        self.command += ["--listen", "127.0.0.1", "--port", str(self.site.broker.port)]
        assert main(self.command) == 0
        self.running = Running(engine, self.out, self.site.broker.port)

    @property
    def port(self) -> int:
        return self.site.broker.port

    def identity(self, name: str) -> IdentityFiles:
        if name == "center-2":
            return self.second
        if name == "center-1":
            return self.site.center_identity
        if name == "desk-1":
            return self.site.consumer_identity
        return self.site.devices[name].identity

    def context(self, identity: IdentityFiles | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.site.root))
        if identity is not None:
            context.load_cert_chain(identity.chain, identity.key)
        return context


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module", params=ENGINES)
def yard(request: pytest.FixtureRequest) -> Iterator[Yard]:
    directory = pathlib.Path(tempfile.mkdtemp(prefix="dabyl-"))  # short, for Unix sockets
    made = Yard(directory, request.param)
    yield made
    made.running.stop()
    shutil.rmtree(directory, ignore_errors=True)


Join = Callable[..., Client]


@pytest.fixture
def join(yard: Yard) -> Iterator[Join]:
    """Opens a connection with the certificate of a name, under a client ID as devices have them unless another is said."""
    clients: list[Client] = []

    def connect(
        name: str | IdentityFiles,
        *,
        client_id: str | None = None,
        clean: bool = True,
        will: str | None = None,
    ) -> Client:
        identity = yard.identity(name) if isinstance(name, str) else name
        own = name if isinstance(name, str) else name.issued.identity
        chosen = client_id or f"{own}-{secrets.token_hex(8)}"
        clients.append(Client(yard.port, yard.context(identity), chosen, clean=clean, will=will))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
