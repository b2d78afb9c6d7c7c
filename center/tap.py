"""Verified events for pipes: subscribes to what a center hands on and writes each event once, as one JSON line. Verifies nothing itself:
it trusts the broker to let nobody but the center publish there. Remembers the latest ``MEMORY`` identifiers to leave out repetitions.
"""

import fnmatch
import json
import queue
from collections import OrderedDict
from collections.abc import Callable
from typing import TextIO

from center.link import Link

SUBSCRIPTIONS = ("dabyl/verified/v1/+/+",)
MEMORY = 65_536


class Seen:
    """Identifiers that have passed; the oldest are forgotten first."""

    def __init__(self, most: int = MEMORY) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._most = most

    def is_new(self, identifier: str) -> bool:
        """True the first time."""
        if identifier in self._seen:
            return False
        self._seen[identifier] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True


def line_of(payload: bytes, pattern: str | None) -> tuple[str, str] | None:
    """(id, line) of a CloudEvent whose type, without ``dabyl.``, matches ``pattern``; None for anything else."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not isinstance(body.get("id"), str) or not isinstance(body.get("type"), str):
        return None
    if pattern is not None and not fnmatch.fnmatchcase(body["type"].removeprefix("dabyl."), pattern):
        return None
    return body["id"], json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def follow(link: Link, out: TextIO, *, pattern: str | None, count: int | None, stop: Callable[[], bool]) -> int:
    """Write matching events until ``count`` are written or told to stop; returns how many were written.

    Raises:
        BrokenPipeError: the reader of ``out`` has gone.
    """
    seen = Seen()
    written = 0
    link.start()
    try:
        while not stop() and (count is None or written < count):
            try:
                message = link.received.get(timeout=0.1)
            except queue.Empty:
                continue
            found = line_of(message.payload, pattern)
            if found is not None and seen.is_new(found[0]):
                out.write(found[1] + "\n")
                out.flush()
                written += 1
            link.acknowledge(message)
    finally:
        link.stop()
    return written
