"""Real brokers with mutual TLS hear what the session says, and it hears them: Mosquitto in both versions, NATS in 3.1.1."""

import contextlib
import pathlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.link.dial import context
from agent.mqtt import reasons
from agent.mqtt.packets import V5, V311
from agent.mqtt.session import Session
from provisioning.brokers.model import Limits
from simulators.site import CENTER, HOST, Site
from tests.integration.mqtt import Voice

DEVICES = tuple(f"sos-{number:04}" for number in range(1, 10))
MAX_RECEIVED = 131072
PATIENCE_S = 15
SIZES = (0, 1, 60_000)


class Device:
    """A session on a TLS socket, driven by hand. Without ``pings`` it keeps nothing alive."""

    def __init__(self, site: Site, name: str, version: int, keepalive_s: int = 60, *, pings: bool = True) -> None:
        identity = site.devices[name].identity
        tls = context(str(identity.root), str(identity.chain), str(identity.key))
        plain = socket.create_connection((HOST, site.broker.port), PATIENCE_S)
        self._sock = tls.wrap_socket(plain, server_hostname=HOST)
        self._sock.settimeout(0.02)
        self._pings = pings
        self.name = name
        self.ended = False
        self.happenings: list[Any] = []
        self.sent = b""
        self.session = Session(version, MAX_RECEIVED, _now_ms())
        self.session.connect(f"{name}-5f3a", keepalive_s, self.topic("presence"), b"will of " + name.encode())

    def topic(self, leaf: str) -> str:
        """One of its topics."""
        return f"dabyl/v1/{self.name}/{leaf}"

    def turn(self) -> None:
        """Send what is due, and take what has come."""
        if self._pings and self.session.keepalive(_now_ms()) is None:
            self.ended = True
        out = self.session.to_send(_now_ms())
        self.sent += out
        with contextlib.suppress(ssl.SSLError, ConnectionError):  # a broker that hung up may have said why before
            self._sock.sendall(out)
        try:
            came = self._sock.recv(16384)
        except TimeoutError:
            return
        except (ssl.SSLError, ConnectionError):
            came = b""
        if came:
            self.happenings += self.session.receive(came, _now_ms())
        self.ended = self.ended or not came

    def until(self, condition: Callable[[], object]) -> None:
        """Take turns until it holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"did not happen; so far {self.happenings!r:.2000}"
            self.turn()

    def of(self, what: str) -> list[tuple[Any, ...]]:
        """The happenings of one kind, without their name."""
        return [one[1:] for one in self.happenings if one[0] == what]

    def online(self) -> "Device":
        """Wait for the broker's two answers."""
        self.until(lambda: self.of("connected") or self.ended)
        assert self.of("connected") == [(0,)]
        self.session.subscribe([self.topic("receipt"), self.topic("command")])
        self.until(lambda: self.of("subscribed"))
        assert self.of("subscribed") == [(b"\x01\x01",)]
        return self

    def break_off(self) -> None:
        """As a dead device does."""
        self._sock.close()

    def close(self) -> None:
        """Politely."""
        self.session.disconnect()
        self._sock.sendall(self.session.to_send(_now_ms()))
        self._sock.close()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


SiteOf = Callable[[str], Site]
Join = Callable[..., Device]
SPOKEN = [
    pytest.param(("mosquitto", V311), marks=pytest.mark.mosquitto, id="mosquitto 3.1.1"),
    pytest.param(("mosquitto", V5), marks=pytest.mark.mosquitto, id="mosquitto 5"),
    pytest.param(("nats", V311), id="nats 3.1.1"),
]


@pytest.fixture(scope="module")
def site_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteOf]:
    """The site of an engine, its broker running."""
    made: dict[str, Site] = {}

    def get(engine: str) -> Site:
        if engine not in made:
            made[engine] = Site(tmp_path_factory.mktemp(engine), DEVICES, prefer=engine)
            made[engine].broker.start()
        return made[engine]

    yield get
    for site in made.values():
        site.broker.stop()


@pytest.fixture(params=SPOKEN)
def spoken(request: pytest.FixtureRequest) -> tuple[str, int]:
    """A broker, and a version that it speaks."""
    engine, version = request.param
    return engine, version


@pytest.fixture
def site(site_of: SiteOf, spoken: tuple[str, int]) -> Site:
    return site_of(spoken[0])


@pytest.fixture
def join() -> Iterator[Join]:
    """Connects devices; whichever is still there in the end is broken off."""
    devices: list[Device] = []

    def connect(site: Site, name: str, version: int, keepalive_s: int = 60, *, pings: bool = True) -> Device:
        devices.append(Device(site, name, version, keepalive_s, pings=pings))
        return devices[-1]

    yield connect
    for device in devices:
        device.break_off()


@pytest.fixture
def device(site: Site, spoken: tuple[str, int], join: Join) -> Callable[..., Device]:
    """Connects a device to the broker and in the version of the test."""
    return lambda name, *options, **more: join(site, name, spoken[1], *options, **more).online()


