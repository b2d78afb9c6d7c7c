"""What a board's console says of its way to the center, read as an installer needs it: how far it is, and what it hangs on."""

import re
from collections import deque
from collections.abc import Iterable

LINE = re.compile(r"\s*(\d+) (info|warning|error) (.*)$")
FACT = re.compile(r"(?:^| )([a-z_]+)=(.*?)(?= [a-z_]+=|$)")
KEPT = 50

STARTED = "started"
JOINED = "joined"
CONNECTED = "connected"
_WAY = {"started": STARTED, "wifi joined": JOINED, "connected": CONNECTED}
NOT_AUTHORIZED = "0x87"
"""MQTT's reason for a message that its sender may not write."""
_CLOCK = ("not yet valid", "validity starts in the future", "has expired", "is expired")


class Console:
    """Takes lines, and knows what they mean.

    Attributes:
        reached: ``started``, ``joined`` (the Wi-Fi), ``connected`` (the broker); "" before all that.
        trouble: key of what it hangs on, below ``error.``, or "" while nothing is known to be wrong.
        facts: what the text of that key names.
    """

    def __init__(self) -> None:
        self.reached = ""
        self.trouble = ""
        self.facts: dict[str, str] = {}
        self._broker = ""
        self.lines: deque[str] = deque(maxlen=KEPT)

    @property
    def hopeless(self) -> bool:
        """Whether waiting changes nothing: the board says itself that it cannot work, or the broker that it may not."""
        return self.trouble.startswith("board-fault-") or self.trouble == "device-acl"

    def take(self, lines: Iterable[str]) -> None:
        """Hear lines."""
        for line in lines:
            self._take(line)

    def _take(self, line: str) -> None:
        if not line:
            return
        self.lines.append(line)
        found = LINE.match(line)
        if found is None:
            return
        _at, _level, rest = found.groups()
        facts = dict(FACT.findall(rest))
        said = rest.split("=", 1)[0].rpartition(" ")[0].strip() if facts else rest.strip()
        if said in _WAY:
            self.reached, self.trouble, self.facts = _WAY[said], "", {}
            self._broker = facts.get("broker", "")
        elif said == "this board cannot work":
            self._is(f"board-fault-{facts.get('fault', 'hardware')}", facts)
        elif said in {"wifi not joined", "wifi left"}:
            self.reached = STARTED
            self._is(wifi_trouble(facts.get("reason", "")), facts | {"network": facts.get("next", "")})
        elif said in {"no connection", "connection lost"}:
            self.reached = JOINED
            self._is(broker_trouble(facts.get("reason", "")), facts)
        elif said == "the broker refused a message" and facts.get("code") == NOT_AUTHORIZED:
            self._is("device-acl", {"reason": said, "broker": self._broker})

    def _is(self, key: str, facts: dict[str, str]) -> None:
        self.trouble = key
        self.facts = {"reason": "", "broker": "", "network": ""} | facts


def wifi_trouble(reason: str) -> str:
    """What the Wi-Fi hangs on, by the reason that the board tells."""
    if "password" in reason:
        return "device-wifi-password"
    if "not in reach" in reason or "too far" in reason:
        return "device-wifi-absent"
    return "device-wifi"


def broker_trouble(reason: str) -> str:
    """What the connection to the broker hangs on, by the reason that the board tells."""
    if "name cannot be resolved" in reason:
        return "device-name"
    if any(word in reason.lower() for word in _CLOCK):
        return "device-clock"
    if "refused the subscription" in reason or "not authori" in reason.lower():
        return "device-acl"
    if "certificate" in reason or "TLS" in reason or "hung up" in reason:
        return "device-certificate"
    return "device-broker"
