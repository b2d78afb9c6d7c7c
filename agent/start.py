"""Putting an agent together from its configuration, and running it until it is told to stop."""

import asyncio
import os
import selectors
import signal
import time

from agent import config, kinds
from agent.centers import Centers
from agent.clock import Clock
from agent.errors import AgentError, BusyError, IdentityError
from agent.journal.disk import DiskStore
from agent.journal.errors import JournalInUse
from agent.journal.recent import RecentJournal
from agent.keys import credentials, pair
from agent.keys.errors import KeysError
from agent.keys.file import FileKey
from agent.log import Log
from agent.runtime import Agent
from agent.service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agent.config import Config
    from agent.keys.hsm import Pkcs11Key

SYNCHRONISED = "/run/systemd/timesync/synchronized"
"""Exists while systemd-timesyncd says that the clock is synchronised (systemd-timesyncd.service(8))."""


ASK_EVERY_MS = 10_000
SEGMENT_BYTES = 262144
"""Size at which the journal closes a segment, a quarter of the whole at most."""


def run(path: str, form: str) -> int:
    """Run the agent of the configuration file ``path``; the process's exit code.

    Args:
        path: the configuration file.
        form: how to log, one of ``agent.log.FORMATS``.
    """
    service = Service(dict(os.environ))
    log = Log(form, service.journald)
    try:
        settings = config.read(path)
        agent, lock = assemble(settings, service, log)
        try:
            # select() waits in microseconds where epoll waits in milliseconds, and a device has a handful of descriptors.
            with asyncio.Runner(loop_factory=_loop) as runner:
                runner.get_loop().set_exception_handler(lambda _loop, context: _defect(log, context))
                runner.run(_until_told(agent))
        finally:
            lock.close()
    except AgentError as error:
        log.error(str(error))  # noqa: TRY400  our own log; a person gets the sentence, not the traceback
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    except Exception as error:  # noqa: BLE001  whatever it is, a sentence for a person and a new start by the service manager
        log.error("the agent failed, which is a defect; please report it", error=described(error))  # noqa: TRY400  as above
        return 1
    return 0


def signer(settings: "Config") -> "FileKey | Pkcs11Key":
    """The signing key that the configuration names.

    Raises:
        IdentityError: it cannot be used.
    """
    uri = settings.keys["signing"]
    try:
        if uri:
            from agent.keys.hsm import Pkcs11Key  # noqa: PLC0415  only devices with a token load it

            return Pkcs11Key(uri)
        return FileKey.load(settings.resolve(settings.keys["key"]))
    except KeysError as error:
        raise IdentityError(str(error)) from None


def certificate_path(settings: "Config") -> str:
    """The file with the certificate of the signing key, which is the TLS key's unless a token signs."""
    return settings.resolve(settings.keys["signing_certificate"] or settings.keys["certificate"])


def certificates(settings: "Config", public_der: bytes) -> "list[bytes]":
    """The device's certificate chain (DER), which belongs to the signing key.

    Raises:
        IdentityError: it cannot be read, or belongs to another key.
    """
    path = certificate_path(settings)
    try:
        chain = credentials.load_chain(path)
        credentials.check_leaf(chain, public_der, path)
    except KeysError as error:
        raise IdentityError(str(error)) from None
    return chain


def assemble(settings: "Config", service: Service, log: Log) -> "tuple[Agent, DiskStore]":
    """The agent of a configuration, and its open disk store, which holds the lock on the journal.

    Raises:
        AgentError: configuration, keys, or another agent on the same journal.
    """
    kind = kinds.find(settings.device["kind"])
    pair.settle(settings.resolve(settings.keys["key"]), settings.resolve(settings.keys["certificate"]))
    key = signer(settings)
    chain = certificates(settings, key.public_der)
    state = settings.resolve(settings.device["state"])
    centers = Centers.load([settings.resolve(name) for name in settings.center["keys"]], state)
    try:
        store = DiskStore(os.path.join(state, "journal"))
    except JournalInUse as error:
        raise BusyError(str(error)) from None
    most = settings.journal["max_mb"] * 1_000_000
    journal = RecentJournal(store, max_bytes=most, segment_bytes=min(SEGMENT_BYTES, most // 4))
    report = journal.open()
    if journal.trouble is not None:
        log.error("the disk is in trouble; events are sent, but kept in memory only", reason=journal.trouble[1])
    if report.bytes_cut or report.damaged or report.unreadable:
        log.warning(
            "the journal was mended",
            bytes_cut=report.bytes_cut,
            damaged=len(report.damaged),
            unreadable=len(report.unreadable),
        )
    clock = Clock(_monotonic_ms, _system_ms, Synchronised(_monotonic_ms), journal.notes.get("time_floor", 0))
    return Agent(settings, kind, key, chain, centers, journal, clock, service, log), store


async def _until_told(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(agent.run())

    def stop() -> None:
        if not task.cancelling():  # a second signal must not cut the orderly end short
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        return


def described(error: BaseException) -> str:
    """An exception in one line: type, text, and where it was raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}: {error}{where}"


def _defect(log: Log, context: "dict[str, Any]") -> None:
    """Something failed in one of the loop's callbacks: say so and go on, for the next press must find the agent alive."""
    error = context.get("exception")
    what = described(error) if error is not None else context.get("message")
    log.error("a step failed, which is a defect; please report it", error=what)


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _system_ms() -> int:
    return time.time_ns() // 1_000_000


class Synchronised:
    """Whether the system says that its clock is synchronised, asked of the disk at most every ten seconds."""

    def __init__(self, monotonic: "Callable[[], int]", path: str = SYNCHRONISED) -> None:
        self._monotonic = monotonic
        self._path = path
        self._ask_at_ms = 0
        self._answer = False

    def __call__(self) -> bool:
        """The answer of at most ten seconds ago."""
        now_ms = self._monotonic()
        if now_ms >= self._ask_at_ms:
            self._ask_at_ms = now_ms + ASK_EVERY_MS
            self._answer = os.path.exists(self._path)
        return self._answer
