"""``dabyl agent run`` and ``dabyl agent check``. The options are few and read by hand: argparse would cost the running agent 1.3 MB."""

import os
import sys

from agent.log import FORMATS, TEXT

DEFAULT_CONFIG = "/etc/dabyl/agent.toml"

USAGE = f"""\
Usage: dabyl agent run   [--config FILE] [--log {"|".join(FORMATS)}]
       dabyl agent check [--config FILE] [--json]

run     runs the agent in the foreground until SIGTERM or Ctrl-C
check   says what is wrong with configuration, keys and certificates; changes nothing

  --config FILE   the configuration (default: {DEFAULT_CONFIG}, or $DABYL_CONFIG)
  --log FORMAT    text for people, json for programs, trace for every stage of every event
  --json          one JSON object: {{"ok": true|false, "problems": [...]}}

Examples
  dabyl agent check --config agent.toml
  dabyl agent run --config agent.toml --log json

Exit codes
  0  stopped as told, or nothing wrong     3  a key or certificate is wrong
  1  check found something wrong           4  another agent holds this journal
  2  configuration or command line wrong   5  the hardware cannot be opened
"""


def main(argv: "list[str]") -> int:
    """Carry out the command line after ``dabyl agent``; the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0 if argv else 2
    verb, rest = argv[0], argv[1:]
    options = {"run": ("--config", "--log"), "check": ("--config", "--json")}.get(verb)
    if options is None:
        return _wrong(f"no command '{verb[:40]}'")
    found: dict[str, str] = {}
    while rest:
        option = rest.pop(0)
        if option in ("-h", "--help"):
            sys.stdout.write(USAGE)
            return 0
        if option not in options:
            return _wrong(f"no option '{option[:40]}' for '{verb}'")
        if option != "--json" and not rest:
            return _wrong(f"{option} needs a value")
        found[option] = "" if option == "--json" else rest.pop(0)
    form = found.get("--log", TEXT)
    if form not in FORMATS:
        return _wrong(f"--log is one of {', '.join(FORMATS)}, not '{form[:40]}'")
    path = found["--config"] if "--config" in found else os.environ.get("DABYL_CONFIG") or DEFAULT_CONFIG
    if verb == "check":
        from agent.check import check  # noqa: PLC0415  it loads X.509, which the running agent does without

        return check(path, "--json" in found)
    from agent.start import run  # noqa: PLC0415  --help needs none of it

    return run(path, form)


def _wrong(problem: str) -> int:
    sys.stderr.write(f"dabyl agent: {problem}; dabyl agent --help tells more\n")
    return 2
