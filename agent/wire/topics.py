"""The MQTT topics of the contract, and whether a topic agrees with what arrived on it.

Bridges may put a prefix before a topic, so only the last two levels count: the device and the message class.
"""

from agent.wire import event, fields
from agent.wire.errors import MalformedError, MisaddressedError

ROOT = "dabyl/v1/"
VERIFIED = "dabyl/verified/v1/"

ALARM = "alarm"
EVENT = "event"
PRESENCE = "presence"
RECEIPT = "receipt"
COMMAND = "command"


def topic(device: str, leaf: str) -> str:
    """The topic of ``device`` for the message class ``leaf``."""
    return ROOT + device + "/" + leaf


def verified_topic(device: str, event_type: str) -> str:
    """Where the center hands on a verified event."""
    return VERIFIED + device + "/" + event_type


def leaf_of(event_type: str) -> str:
    """``alarm`` for alarms, ``event`` for all else."""
    return ALARM if event.rank_of(event_type) == event.ALARM else EVENT


def split(name: str) -> "tuple[str, str]":
    """The device and the message class of a topic, by its last two levels.

    Raises:
        MisaddressedError: fewer levels, no device's name, or no message class of the contract.
    """
    levels = name.split("/")
    if len(levels) < 2 or levels[-1] not in (ALARM, EVENT, PRESENCE, RECEIPT, COMMAND):
        raise MisaddressedError("topic '%s' ends in no message class of the contract" % name[:200])
    try:
        return fields.identity(levels[-2], "device"), levels[-1]
    except MalformedError:
        raise MisaddressedError("topic '%s' names no device" % name[:200])


def check(name: str, device: str, leaf: str) -> None:
    """That a message of ``device`` and class ``leaf`` may stand on the topic ``name``.

    Raises:
        MisaddressedError: it may not.
    """
    if split(name) != (device, leaf):
        raise MisaddressedError("a message of %s/%s arrived on topic '%s'" % (device, leaf, name[:200]))