@pytest.fixture
def center(site: Site) -> Iterator[Voice]:
    """Hears all devices' events and presences."""
    voice = Voice(site.broker.port, site.center_identity, CENTER, ("dabyl/v1/+/event", "dabyl/v1/+/presence"))
    yield voice
    voice.close()


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_messages_of_every_size_pass_both_ways_whole(device: Join, center: Voice) -> None:
    one = device(DEVICES[0])
    payloads = [bytes((letter,)) * size for letter, size in enumerate(SIZES, 65)]
    mids = [one.session.publish(one.topic("event"), payload) for payload in payloads]
    one.until(lambda: len(one.of("acknowledged")) == len(mids))
    assert {mid for mid, _ in one.of("acknowledged")} == set(mids)
    assert all(code < 0x80 for _, code in one.of("acknowledged"))
    until(lambda: len(center.of(one.name, "event")) >= len(payloads), "the center hears everything")
    assert center.of(one.name, "event")[-3:] == payloads

    for payload in payloads:
        center.send(one.topic("receipt"), payload)
    one.until(lambda: len(one.of("message")) >= len(payloads))
    assert one.of("message") == [(one.topic("receipt"), payload) for payload in payloads]
    one.turn()
    assert one.sent.count(b"\x40\x02") >= len(payloads), "each was acknowledged"
    one.close()


def test_identifiers_go_round_and_order_is_kept(device: Join, center: Voice) -> None:
    one = device(DEVICES[1])
    one.session._mid = 65_520
    payloads = [b"%d" % number for number in range(30)]
    mids = [one.session.publish(one.topic("event"), payload) for payload in payloads]
    assert mids == [*range(65_521, 65_536), *range(1, 16)]
    one.until(lambda: len(one.of("acknowledged")) == len(mids))
    until(lambda: len(center.of(one.name, "event")) >= len(payloads), "the center hears everything")
    assert center.of(one.name, "event") == payloads
    one.close()


def test_the_will_follows_an_abrupt_end_and_no_polite_one(device: Join, site: Site, center: Voice) -> None:
    polite, abrupt = device(DEVICES[2]), device(DEVICES[3])
    before = len(center.heard)
    polite.session.publish(polite.topic("presence"), b"goodbye", retain=True)
    polite.until(lambda: polite.of("acknowledged"))
    polite.close()
    until(lambda: b"goodbye" in center.of(polite.name, "presence"), "the goodbye")
    abrupt.break_off()
    will = b"will of " + abrupt.name.encode()
    until(lambda: any(one.payload == will for one in center.heard[before:]), "the will")
    said = [one.payload for one in center.heard[before:] if one.topic == polite.topic("presence")]
    assert said[-1] == b"goodbye", "and no will, though the other's came after it"

    late = Voice(site.broker.port, site.center_identity, CENTER, (abrupt.topic("presence"), polite.topic("presence")))
    until(lambda: len(late.heard) == 2, "what the broker retains")
    late.close()
    assert {(one.payload, one.retained) for one in late.heard} == {(will, True), (b"goodbye", True)}


@pytest.mark.parametrize(
    ("engine", "versions"),
    [pytest.param("mosquitto", (V311, V5), marks=pytest.mark.mosquitto), ("nats", (V311,))],
    ids=["mosquitto", "nats"],
)
def test_pings_keep_an_idle_connection_and_without_them_it_ends(
    site_of: SiteOf, join: Join, engine: str, versions: tuple[int, ...]
) -> None:
    lively = [join(site_of(engine), DEVICES[version], version, 2).online() for version in versions]
    mute = join(site_of(engine), DEVICES[8], V311, 2, pings=False).online()
    before = [len(one.sent) for one in lively]
    started = time.monotonic()
    while not mute.ended or time.monotonic() - started < 5:
        assert time.monotonic() - started < PATIENCE_S, "the broker does not look at keepalives at all"
        for one in (*lively, mute):
            one.turn()
        assert not any(one.ended for one in lively)
    for one, start in zip(lively, before, strict=True):
        assert set(one.sent[start:]) == {0xC0, 0x00}, "nothing but pings"
        assert len(one.sent) - start >= 3 * 2
        one.session.publish(one.topic("event"), b"still there")
    for one in lively:
        while not one.of("acknowledged"):
            one.turn()
        one.close()


@pytest.mark.mosquitto
def test_what_mosquitto_says_of_its_limits_is_read_and_meant(join: Join, tmp_path: pathlib.Path) -> None:
    limits = Limits(packet_bytes=70_000, inflight_messages=7)
    made = Site(tmp_path / "site", DEVICES[:1], prefer="mosquitto", limits=limits)
    with made.broker:
        one = join(made, DEVICES[0], V5).online()
        assert (one.session.max_packet, one.session.receive_max) == (70_000, 7)
        one.session.publish(one.topic("event"), bytes(70_000))
        one.until(lambda: one.ended)
        assert [reasons.describe(code) for (code,) in one.of("disconnected")] == ["packet too large"]


def test_a_broker_of_3_1_1_says_no_to_5(site_of: SiteOf, join: Join) -> None:
    one = join(site_of("nats"), DEVICES[6], V5)
    one.until(lambda: one.of("connected") or one.ended)
    assert [code in reasons.UNACCEPTABLE_VERSION for (code,) in one.of("connected")] == [True]
