"""``dabyl verify``: proves captured messages with nothing but a root certificate: signatures, certificates, addresses, and the chain.

Exit codes: 0 everything is proven; 1 something is not; 2 usage, or a file that cannot be used. Never a traceback, whatever is read.
"""

# ruff: noqa: D301  click keeps the lines of a paragraph apart where it finds a \b
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import click

from agent.keys.credentials import load_chain
from agent.keys.errors import KeysError
from agent.wire import cbor, cose, event, presence, topics
from agent.wire.errors import MalformedError, WireError
from center import decode, queries
from center.capture import Captured, messages
from center.command_line import carry_out
from center.continuity import BootVerdict, Entry, entry_of, examine
from center.errors import ConfigurationError, RefusedError
from center.identity import trusted_roots
from center.keytable import KeyTable
from center.service import load_crls
from center.verify import verify_event, verify_presence

MAX_FILES = 10_000
MAX_BYTES = 256 * 1024 * 1024
"""Of messages in memory: presences are looked at before all else, so everything is read first."""


@dataclass(slots=True)
class Finding:
    """What became of one message: ``verdict`` is ``proven`` or a refusal's one word."""

    where: str
    verdict: str
    text: str


@dataclass(slots=True)
class Findings:
    """What became of all messages, and the chains that the proven events make."""

    messages: list[Finding] = field(default_factory=list)
    chains: dict[str, list[Entry]] = field(default_factory=dict)


