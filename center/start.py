"""Putting the running center together from its configuration: keys, roots, lists, database, pipeline, link. And checking that it would."""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agent.keys.certificate import Certificate, read
from agent.keys.chain import load_roots, verify_chain
from agent.keys.credentials import check_leaf, load_chain
from agent.keys.errors import KeysError
from agent.keys.file import FileKey
from agent.keys.names import CENTER
from center.badges import Badges
from center.config import Configuration
from center.database import Database
from center.errors import ConfigurationError
from center.files import read_limited
from center.keytable import KeyTable
from center.link import Link, tls_context
from center.pipeline import Pipeline
from center.registry import Registry, load
from center.report import Report
from center.service import SUBSCRIPTIONS, Service, load_crls, now_ms

_ROOT_LIMIT = 65_536


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


def trusted_roots(paths: tuple[Path, ...]) -> tuple[Certificate, ...]:
    """The certificates of these root files.

    Raises:
        ConfigurationError: a file cannot be used.
    """
    roots: list[Certificate] = []
    for path in paths:
        try:
            roots += load_roots(read_limited(path, _ROOT_LIMIT, "the root certificate").decode("ascii", "replace"))
        except KeysError as error:
            raise ConfigurationError(f"the root certificate {path}: {error}") from None
    return tuple(roots)


def common_name(certificate: Path) -> str:
    """The identity of the first certificate in a PEM file: the MQTT client id that its holder may use.

    Raises:
        ConfigurationError: the file cannot be used, or names no identity.
    """
    try:
        leaf = read(load_chain(str(certificate))[0], "the certificate")
    except KeysError as error:
        raise ConfigurationError(f"{certificate}: {error}") from None
    if len(leaf.common_names) != 1:
        raise ConfigurationError(f"{certificate} has no common name: have one issued by your authority")
    return leaf.common_names[0]


def _trust(configuration: Configuration) -> tuple[KeyTable, FileKey]:
    roots = trusted_roots(configuration.roots)
    crls = load_crls(configuration.crls)
    try:
        signer = FileKey.load(str(configuration.key))
        chain = load_chain(str(configuration.certificate))
        check_leaf(chain, signer.public_der, str(configuration.certificate))
        verify_chain(chain, roots, now_ms(), crls, role=CENTER, identity=configuration.id)
    except KeysError as error:
        raise ConfigurationError(f"[center] certificate and key: {error}") from None
    return KeyTable(roots, crls), signer
