"""Putting the running center together from its configuration: keys, roots, lists, database, pipeline, link. And checking that it would."""

import random
import sys
import time
from collections.abc import Callable

from agent.keys.file import FileKey
from center.badges import Badges
from center.config import Configuration
from center.database import Database
from center.identity import common_name, own_key, trusted_roots
from center.keytable import KeyTable
from center.link import Link, tls_context
from center.pipeline import Pipeline
from center.registry import Registry, load
from center.report import Report
from center.service import SUBSCRIPTIONS, Service, load_crls, now_ms


def serve(configuration: Configuration, log: str, stopped: Callable[[], bool]) -> None:
    """Run the center until ``stopped``.

    Raises:
        CenterError: with the exit code of what stands in the way.
    """
    report = Report(sys.stderr, as_json=log == "json", stages=log == "stages")
    keys, signer = _trust(configuration)
    registry = load(configuration.registry) if configuration.registry is not None else None
    link = Link(
        configuration.broker,
        common_name(configuration.broker.certificate),
        SUBSCRIPTIONS,
        draw=random.random,
        clock=time.monotonic,
        on_state=lambda up, text: report.say("connected" if up else "disconnected", text),
    )
    database = Database(configuration.database)  # after all that can be wrong: a center that cannot start makes no file
    try:
        rule = configuration.recording
        badges = Badges(rule, signer, configuration.id) if rule is not None else None
        pipeline = Pipeline(database, keys, signer, configuration.id, now_ms(), report.stage, badges)
        pipeline.enter(registry or Registry())
        report.say("started", f"center {configuration.id}, {len(keys)} keys known", center=configuration.id)
        Service(configuration, database, pipeline, link, report, registry, stopped).run()
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
    tls_context(configuration.broker)
    common_name(configuration.broker.certificate)


def _trust(configuration: Configuration) -> tuple[KeyTable, FileKey]:
    roots = trusted_roots(configuration.roots)
    crls = load_crls(configuration.crls)
    signer, _ = own_key(configuration, roots, crls, now_ms())
    return KeyTable(roots, crls), signer
