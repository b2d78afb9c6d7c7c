"""``dabyl agent check``: everything that is wrong with a configuration, as sentences for the person who can mend it.

Changes nothing and opens no connection. Loads X.509, which the running agent does without.
"""

import os
import sys
import time

from agent import config, kinds, start
from agent.centers import Centers
from agent.errors import AgentError, ConfigError
from agent.keys import credentials
from agent.keys.errors import KeysError
from agent.keys.inspect import examine
from agent.link.dial import context
from agent.link.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.config import Config

_ROOT_SIZE = 65536


def check(path: str, as_json: bool) -> int:
    """Check the configuration file ``path`` and tell the result on standard output; 0, 1, or 2 without a usable file."""
    try:
        settings = config.read(path)
    except AgentError as error:
        _tell([str(error)], path, as_json)
        return error.exit_code
    problems = [
        text for step in (_kind, _identity, _renewal, _centers, _brokers, _state) for text in _of(step, settings)
    ]
    _tell(problems, path, as_json)
    return 1 if problems else 0


def _of(step: "Callable[[Config], Iterator[str]]", settings: "Config") -> "Iterator[str]":
    try:
        yield from step(settings)
    except (AgentError, KeysError, LinkError) as error:
        yield str(error)


def _kind(settings: "Config") -> "Iterator[str]":
    kind = kinds.find(settings.device["kind"])
    try:
        kind.make_logic(settings.settings, 0)
    except ValueError as error:
        yield str(ConfigError(f"{settings.path}: [settings]: {error}"))


def _identity(settings: "Config") -> "Iterator[str]":
    key = start.signer(settings)
    chain = start.certificates(settings, key.public_der)
    now_ms = time.time_ns() // 1_000_000
    device = settings.device["id"]
    for path in sorted({settings.resolve(broker["ca"]) for broker in settings.brokers}):
        try:
            with open(path, encoding="ascii") as file:
                roots = file.read(_ROOT_SIZE)
        except (OSError, UnicodeDecodeError) as error:
            yield f"{path}: no root certificate can be read from it: {getattr(error, 'strerror', None) or 'not PEM text'}"
            continue
        for problem in examine(chain, roots, "device", device, now_ms):
            yield f"{start.certificate_path(settings)}: {problem}"


def _renewal(settings: "Config") -> "Iterator[str]":
    """A certificate that cannot be replaced when it is due is better known today."""
    if not settings.enrolment["server"]:
        return
    for name in ("key", "certificate"):
        folder = os.path.dirname(settings.resolve(settings.keys[name]))
        if not os.access(folder, os.W_OK | os.X_OK):
            yield f"{folder}: the agent cannot write here, so the {name} cannot be renewed; give the folder to the agent's user"


def _centers(settings: "Config") -> "Iterator[str]":
    Centers.load(
        [settings.resolve(name) for name in settings.center["keys"]], settings.resolve(settings.device["state"])
    )
    yield from ()


def _brokers(settings: "Config") -> "Iterator[str]":
    certificate = settings.resolve(settings.keys["certificate"])
    key = settings.resolve(settings.keys["key"])
    credentials.load_chain(certificate)
    for broker in settings.brokers:
        try:
            context(settings.resolve(broker["ca"]), certificate, key)
        except LinkError as error:
            yield f"[[broker]] {broker['host']}: {error}"


def _state(settings: "Config") -> "Iterator[str]":
    state = settings.resolve(settings.device["state"])
    if not os.path.isdir(state):
        yield f"{state}: no such folder; make it, owned by the agent's user: install -d -m 0700 -o dabyl {state}"
    elif not os.access(state, os.W_OK | os.X_OK):
        yield f"{state}: the agent cannot write here; give the folder to the agent's user"
    elif os.stat(state).st_mode & 0o077:
        yield f"{state}: open to other users; close it with: chmod 700 {state}"


def _tell(problems: "list[str]", path: str, as_json: bool) -> None:
    if as_json:
        from json import dumps  # noqa: PLC0415  asked for by programs only

        sys.stdout.write(dumps({"ok": not problems, "config": path, "problems": problems}) + "\n")
        return
    for problem in problems:
        sys.stdout.write(f"wrong: {problem}\n")
    if not problems:
        sys.stdout.write(f"{path}: nothing wrong\n")
