"""What a broker must allow, said once for every engine: identities by role, their rights, files and limits.

Pure. An engine's module turns a `BrokerModel` into that engine's configuration; tests and provisioning read the same rules from here.
Nothing here starts anything.
"""

import dataclasses
import ipaddress
import pathlib
import re
from typing import Self

from provisioning.brokers.errors import BrokerModelError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")  # a certificate's CN; the wire contract's rule for a device

_UNQUOTABLE = "\"'\\\n\r$`"  # what some engine's quotes do not hold
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")

DEVICE_WRITES = ("alarm", "event", "presence")
DEVICE_READS = ("receipt", "command")


@dataclasses.dataclass(frozen=True, slots=True)
class Identities:
    """Certificate CNs by role.

    A center that keeps several connections has one certificate for each (`center-1`, `center-1-alarms`), because a broker takes the
    CN for the client ID: otherwise any valid certificate could throw any device out by using its client ID.

    Raises:
        BrokerModelError: a name is malformed or has two roles.
    """

    devices: frozenset[str] = frozenset()
    centers: frozenset[str] = frozenset()
    consumers: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in sorted(self.devices | self.centers | self.consumers | self.revoked):
            if not NAME.fullmatch(name):
                raise BrokerModelError(f"{name!r} cannot be a certificate's CN here: 3 to 63 of a-z, 0-9 and '-'")
        twice = (self.devices & self.centers) | (self.devices & self.consumers) | (self.centers & self.consumers)
        if twice:
            raise BrokerModelError(f"{sorted(twice)} have two roles: give each role a certificate of its own")

    @classmethod
    def of(
        cls, *, devices: tuple[str, ...] = (), centers: tuple[str, ...] = (), consumers: tuple[str, ...] = ()
    ) -> Self:
        """Identities from plain tuples of names."""
        return cls(frozenset(devices), frozenset(centers), frozenset(consumers))

    def with_device(self, name: str) -> Self:
        """The same and one device more."""
        return dataclasses.replace(self, devices=self.devices | {name})

    def without(self, name: str) -> Self:
        """The same, with `name` revoked: it may do nothing any more."""
        return dataclasses.replace(self, revoked=self.revoked | {name})


@dataclasses.dataclass(frozen=True, slots=True)
class Rights:
    """MQTT topic filters."""

    write: tuple[str, ...]
    read: tuple[str, ...]


def device_rights(name: str) -> Rights:
    """A device writes only below its own name and reads only what is meant for it."""
    return Rights(
        write=tuple(f"dabyl/v1/{name}/{last}" for last in DEVICE_WRITES),
        read=tuple(f"dabyl/v1/{name}/{last}" for last in DEVICE_READS),
    )


CENTER_RIGHTS = Rights(
    write=(*(f"dabyl/v1/+/{last}" for last in DEVICE_READS), "dabyl/verified/v1/#"),
    read=(*(f"dabyl/v1/+/{last}" for last in DEVICE_WRITES), "dabyl/verified/v1/#"),
)
CONSUMER_RIGHTS = Rights(write=(), read=("dabyl/verified/v1/#",))


def rights_of(identities: Identities) -> dict[str, Rights]:
    """Name to rights, for everyone not revoked, sorted by name."""
    rights = {name: device_rights(name) for name in identities.devices}
    rights |= dict.fromkeys(identities.centers, CENTER_RIGHTS)
    rights |= dict.fromkeys(identities.consumers, CONSUMER_RIGHTS)
    return {name: rights[name] for name in sorted(rights) if name not in identities.revoked}


@dataclasses.dataclass(frozen=True, slots=True)
class Certificates:
    """Files of the broker's side of mutual TLS, all PEM.

    Args:
        root: certificate(s) that every client's must lead to.
        certificate: the broker's own, with what stands between it and the root.
        key: its private key.
        crl: revoked certificates; needs an engine that reads it (Mosquitto).
    """

    root: pathlib.Path
    certificate: pathlib.Path
    key: pathlib.Path
    crl: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one client may cost. The contract's largest message is 64 KiB."""

    packet_bytes: int = 256 * 1024
    queued_messages: int = 100_000
    queued_bytes: int = 256 * 1024 * 1024
    inflight_messages: int = 32
    connections: int = 10_000
    autosave_s: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class BrokerModel:
    """All that an engine's configuration says.

    Args:
        port: of the only listener.
        directory: where the engine keeps its configuration, log and messages.
        run_as: user the engine stays, where it would change it by itself (Mosquitto started by root).
        listen: IPv4 address of the listener; 0.0.0.0 is every one of the machine.
    """

    port: int
    directory: pathlib.Path
    certificates: Certificates
    identities: Identities
    run_as: str
    limits: Limits = Limits()
    listen: str = "127.0.0.1"

    def __post_init__(self) -> None:
        files = (self.directory, self.certificates.root, self.certificates.certificate, self.certificates.key)
        for file in (*files, *((self.certificates.crl,) if self.certificates.crl else ())):
            if any(character in str(file) for character in _UNQUOTABLE):
                raise BrokerModelError(f"the path {str(file)!r} cannot stand in a broker's configuration: rename it")
        if not _USER.fullmatch(self.run_as):
            raise BrokerModelError(f"{self.run_as!r} is no name of a user")
        if not 0 < self.port < 65536:
            raise BrokerModelError(f"the port {self.port} is not between 1 and 65535")
        try:
            ipaddress.IPv4Address(self.listen)
        except ValueError:
            raise BrokerModelError(f"{self.listen!r} is no IPv4 address: 0.0.0.0 listens on all") from None
