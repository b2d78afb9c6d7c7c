"""Putting the running center together from its configuration: keys, roots, lists, database, pipeline, link. And checking that it would."""

import random
import sys
import threading
import time
from collections.abc import Callable

from agent.keys.file import FileKey
from center.badges import Badges
from center.config import BrokerAccess, Configuration
from center.database import Database
from center.errors import ConfigurationError
from center.identity import common_name, own_key, trusted_roots
from center.keytable import KeyTable
from center.lanes import ALARMS, EVERYTHING, Lanes
from center.link import Link, tls_context
from center.pipeline import Pipeline
from center.registry import Registry, load
from center.report import Report
from center.service import Service, load_crls, now_ms


def serve(configuration: Configuration, log: str, stopped: Callable[[], bool]) -> None:
    """Run the center until ``stopped``.

    Raises:
        CenterError: with the exit code of what stands in the way.
    """
    report = Report(sys.stderr, as_json=log == "json", stages=log == "stages")
    keys, signer = _trust(configuration)
    registry = load(configuration.registry) if configuration.registry is not None else None
    lanes = lanes_of(configuration, report)
    database = Database(configuration.database)  # after all that can be wrong: a center that cannot start makes no file
    try:
        rule = configuration.recording
        badges = Badges(rule, signer, configuration.id) if rule is not None else None
        pipeline = Pipeline(database, keys, signer, configuration.id, now_ms(), report.stage, badges)
        pipeline.enter(registry or Registry())
        report.say("started", f"center {configuration.id}, {len(keys)} keys known", center=configuration.id)
        Service(configuration, database, pipeline, lanes, report, registry, stopped).run()
        report.say("stopped", "all that was acknowledged is stored")
    finally:
        database.close()


def check_files(configuration: Configuration) -> None:
    """Make sure that every file of the configuration can be used.

    Raises:
        ConfigurationError: one cannot; the text says which.
    """
    _trust(configuration)
    if configuration.registry is not None:
        load(configuration.registry)
    for access, _ in _sessions(configuration):
        tls_context(access)


def _trust(configuration: Configuration) -> tuple[KeyTable, FileKey]:
    roots = trusted_roots(configuration.roots)
    crls = load_crls(configuration.crls)
    signer, _ = own_key(configuration, roots, crls, now_ms())
    return KeyTable(roots, crls), signer


def _sessions(configuration: Configuration) -> list[tuple[BrokerAccess, str]]:
    """How each session reaches the broker, and its client id: the one for everything, and the one for alarms if there is one."""
    found = [
        (access, common_name(access.certificate))
        for access in (configuration.broker, configuration.alarms)
        if access is not None
    ]
    if len({name for _, name in found}) < len(found):
        raise ConfigurationError(
            f"[alarms] certificate {found[1][0].certificate} has the name of the one in [broker], {found[1][1]}: "
            "the broker would end one session for the other; have one issued under another name, role center"
        )
    return found


def lanes_of(configuration: Configuration, report: Report) -> Lanes:
    """The center's sessions, not started yet; what happens to them is told.

    Raises:
        ConfigurationError: a certificate, its key or the broker's authority.
    """
    news = threading.Event()

    def link(
        access: BrokerAccess, name: str, subscriptions: tuple[str, ...], on_state: Callable[[bool, str], None]
    ) -> Link:
        return Link(access, name, subscriptions, draw=random.random, clock=time.monotonic, on_state=on_state, news=news)

    def tell(up: bool, text: str) -> None:
        report.say("connected" if up else "disconnected", text)

    def tell_alarms(up: bool, text: str) -> None:
        words = f"connected: {text}" if up else f"disconnected: {text}; alarms come with everything else meanwhile"
        report.say("alarm-lane", words, up=up)

    main, *alarms = _sessions(configuration)
    if not alarms:
        return Lanes(link(*main, EVERYTHING, tell), None, news)

    def tell_doubt(doubtful: bool) -> None:
        text = (
            "alarms came, and none of them over the alarm lane: unless they had waited at the broker since before there was one, its "
            f"rules do not let {alarms[0][1]} read {ALARMS[0]}; it is not used until it brings one"
        )
        report.say("alarm-lane", text if doubtful else "it brings alarms", up=not doubtful)

    return Lanes(
        link(*main, EVERYTHING, tell),
        link(*alarms[0], ALARMS, tell_alarms),
        news,
        tell_doubt,
    )
