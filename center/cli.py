"""The command line of the operations center: run it, tap what it hands on, move alarms on, and look into its database.

Exit codes: 0 fine; 1 a problem was found, or something is not proven; 2 usage or configuration; 3 the database; 4 the broker.
"""

# ruff: noqa: D301  click keeps the lines of a paragraph apart where it finds a \b
import contextlib
import importlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click

from agent.wire.receipt import STATES
from center import config, orders, queries
from center.command_line import carry_out
from center.config import BrokerAccess, Configuration
from center.database import Database
from center.errors import ConfigurationError
from center.registry import Registry
from center.registry import load as load_registry

_CODES = "\b\nExit codes: 0 fine, 1 problem found, 2 usage or configuration, 3 database, 4 broker."
_config = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("center.toml"),
    show_default=True,
    help="The center's configuration.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.group(help="The operations center: verify, store, receipt and hand on what devices sign.", epilog=_CODES)
def _center() -> None:
    pass


@_center.command(epilog=_CODES)
@_config
@click.option("--log", type=click.Choice(["text", "stages", "json"]), default="text", show_default=True)
def run(config_path: Path, log: str) -> None:
    """Run the center until SIGTERM or SIGINT.

    \b
    dabyl center run --config /etc/dabyl/center.toml
    dabyl center run --log json     # each event's stages with monotonic nanoseconds
    """
    from center.start import serve  # noqa: PLC0415  the other commands need no MQTT

    with _stop_signals() as stopped:
        serve(config.load(config_path), log, stopped)


@_center.command(epilog=_CODES)
@_config
@click.option("--log", type=click.Choice(["text", "json"]), default="text", show_default=True)
def evidence(config_path: Path, log: str) -> None:
    """Run the evidence server, beside `run`, until SIGTERM or SIGINT: it takes the recordings of badges.

    \b
    dabyl center evidence --config /etc/dabyl/center.toml
    """
    with _stop_signals() as stopped:
        _evidence_server().serve(config.load(config_path), log, stopped)


@_center.command(epilog=_CODES)
@_config
@click.option("--broker", help="host:port; then --ca, --cert and --key instead of a configuration.")
@click.option("--ca", type=click.Path(path_type=Path), help="Authority of the broker's certificate.")
@click.option("--cert", type=click.Path(path_type=Path), help="Your certificate (role consumer).")
@click.option("--key", type=click.Path(path_type=Path), help="Its key.")
@click.option("--type", "pattern", help="Only types like this, for example 'alarm.*'.")
@click.option("--count", type=click.IntRange(1), help="End after so many.")
@click.option("--json", "_as_json", is_flag=True, help="As always here: JSON lines.")
def tap(
    config_path: Path,
    broker: str | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    pattern: str | None,
    count: int | None,
    _as_json: bool,
) -> None:
    """Write verified events to standard output, one JSON line each, each once.

    \b
    dabyl center tap --type 'alarm.*' | jq .subject
    dabyl center tap --broker localhost:8883 --ca ca.pem --cert me.pem --key me.key --count 1
    """
    from center.identity import common_name  # noqa: PLC0415  the other commands need neither certificates
    from center.link import Link  # noqa: PLC0415  nor MQTT
    from center.tap import SUBSCRIPTIONS, follow  # noqa: PLC0415  as above

    access = _tap_access(config_path, broker, ca, cert, key)
    tried: list[str] = []

    def on_state(connected: bool, text: str) -> None:
        if not connected and text not in tried and len(tried) < len(access.hosts):
            tried.append(text)
            click.echo(f"not connected: {text}", err=True)

    name = common_name(access.certificate)
    with _stop_signals() as stopped:
        link = Link(
            access,
            name,
            SUBSCRIPTIONS,
            draw=random.random,
            clock=time.monotonic,
            on_state=on_state,
            persistent=False,
        )
        try:
            follow(link, sys.stdout, pattern=pattern, count=count, stop=stopped)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing it fails no more


@_center.command(epilog=_CODES)
@click.argument("device")
@click.argument("boot", type=int)
@click.argument("seq", type=int)
@click.option("--state", type=click.Choice(STATES[1:]), default="acknowledged", show_default=True)
@click.option("--by", "who", default="", help="Who does it; your login name if left out.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 60),
    default=2.0,
    show_default=True,
    help="Seconds to wait for the center.",
)
@_config
@_json
def acknowledge(
    device: str, boot: int, seq: int, state: str, who: str, wait_s: float, config_path: Path, as_json: bool
) -> None:
    """Move an alarm on: the running center tells the device at once.

    \b
    dabyl center acknowledge sos-0001 3 17
    dabyl center acknowledge sos-0001 3 17 --state closed --by "A. Serik"
    """
    with _database(config_path) as database:
        order = orders.place(
            database, (device, boot, seq), STATES.index(state) + 1, _who(who), time.time_ns() // 1_000_000
        )
        done = orders.wait_for(database, order, wait_s, time.monotonic, time.sleep)
        now = orders.state_of(database, (device, boot, seq))
    told = STATES[now - 1] if now else "unknown"
    answer = {"device": device, "boot": boot, "seq": seq, "ordered": state, "state": told, "carried_out": done}
    waiting = f"{state} is ordered; no center is running, so it happens when one starts"
    _answer(answer, as_json, f"{device} {boot}/{seq}: {told}" if done else f"{device} {boot}/{seq}: {waiting}")
    if not done:
        sys.exit(1)


