"""``dabyl far-unit run`` and ``check``: the unit on the far side of a crosswalk."""

import os
import signal
import sys

from agent import config
from agent.errors import ConfigError
from agent.log import FORMATS, TEXT, Log
from agent.service import Service
from devices.common.settings import SettingsError
from devices.crosswalk import far_settings
from devices.crosswalk.far_loop import FarLoop
from devices.pins import PinError

DEFAULT_CONFIG = "/etc/dabyl/far-unit.toml"

USAGE = f"""\
Usage: dabyl far-unit run   [--config FILE] [--log {"|".join(FORMATS[:2])}]
       dabyl far-unit check [--config FILE]

run     runs the unit in the foreground until SIGTERM or Ctrl-C
check   says what is wrong with its configuration

  --config FILE   its settings, one "name = value" a line (default: {DEFAULT_CONFIG})
  --log FORMAT    text for people, json for programs

Example
  dabyl far-unit run --config far-unit.toml

Exit codes
  0  stopped as told, or nothing wrong     5  the hardware cannot be opened
  1  it failed, which is a defect
  2  configuration or command line wrong
"""
OPTIONS = {"run": ("--config", "--log"), "check": ("--config",)}


def main(argv: list[str]) -> int:
    """Carry out the command line after ``dabyl far-unit``; the exit code."""
    if not argv or "-h" in argv or "--help" in argv:
        sys.stdout.write(USAGE)
        return 0 if argv else 2
    verb, rest = argv[0], argv[1:]
    if verb not in OPTIONS:
        return _wrong(f"no command '{verb[:40]}'")
    found = {"--config": DEFAULT_CONFIG, "--log": TEXT}
    while rest:
        option = rest.pop(0)
        if option not in OPTIONS[verb]:
            return _wrong(f"no option '{option[:40]}' for '{verb}'")
        if not rest:
            return _wrong(f"{option} needs a value")
        found[option] = rest.pop(0)
    if found["--log"] not in FORMATS[:2]:
        return _wrong(f"--log is one of {', '.join(FORMATS[:2])}, not '{found['--log'][:40]}'")
    return _check(found["--config"]) if verb == "check" else _run(found["--config"], found["--log"])


def _check(path: str) -> int:
    try:
        far_settings.completed(config.document(path))
    except (ConfigError, SettingsError) as error:
        sys.stderr.write(f"{_where(path, error)}\n")
        return 2
    sys.stdout.write(f"{path}: nothing wrong\n")
    return 0


def _run(path: str, form: str) -> int:
    service = Service(dict(os.environ))
    log = Log(form, service.journald)
    try:
        loop = FarLoop(config.document(path), log, service)
    except PinError as error:
        log.error(str(error))  # noqa: TRY400  a person gets the sentence, not the traceback
        return 5
    except (ConfigError, SettingsError) as error:
        log.error(_where(path, error))  # noqa: TRY400  as above
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: loop.stop())
    try:
        loop.run()
    except Exception as error:  # noqa: BLE001  whatever it is, a sentence for a person and a new start by the service manager
        from agent.start import described  # noqa: PLC0415  only then

        log.error("the far unit failed, which is a defect; please report it", error=described(error))  # noqa: TRY400  as above
        return 1
    return 0


def _where(path: str, error: Exception) -> str:
    return str(error) if isinstance(error, ConfigError) else f"{path}: {error}"


def _wrong(problem: str) -> int:
    sys.stderr.write(f"dabyl far-unit: {problem}; dabyl far-unit --help tells more\n")
    return 2
