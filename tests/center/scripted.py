"""A throw-away authority and devices that follow a script: made of the wire contract and keys only, none of the agent's run time."""

from pathlib import Path

from agent.keys.credentials import chain_from_pem
from agent.keys.file import FileKey
from agent.keys.names import SERVERS
from agent.keys.request import certificate_request
from agent.wire import chain, cose, event, presence, topics
from agent.wire.event import Event
from agent.wire.presence import Presence
from provisioning.authority.authority import Authority, Issued

NOW = 1_780_000_000_000
"""A moment in 2026, ms since 1970 UTC."""


class Pki:
    """An authority in ``directory``; everything it issues lies there as files too."""

    def __init__(self, directory: Path, now_ms: int = NOW) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.now_ms = now_ms
        self.authority = Authority.create(directory / "authority", "test", now_ms - 86_400_000)
        self.root = directory / "root.pem"
        self.root.write_text(self.authority.root_pem)
        self.crl = directory / "crl.pem"
        self.crl.write_text(self.authority.crl_pem(now_ms))
        self.issued: dict[str, Issued] = {}

    def leaf(self, role: str, name: str) -> tuple[Path, Path]:
        """Files of a new certificate chain and its key."""
        key_file, pem = self.directory / f"{name}.key", self.directory / f"{name}.pem"
        signer = FileKey.generate(str(key_file))
        hosts = ("127.0.0.1", "localhost") if role in SERVERS else ()
        request = certificate_request(signer, name)
        self.issued[name] = self.authority.issue(role, request, name, self.now_ms - 3_600_000, 30, hosts=hosts)
        pem.write_text(self.issued[name].chain_pem)
        return pem, key_file

    def signer(self, name: str) -> FileKey:
        """The key of a leaf made before."""
        return FileKey.load(str(self.directory / f"{name}.key"))

    def revoke(self, name: str) -> str:
        """Revoke a leaf; the new list stands in ``crl`` and is returned."""
        text = self.authority.revoke(self.issued[name].serial, self.now_ms)
        fresh = self.crl.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.crl)
        return text

    def device(self, name: str, boot: int = 1, kind: str = "sos-button") -> "Device":
        """A new device."""
        pem, _ = self.leaf("device", name)
        return Device(name, self.signer(name), chain_from_pem(pem.read_text(), name), boot, self.now_ms, kind)


class Message:
    """What a device would publish."""

    def __init__(self, topic: str, envelope: bytes, made: Event | None = None, payload: bytes = b"") -> None:
        self.topic = topic
        self.envelope = envelope
        self.made = made
        self.payload = payload

    @property
    def link(self) -> bytes:
        return chain.link(self.payload)


class Device:
    """One device's side of the contract. ``now_ms`` is its synchronised clock; ``up`` counts from 0 at its boot."""

    def __init__(
        self,
        name: str,
        signer: "cose.Signer",
        certificates: list[bytes],
        boot: int,
        now_ms: int,
        kind: str = "sos-button",
    ) -> None:
        self.name = name
        self.kind = kind
        self.signer = signer
        self.certificates = certificates
        self.chain = chain.Chain(boot)
        self.now_ms = now_ms
        self.up = 1_000
        self.session = 0

    def reboot(self, boot: int, kept: "Message | None" = None) -> Message:
        """A new boot, whose first event names ``kept`` as the last one that was kept (None: nothing)."""
        self.chain = chain.Chain(boot, kept.link if kept else chain.ZERO)
        self.up, self.session = 1_000, 0
        last = [kept.made.boot, kept.made.seq, kept.link] if kept and kept.made else None
        return self.event("device.booted", {"last": last})

    def event(
        self,
        kind: str = "health.report",
        data: dict[str, object] | None = None,
        *,
        clock: int = 2,
        at: int | None = None,
    ) -> Message:
        """The next event, sealed."""
        self.up += 10
        happened = at if at is not None else (self.now_ms if clock else 0)
        made = Event(
            self.name,
            self.kind,
            kind,
            self.chain.boot,
            self.chain.seq + 1,
            happened,
            clock,
            self.up,
            self.chain.prev,
            data or {},
        )
        payload = made.encode()
        self.chain.advance(payload)
        return self.sealed(made)

    def sealed(self, made: Event) -> Message:
        """Any event, signed with this device's key; the chain does not move."""
        payload = made.encode()
        topic = topics.topic(made.device, topics.leaf_of(made.type))
        return Message(topic, cose.sign(payload, event.CONTEXT, self.signer), made, payload)

    def press(self, **more: object) -> Message:
        """An alarm."""
        return self.event("alarm.raised", {"level": "sos", **more})

    def greeting(self, *, online: bool = True, session: int | None = None, keepalive: int = 60) -> Message:
        """A presence with the certificate chain; a new session unless one is named."""
        if session is None:
            self.session += 1
            session = self.session
        self.up += 10
        told = Presence(
            self.name, self.kind, self.chain.boot, session, online, self.now_ms, 2, self.up, keepalive, "test 1"
        )
        payload = told.encode()
        envelope = cose.sign(payload, presence.CONTEXT, self.signer, cose.x5chain(self.certificates))
        return Message(topics.topic(self.name, topics.PRESENCE), envelope, payload=payload)