@_center.command(epilog=_CODES)
@_config
@click.option("--all", "closed", is_flag=True, help="Closed alarms too.")
@click.option("--most", type=click.IntRange(1, 100_000), default=100, show_default=True)
@_json
def alarms(config_path: Path, closed: bool, most: int, as_json: bool) -> None:
    """Alarms that are not closed, the newest first.

    \b
    dabyl center alarms
    dabyl center alarms --all --json | jq '.[0]'
    """
    registry = _registry(config_path)
    with _database(config_path) as database, database.read() as connection:
        found = queries.alarms(connection, closed=closed, most=most)
    for one in found:
        one["place"] = registry.place(str(one["device"]))
    lines = [
        f"{one['received']}  {one['device']} {one['boot']}/{one['seq']}  {one['type']}  {one['state']}"
        f"  {registry.words(str(one['device']))}".rstrip()
        + "".join(f"  {flag.upper()}" for flag in ("drill", "conflict", "cancelled") if one[flag])
        for one in found
    ]
    _answer(found, as_json, "\n".join(lines) or "no alarms")


@_center.command(epilog=_CODES)
@_config
@_json
def devices(config_path: Path, as_json: bool) -> None:
    """All devices, whether they are connected, and which of the registry have never been heard.

    \b
    dabyl center devices --json | jq '.[] | select(.online == false)'
    """
    registry = _registry(config_path)
    with _database(config_path) as database, database.read() as connection:
        found = queries.devices(connection)
    for one in found:
        one["place"] = registry.place(str(one["device"]))
    absent = sorted(registry.places.keys() - {one["device"] for one in found})
    words = {True: "online", False: "LOST", None: "never connected"}
    lines = [
        f"{one['device']}  {one['kind']}  {words[bool(one['online']) if one['online'] is not None else None]}"
        f"  since {one['changed'] or '-'}  {one['events']} events  {registry.words(str(one['device']))}".rstrip()
        for one in found
    ]
    lines += [f"{name}  NEVER HEARD  {registry.words(name)}".rstrip() for name in absent]
    found += [{"device": name, "online": None, "events": 0, "place": registry.place(name)} for name in absent]
    _answer(found, as_json, "\n".join(lines) or "no devices")


@_center.command(epilog=_CODES)
@_config
@_json
def check(config_path: Path, as_json: bool) -> None:
    """Check the configuration, its files, the database, and every device's chain; 1 if something is missing, broken or cloned.

    \b
    dabyl center check
    dabyl center check --json | jq '.devices[] | select(.whole | not)'
    """
    from center.start import check_files  # noqa: PLC0415  loads TLS and certificates

    configuration = config.load(config_path)
    check_files(configuration)
    if configuration.evidence is not None:
        _evidence_server().check_files(configuration)
    with _database(config_path) as database, database.read() as connection:
        told = [
            {
                "device": device,
                "whole": verdict.whole,
                "absent": list(verdict.absent),
                "boots": queries.boot_answers(verdict),
            }
            for device, verdict in queries.chains(connection)
        ]
        incidents = queries.incidents(connection)
        refused = queries.refusals(connection)
        parked = queries.parked(connection)
    whole = all(one["whole"] for one in told) and not incidents
    lines = [f"{one['device']}: {'whole' if one['whole'] else 'NOT WHOLE (see --json)'}" for one in told]
    lines += [
        f"incident: {one['kind']} {one['device']} {one['boot']}/{one['seq']}: {one['detail']}" for one in incidents
    ]
    lines += [f"refused: {count} {reason}" for reason, count in refused.items()]
    lines += [f"came before their key: {parked}"] * bool(parked)
    lines.append("all is well" if whole else "problems were found")
    answer = {"ok": whole, "devices": told, "incidents": incidents, "refused": refused, "parked": parked}
    _answer(answer, as_json, "\n".join(lines))
    if not whole:
        sys.exit(1)


def main(argv: list[str]) -> int:
    """Run ``dabyl center`` with these arguments; returns the exit code. Never raises, never shows a traceback."""
    return carry_out(_center, "dabyl center", argv, stopped=0)


def _evidence_server() -> ModuleType:
    """The module of the evidence server. The other commands need neither HTTP nor video."""
    try:
        return importlib.import_module("center.evidence.serve")
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"needs '{error.name}'; install it with: pip install 'dabyl[evidence]'") from None


def _registry(config_path: Path) -> Registry:
    """Where devices hang; nothing where the configuration names no registry."""
    path = config.load(config_path).registry
    return load_registry(path) if path is not None else Registry()


def _answer(value: object, as_json: bool, text: str) -> None:
    click.echo(json.dumps(value, ensure_ascii=False) if as_json else text)


def _who(given: str) -> str:
    return (given or os.environ.get("USER") or f"uid {os.getuid()}")[:64]


@contextlib.contextmanager
def _database(config_path: Path) -> Iterator[Database]:
    database = Database(config.load(config_path).database, create=False)
    try:
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """SIGTERM and SIGINT ask to stop instead of ending the process."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tap_access(
    config_path: Path, broker: str | None, ca: Path | None, cert: Path | None, key: Path | None
) -> BrokerAccess:
    if broker is not None:
        if ca is None or cert is None or key is None:
            raise ConfigurationError("--broker needs --ca, --cert and --key too: the connection is always mutual TLS")
        return BrokerAccess((config.host_and_port(broker),), ca, cert, key)
    configuration: Configuration = config.load(config_path)
    if configuration.tap is None:
        raise ConfigurationError(
            f"{config_path} has no table [tap] with certificate and key: a tap needs a certificate of its own, "
            "with the center's it would take over the center's session"
        )
    return BrokerAccess(configuration.broker.hosts, configuration.broker.ca, *configuration.tap, table="tap")
