"""A throw-away authority that also issues what a real one never would, and TLS servers that misbehave on purpose."""

import asyncio
import contextlib
import datetime as dt
import gc
import ipaddress
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.link.dial import context
from tests.agent.playing import played

DAY = dt.timedelta(days=1)
PEM = serialization.Encoding.PEM
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[..., AbstractAsyncContextManager[int]]


class Authority:
    """One root that signs anything."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.now = dt.datetime.now(dt.UTC)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        own = self._builder(self.name, self.key, -30, 30).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.root = folder / "root.pem"
        self.root.write_bytes(own.sign(self.key, hashes.SHA256()).public_bytes(PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: float, ends: float
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + begins * DAY)
            .not_valid_after(self.now + ends * DAY)
        )

    def leaf(
        self,
        name: str,
        role: str = "broker",
        *,
        host: str = "127.0.0.1",
        begins: float = -1,
        ends: float = 1,
        server: bool = True,
    ) -> tuple[str, str]:
        """Files of a certificate, valid from and to these days from now, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"urn:dabyl:{role}:{name}")]
        if host:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, begins, ends)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        certificate, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(PEM))
        key_file.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return str(certificate), str(key_file)

    def server(self, *leaf: str) -> ssl.SSLContext:
        """A server's context that wants a certificate of this authority from its clients."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*leaf)
        made.load_verify_locations(self.root)
        made.verify_mode = ssl.CERT_REQUIRED
        return made


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("link") / "ours")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("link") / "theirs")


@pytest.fixture(scope="session")
def broker(authority: Authority) -> tuple[str, str]:
    return authority.leaf("broker-1")


@pytest.fixture
def tls(authority: Authority) -> ssl.SSLContext:
    """A device's context."""
    return context(str(authority.root), *authority.leaf("pillar-017", "device", host="", server=False))


@pytest.fixture
def serve(authority: Authority, broker: tuple[str, str]) -> Serve:
    """Listens while it is entered, and gives the port. Without ``plain`` it speaks TLS with the certificate of ``leaf``."""

    @contextlib.asynccontextmanager
    async def listening(handler: Handler, leaf: tuple[str, str] = broker, *, plain: bool = False) -> AsyncIterator[int]:
        done = set()
        writers = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            done.add(task)
            writers.append(writer)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(reader, writer)
            writer.close()
            done.discard(task)

        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=None if plain else authority.server(*leaf))
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in list(done):
                if task is not None:
                    task.cancel()
            for writer in writers:
                with contextlib.suppress(AttributeError):  # Debian 12's Python: it was closed twice, as its end does
                    writer.transport.abort()  # an orderly end may take longer than the loop lives
            await asyncio.sleep(0.01)

    return listening


@pytest.fixture
def play() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a scenario in a loop of its own, in which no callback may fail unnoticed."""

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        failures = played(scenario)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ResourceWarning
            )  # what the test's own server had in a handshake when the loop ended
            gc.collect(1)
        unexpected = [f for f in failures if not isinstance(f.get("exception"), ssl.SSLError | ConnectionError)]
        assert not unexpected, unexpected

    return run
