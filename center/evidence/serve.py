"""The evidence server as a process: mutual TLS, HTTP by uvicorn, and what has to be done between requests."""

import asyncio
import logging
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.keys.certificate import Certificate
from agent.keys.chain import verify_chain
from agent.keys.credentials import load_chain
from agent.keys.errors import KeysError
from agent.keys.names import EVIDENCE
from agent.keys.revocation import RevocationList
from center.config import Configuration, EvidenceServer
from center.database import Database
from center.errors import CenterError, ConfigurationError
from center.evidence.app import Application
from center.evidence.custody import now_ms
from center.evidence.door import Door
from center.evidence.manifests import Manifests
from center.evidence.receipts import Receipts
from center.evidence.store import Limits, Store
from center.identity import own_key, trusted_roots
from center.report import Report
from center.service import load_crls
from center.watched import Watched

CONNECTIONS = 512
"""At a time; each may hold a chunk in memory."""
KEEP_ALIVE_S = 30
"""A connection without a request in between is closed after so long."""
HEADERS_S = 20.0
"""A new connection without a whole request for so long is closed."""
MAX_HEADERS = 16_384
FOLLOW_S = 0.25
FILES_S = 0.5
"""How often revocation lists and the own certificate are looked at."""
EXPIRE_S = 600.0
MIB = 1024 * 1024


class Connection(H11Protocol):
    """uvicorn's connection, which gives the client's certificate to the application, and waits for no request for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """TLS stands: the client has proven that it has its certificate's key."""
        super().connection_made(transport)
        found = transport.get_extra_info("ssl_object")
        self.app_state = {**self.app_state, "certificate": found.getpeercert(binary_form=True)}
        self._patience = self.loop.call_later(HEADERS_S, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request. Once its headers are whole, the application watches over its body."""
        super().data_received(data)
        if self.cycle is not None:
            self._patience.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._patience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        self.transport.close()


class EvidenceService:
    """The evidence server of a configuration; nothing is opened before ``run``.

    Raises:
        ConfigurationError: a file cannot be used.
        StoreError: the store's folder cannot be used.
        DatabaseError: there is no center's database yet.
    """

    def __init__(self, configuration: Configuration, report: Report) -> None:
        if configuration.evidence is None:
            raise ConfigurationError("the table [evidence] is missing; docs/center.toml is an example")
        self._access = configuration.evidence
        self._report = report
        roots = trusted_roots(configuration.roots)
        self._lists = load_crls(configuration.crls)
        self._crls = Watched(configuration.crls, load_crls)
        signer, chain = own_key(configuration, roots, self._lists, now_ms())
        self._tls = tls_context(self._access, configuration, roots, self._lists)
        self._certificate = Watched(
            [self._access.certificate, self._access.key],
            lambda _paths: tls_context(self._access, configuration, roots, self._lists),
        )
        self._trouble = ""
        self._database = Database(configuration.database, create=False)
        limits = Limits(self._access.quota_mib * MIB, self._access.keep_free_mib * MIB)
        self._store = Store(self._access.folder, limits)
        self._manifests = Manifests(self._database, self._store, roots, report)
        receipts = Receipts(self._store, self._manifests, signer, configuration.id, chain)
        door = Door(self._database, roots, lambda: self._lists)
        self._application = Application(door, self._store, receipts, report, now_ms)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Serve until ``stopped``.

        Raises:
            ConfigurationError: the address cannot be listened on.
        """
        asyncio.run(self._run(stopped))

    async def _run(self, stopped: Callable[[], bool]) -> None:
        host, port = self._access.listen
        server = uvicorn.Server(
            uvicorn.Config(
                self._application.asgi,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL,  # what clients do wrong is told them, not the log
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                h11_max_incomplete_event_size=MAX_HEADERS,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=5,
                ssl_context_factory=lambda _config, _default: self._tls,
            )
        )
        listening = _listen(host, port)
        try:
            port = listening.getsockname()[1]
            self._report.say("listening", f"evidence is taken at {host}:{port}", host=host, port=port)
            chores = asyncio.create_task(self._chores(server, stopped))
            await server.serve([listening])
            chores.cancel()
        finally:
            listening.close()
            self._database.close()
        self._report.say("stopped", "what was receipted is stored")

    async def _chores(self, server: uvicorn.Server, stopped: Callable[[], bool]) -> None:
        """Follow the center's database, look at revocation lists, remove what has expired; end the server when told to."""
        files_at = expire_at = 0.0
        more = False
        while not stopped():
            try:
                more = await asyncio.to_thread(self._manifests.follow)
                now = time.monotonic()
                if now >= files_at:
                    files_at = now + FILES_S
                    self._reload()
                    self._report.flush()
                if now >= expire_at:
                    expire_at = now + EXPIRE_S
                    await asyncio.to_thread(self._store.expire, time.time())
            except CenterError as error:
                self._report.say("trouble", str(error))
                more = False
                await asyncio.sleep(FILES_S)
            await asyncio.sleep(0 if more else FOLLOW_S)
        server.should_exit = True

    def _reload(self) -> None:
        """Take over what has changed in the revocation lists and the own certificate. What is wrong with them is told once."""
        try:
            self._lists = self._crls.changed() or self._lists
            if (
                self._certificate.changed() is not None
            ):  # all of it is good, so it can be taken into the context that is in use
                self._tls.load_cert_chain(self._access.certificate, self._access.key, password="")
                self._report.say("certificate", "read again: new connections are shown it")
        except (CenterError, OSError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._report.say("trouble", str(error))
        else:
            self._trouble = ""


def tls_context(
    access: EvidenceServer,
    configuration: Configuration,
    roots: Sequence[Certificate],
    crls: Sequence[RevocationList],
) -> ssl.SSLContext:
    """Mutual TLS 1.2 or later: our certificate is shown, and none comes in whom no trusted root vouches for.

    Raises:
        ConfigurationError: a file cannot be used.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.verify_mode = ssl.CERT_REQUIRED
    try:
        verify_chain(load_chain(str(access.certificate)), roots, now_ms(), crls, role=EVIDENCE)
        tls.load_cert_chain(access.certificate, access.key, password="")
        for root in configuration.roots:
            tls.load_verify_locations(root)
    except KeysError as error:
        raise ConfigurationError(f"[evidence] certificate: {error}") from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or error
        raise ConfigurationError(f"[evidence] certificate and key: {reason}") from None
    return tls


def check_files(configuration: Configuration) -> None:
    """Make sure that the files of [evidence] can be used, if there is such a table.

    Raises:
        ConfigurationError: one cannot; the text says which.
    """
    if configuration.evidence is not None:
        roots, crls = trusted_roots(configuration.roots), load_crls(configuration.crls)
        tls_context(configuration.evidence, configuration, roots, crls)


def serve(configuration: Configuration, log: str, stopped: Callable[[], bool]) -> None:
    """Run the evidence server until ``stopped``.

    Raises:
        CenterError: with the exit code of what stands in the way.
    """
    EvidenceService(configuration, Report(sys.stderr, as_json=log == "json")).run(stopped)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigurationError(f"[evidence] listen: {host}:{port}: {error.strerror or error}") from None