@click.command(epilog="\b\nExit codes: 0 all proven, 1 something is not, 2 usage or a file that cannot be used.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=str, allow_dash=True))
@click.option(
    "--root", "roots", multiple=True, required=True, type=click.Path(path_type=Path), help="Trusted root, PEM."
)
@click.option("--crl", "crls", multiple=True, type=click.Path(path_type=Path), help="Revocation list, PEM.")
@click.option(
    "--cert", "certs", multiple=True, type=click.Path(path_type=Path), help="A device's chain, if no presence shows it."
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON lines.")
def _verify(
    files: tuple[str, ...], roots: tuple[Path, ...], crls: tuple[Path, ...], certs: tuple[Path, ...], as_json: bool
) -> None:
    """Verify captured messages: raw COSE files, or JSON lines {"topic": …, "payload": base64} or {"topic": …, "payload_hex": …}.

    \b
    dabyl verify --root root.pem presence.cose alarm.cose
    mosquitto_sub -t 'dabyl/v1/#' -F '{"topic":"%t","payload_hex":"%x"}' … | dabyl verify --root root.pem -
    """
    now_ms = time.time_ns() // 1_000_000
    keys = KeyTable(trusted_roots(roots), load_crls(crls))
    for cert in certs:
        try:
            keys.admit(keys.prove(load_chain(str(cert)), now_ms))
        except (KeysError, RefusedError) as error:
            raise ConfigurationError(f"--cert {cert}: {error}") from None
    found = judge(list(_read(files)), keys, now_ms)
    sys.exit(_tell(found, as_json))


def judge(captured: list[Captured], keys: KeyTable, now_ms: int) -> Findings:
    """Verify presences first, since they bring certificates, then all else. Findings keep the order in which messages were read."""
    found = Findings([Finding(one.where, "", "") for one in captured])
    for first in (True, False):
        for one, finding in zip(captured, found.messages, strict=True):
            if _is_presence(one) is not first:
                continue
            if one.problem:
                finding.verdict, finding.text = "malformed", one.problem
                continue
            try:
                finding.text = (_presence if first else _event)(one, keys, now_ms, found)
                finding.verdict = "proven"
            except (RefusedError, WireError) as error:
                finding.verdict, finding.text = error.reason, str(error)
    return found


def main(argv: list[str]) -> int:
    """Run ``dabyl verify`` with these arguments; returns the exit code. Never raises, never shows a traceback."""
    return carry_out(_verify, "dabyl verify", argv, stopped=1, error_code=2)


def _read(files: tuple[str, ...]) -> Iterator[Captured]:
    if len(files) > MAX_FILES:
        raise ConfigurationError(f"{len(files)} files, at most {MAX_FILES} at once")
    size = 0
    for name in files:
        try:
            with _opened(name) as file:
                for one in messages(file, "stdin" if name == "-" else name):
                    size += len(one.payload)
                    if size > MAX_BYTES:
                        raise ConfigurationError(f"more than {MAX_BYTES} bytes of messages: verify them in parts")
                    yield one
        except OSError as error:
            raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def _is_presence(one: Captured) -> bool:
    """By its topic, or for a raw message by whether it shows certificates: only presences do."""
    if one.topic is not None:
        return one.topic.endswith("/" + topics.PRESENCE)
    try:
        return cose.X5CHAIN in cose.parse(one.payload).unprotected
    except WireError:
        return False


def _presence(one: Captured, keys: KeyTable, now_ms: int, _found: Findings) -> str:
    topic = one.topic or topics.topic(presence.decode(cose.parse(one.payload).payload).device, topics.PRESENCE)
    told = verify_presence(topic, one.payload, keys, now_ms).presence
    _read_twice(cose.parse(one.payload).payload)
    return f"{told.device} {'online' if told.online else 'offline'} boot {told.boot} session {told.session}"


def _event(one: Captured, keys: KeyTable, now_ms: int, found: Findings) -> str:
    topic = one.topic
    if topic is None:
        claimed = event.decode(cose.parse(one.payload).payload)
        topic = topics.topic(claimed.device, topics.leaf_of(claimed.type))
    proven = verify_event(topic, one.payload, keys, now_ms)
    _read_twice(proven.payload)
    made = proven.event
    found.chains.setdefault(made.device, []).append(entry_of(made, proven.link))
    return f"{made.device} {made.boot}/{made.seq} {made.type}"


def _read_twice(payload: bytes) -> None:
    """That cbor2, another's decoder, reads the same in ``payload`` as the contract's own.

    Raises:
        MalformedError: it does not.
    """
    if decode.loads(payload) != cbor.loads(payload):
        raise MalformedError("two decoders read different things in the payload")


def _tell(found: Findings, as_json: bool) -> int:
    good = all(one.verdict == "proven" for one in found.messages) and bool(found.messages)
    for one in found.messages:
        if as_json:
            line = json.dumps({"message": one.where, "verdict": one.verdict, "text": one.text})
        else:
            line = f"{one.where}: {'proven' if one.verdict == 'proven' else 'refused ' + one.verdict}: {one.text}"
        click.echo(line)
    for device, entries in sorted(found.chains.items()):
        verdict = examine(entries)
        sound = not verdict.broken and not any(_holes(boot) for boot in verdict.boots)
        good = good and sound
        if as_json:
            told = {"chain": device, "sound": sound, "whole": verdict.whole, "absent": list(verdict.absent)}
            click.echo(json.dumps({**told, "boots": queries.boot_answers(verdict)}))
        else:
            word = "whole" if verdict.whole else "sound, but does not begin at the beginning" if sound else "NOT proven"
            click.echo(f"chain of {device}: {word}")
            for boot in verdict.boots:
                for what, found_there in (
                    ("missing", _holes(boot)),
                    ("altered at", boot.breaks),
                    ("two events at", boot.forks),
                ):
                    if found_there:
                        click.echo(f"  boot {boot.boot}: {what} {', '.join(str(one) for one in found_there)}")
    if not found.messages:
        click.echo("nothing to verify: the files hold no message", err=True)
    return 0 if good else 1


def _holes(boot: BootVerdict) -> list[tuple[int, int]]:
    """What is missing after the first captured number of the boot; a capture may begin in the middle."""
    begin = boot.present[0][0]
    return [hole for hole in boot.missing if hole[0] > begin]
