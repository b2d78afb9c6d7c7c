"""Who is connected: judges presences against what was seen before, and notices silence. Pure; times are passed in.

(boot, session) rises with every connection, ``up`` within it, so an old will or an old greeting cannot be replayed. Volatile boots have
no order among boots: one that was left is never entered again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.wire.chain import VOLATILE
from agent.wire.presence import Presence
from center.errors import RefusedError

SILENCE = 1.5
"""A device is lost after this many keepalives without a sign of life (MQTT 5 §3.1.2.10 uses the same factor)."""

MAX_VOLATILE = 64
"""Volatile boots remembered of one device, against replays of their presences."""


@dataclass(frozen=True, slots=True)
class Session:
    """What was seen of one boot: the highest session, the highest ``up`` of an online presence in it, and whether its will has come."""

    boot: int
    session: int
    up: int
    ended: bool


@dataclass(slots=True)
class Member:
    """One device's connection, as far as known. ``told`` is the presence that counts, ``seen_ms`` the last sign of life.

    ``connected`` is the (boot, session) that ``Roll.connects`` has told.
    """

    told: Presence | None = None
    online: bool | None = None
    seen_ms: int = 0
    connected: tuple[int, int] = (0, 0)
    sessions: dict[int, Session] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """A device came or went. ``cause`` as in ``center.cloudevents.of_presence``."""

    told: Presence
    online: bool
    cause: str


class Roll:
    """All devices. Bounded by the number of devices that hold a certificate of ours."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}

    def restore(self, told: Presence, online: bool | None, sessions: Iterable[Session], now_ms: int) -> None:
        """Take over what an earlier run knew; silence is counted from ``now_ms``."""
        seen = {session.boot: session for session in sessions}
        self._members[told.device] = Member(told, online, now_ms, sessions=seen)

    def sessions(self, device: str) -> tuple[Session, ...]:
        """What was seen of each boot that is remembered, for keeping."""
        member = self._members.get(device)
        return tuple(member.sessions.values()) if member else ()

    def judge(self, told: Presence, now_ms: int) -> Change | None:
        """Take a verified presence; returns what it changes, None for a repetition of what is known.

        Raises:
            RefusedError: replayed: older than what was seen of this device.
        """
        member = self._members.setdefault(told.device, Member())
        known = member.sessions.get(told.boot)
        self._refuse_left_boot(member, told, known)
        if known is not None and told.session < known.session:
            raise RefusedError("replayed", f"{told.device}: session {told.session} is over, {known.session} has begun")
        if known is None or told.session > known.session:
            known = Session(told.boot, told.session, -1, ended=False)
        if told.online:
            if told.up < known.up or (known.ended and told.up <= known.up):
                raise RefusedError(
                    "replayed", f"{told.device}: this presence is older than what was seen in its session"
                )
            repeated = told.up == known.up
            member.sessions[told.boot] = replace(known, up=told.up, ended=False)
        else:
            repeated = known.ended
            member.sessions[told.boot] = replace(known, ended=True)
        _prune(member.sessions)
        if repeated and member.told is not None:
            return None
        member.seen_ms = now_ms if told.online else member.seen_ms
        before, member.online, member.told = member.online, told.online, told
        if before is told.online:
            return None
        return Change(told, told.online, "presence" if told.online else "will")

    def connects(self, told: Presence) -> bool:
        """Whether ``told``, which ``judge`` has just taken, is the first online presence of its (boot, session) in this run of the center.

        Not kept: what a connection earns is promised in memory, so an end of the center that forgets the promise must forget this too.
        """
        member = self._members[told.device]
        name = told.boot, told.session
        if not told.online or member.connected == name:
            return False
        member.connected = name
        return True

    def sign_of_life(self, device: str, now_ms: int) -> Change | None:
        """A new event of this device arrived; brings back one that had only been silent."""
        member = self._members.get(device)
        if member is None or member.told is None:
            return None
        member.seen_ms = now_ms
        known = member.sessions.get(member.told.boot)
        if member.online is False and member.told.online and known is not None and not known.ended:
            member.online = True
            return Change(member.told, online=True, cause="event")
        return None

    def silent(self, now_ms: int) -> list[Change]:
        """The devices that have gone silent and were not ``lose``d yet."""
        return [
            Change(member.told, online=False, cause="silence")
            for member in self._members.values()
            if member.online
            and member.told is not None
            and now_ms - member.seen_ms > member.told.keepalive * 1000 * SILENCE
        ]

    def lose(self, changes: Iterable[Change]) -> None:
        """These silent devices are offline from now on."""
        for change in changes:
            self._members[change.told.device].online = False

    def copies(self, devices: Iterable[str]) -> dict[str, Member | None]:
        """What is known of these devices, for ``put_back``."""
        found = {device: self._members.get(device) for device in devices}
        return {device: member and replace(member, sessions=dict(member.sessions)) for device, member in found.items()}

    def put_back(self, copies: Mapping[str, Member | None]) -> None:
        """Forget what was judged since ``copies``: it could not be stored."""
        for device, member in copies.items():
            if member is None:
                self._members.pop(device, None)
            else:
                self._members[device] = member

    def heard_nothing(self, now_ms: int) -> None:
        """The center itself was cut off until ``now_ms``: silence is counted anew, it was not the devices' fault."""
        for member in self._members.values():
            member.seen_ms = now_ms

    @staticmethod
    def _refuse_left_boot(member: Member, told: Presence, known: Session | None) -> None:
        if member.told is None or told.boot == member.told.boot:
            return
        if told.boot < VOLATILE:
            newest = max((boot for boot in member.sessions if boot < VOLATILE), default=0)
            if told.boot < newest or (told.boot == newest and member.told.boot >= VOLATILE):
                raise RefusedError("replayed", f"{told.device}: boot {told.boot} is over")
        elif known is not None:
            raise RefusedError("replayed", f"{told.device}: the volatile boot {told.boot} is over")


def _prune(sessions: dict[int, Session]) -> None:
    """Of regular boots only the newest matters; of volatile ones the latest ``MAX_VOLATILE`` are remembered."""
    regular = sorted(boot for boot in sessions if boot < VOLATILE)
    for boot in regular[:-1]:
        del sessions[boot]
    volatile = [boot for boot in sessions if boot >= VOLATILE]
    for boot in volatile[:-MAX_VOLATILE]:
        del sessions[boot]
