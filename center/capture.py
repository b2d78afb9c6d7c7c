"""Captured messages in files: raw COSE files, or lines of JSON with a topic and the payload in base64 or hexadecimal. Bounded everywhere.

A raw file has no topic: it is verified without one. Reads what it is given, and says of each line that it cannot read why.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from agent.wire.cose import MAX_MESSAGE

MAX_LINE = 4 * MAX_MESSAGE
MAX_MESSAGES = 1_000_000
_RAW = b"\xd2"
"""The first byte of every tagged COSE_Sign1: no JSON begins so."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One message. ``where`` names it for people; ``topic`` is None for a raw file; ``problem`` says why it cannot be read, else empty."""

    where: str
    topic: str | None
    payload: bytes
    problem: str = ""


def messages(file: BinaryIO, name: str) -> Iterator[Captured]:
    """The messages in ``file``: one if it is a raw message, one a line else. Empty lines are left out."""
    first = file.readline(MAX_LINE + 1)
    if first[:1] == _RAW:
        rest = b"" if len(first) > MAX_MESSAGE else file.read(MAX_MESSAGE + 1 - len(first))
        yield Captured(name, None, first + rest)
        return
    line, number = first, 1
    while line and number <= MAX_MESSAGES:
        where = f"{name}:{number}"
        if len(line) > MAX_LINE:
            yield Captured(where, None, b"", f"a line of more than {MAX_LINE} bytes; the rest of the file is not read")
            return
        if line.strip():
            yield _captured(line, where)
        line, number = file.readline(MAX_LINE + 1), number + 1
    if line:
        yield Captured(name, None, b"", f"more than {MAX_MESSAGES} lines; the rest of the file is not read")


def _captured(line: bytes, where: str) -> Captured:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return Captured(where, None, b"", "neither a COSE_Sign1 message nor a line of JSON")
    if not isinstance(told, dict) or not isinstance(told.get("topic"), str):
        return Captured(where, None, b"", "no JSON object with a 'topic'")
    topic = told["topic"]
    try:
        if isinstance(told.get("payload_hex"), str):
            return Captured(where, topic, binascii.unhexlify(told["payload_hex"]))
        if isinstance(told.get("payload"), str):
            return Captured(where, topic, _decoded(told["payload"]))
    except ValueError:
        return Captured(where, topic, b"", "the payload is neither base64 nor hexadecimal")
    return Captured(where, topic, b"", "no 'payload' (base64) and no 'payload_hex'")


def _decoded(text: str) -> bytes:
    """Base64; hexadecimal where the text is that (``mosquitto_sub -F '{"topic":"%t","payload":"%x"}'``). A message begins with 0xd2,
    ``d2`` in hexadecimal and ``0o`` in base64, so no text is both.
    """
    if text[:2] in ("d2", "D2"):
        try:
            return binascii.unhexlify(text)
        except binascii.Error:
            pass
    return base64.b64decode(text.encode("ascii", "replace"), validate=True)
