"""``dabyl agent run``, ``check``, ``enrol``, ``renew``. The options are read by hand: argparse would cost a running agent 1.3 MB."""

import os
import sys

from agent.log import FORMATS, TEXT

DEFAULT_CONFIG = "/etc/dabyl/agent.toml"

USAGE = f"""\
Usage: dabyl agent run   [--config FILE] [--log {"|".join(FORMATS)}]
       dabyl agent check [--config FILE] [--json]
       dabyl agent enrol [--config FILE] --claim CODE [--server URL] [--board NUMBER] [--replace]
       dabyl agent renew [--config FILE]

run     runs the agent in the foreground until SIGTERM or Ctrl-C
check   says what is wrong with configuration, keys and certificates; changes nothing
enrol   makes a key here and gets its certificate, once, for the claim on the device's label
renew   gets a new key and certificate for the present ones; a running agent does so by itself, in time

  --config FILE   the configuration (default: {DEFAULT_CONFIG}, or $DABYL_CONFIG)
  --log FORMAT    text for people, json for programs, trace for every stage of every event
  --json          one JSON object: {{"ok": true|false, "problems": [...]}}
  --claim CODE    the code on the label, or all that its QR code says; - reads it from standard input
  --server URL    https://host:port of the enrolment server, if neither configuration nor claim says
  --board NUMBER  the board's serial number, if neither configuration nor machine says
  --replace       in the place of a key and certificate that are there

Examples
  dabyl agent check --config agent.toml
  dabyl agent run --config agent.toml --log json
  dabyl agent enrol --claim 7K3M-Q9TX-2B4N-8HCD

Exit codes
  0  stopped as told, or nothing wrong     4  another agent holds this journal
  1  check found something wrong           5  the hardware cannot be opened
  2  configuration or command line wrong   6  the enrolment server refuses
  3  a key or certificate is wrong         7  the enrolment server cannot answer now
"""

OPTIONS = {
    "run": ("--config", "--log"),
    "check": ("--config", "--json"),
    "enrol": ("--config", "--claim", "--server", "--board", "--replace"),
    "renew": ("--config",),
}
FLAGS = ("--json", "--replace")


def main(argv: "list[str]") -> int:
    """Carry out the command line after ``dabyl agent``; the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0 if argv else 2
    verb, rest = argv[0], argv[1:]
    options = OPTIONS.get(verb)
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
        if option not in FLAGS and not rest:
            return _wrong(f"{option} needs a value")
        found[option] = "" if option in FLAGS else rest.pop(0)
    form = found.get("--log", TEXT)
    if form not in FORMATS:
        return _wrong(f"--log is one of {', '.join(FORMATS)}, not '{form[:40]}'")
    path = found["--config"] if "--config" in found else os.environ.get("DABYL_CONFIG") or DEFAULT_CONFIG
    if verb == "check":
        from agent.check import check  # noqa: PLC0415  it loads X.509, which the running agent does without

        return check(path, "--json" in found)
    if verb in ("enrol", "renew"):
        from agent.enrolment import cli  # noqa: PLC0415  as above

        return cli.run(verb, path, found)
    from agent.start import run  # noqa: PLC0415  --help needs none of it

    return run(path, form)


def _wrong(problem: str) -> int:
    sys.stderr.write(f"dabyl agent: {problem}; dabyl agent --help tells more\n")
    return 2
