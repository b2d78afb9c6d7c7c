"""The ``dabyl`` command: finds the subcommand's module and hands over. Loads nothing that the subcommand does not need."""

import errno
import os
import sys

USAGE = """\
dabyl: signed events from public-safety field hardware, settled only by the center's signed receipt

Usage: dabyl COMMAND [OPTIONS]

On the device
  agent run|check|enrol|renew
                      run the agent, say what is wrong with its configuration, get its certificate

  far-unit run|check  the unit on the far side of a crosswalk, without key or clock

At the operations center
  center run|evidence|tap|acknowledge|alarms|devices|check
                      receive, verify, store, receipt, hand on
  verify              verify captured messages against a root certificate, without any server
  evidence verify|show|export|credentials|custody
                      video recordings, second by second: proven, altered, missing

For installers
  authority           root and issuing certificate authority, device certificates, revocation
  provision           from blank boards to pressed buttons: leads you; tables, cable, network, labels, brokers, doctor

To see it work
  demo                broker, center and two simulated buttons; press them and watch
  simulate badge      a video badge that records, offloads, and what is received, laid out to be judged
  simulate board      a microcontroller's firmware on a simulated board, pressed and cut off its power
  simulate hub        a school's wired panic buttons, their cables and analog modules
  simulate street     a crossing with people, vehicles and weather, and what its controller makes of them

  dabyl COMMAND --help tells more, with examples.  dabyl --version prints the version.
"""

COMMANDS = {
    "agent": ("agent.cli", ""),
    "far-unit": ("devices.crosswalk.far_cli", "crosswalk"),
    "center": ("center.cli", "center"),
    "verify": ("center.verify_cli", "center"),
    "evidence": ("center.evidence.cli", "evidence"),
    "authority": ("provisioning.authority_cli", "provisioning"),
    "provision": ("provisioning.cli.main", "provisioning"),
    "demo": ("simulators.demo.cli", "simulators"),
    "simulate": ("simulators.board.cli", "simulators"),
}
"""Subcommand -> module with ``main(argv) -> exit code``, and the extra of the distribution that it needs."""


def main() -> int:
    """The entry point of the ``dabyl`` command; the exit code."""
    try:
        code = _main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has enough, as ``head`` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stderr.write("dabyl: there is no space left to write to\n")
        return 1
    return code


def _main() -> int:
    argv = sys.argv[1:]
    if not argv or argv[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return 0 if argv else 2
    if argv[0] == "--version":
        from agent import __version__  # noqa: PLC0415  asked for once in a blue moon

        sys.stdout.write(f"dabyl {__version__}\n")
        return 0
    found = COMMANDS.get(argv[0])
    if found is None:
        sys.stderr.write(f"dabyl: no command '{argv[0][:40]}'; dabyl --help lists them\n")
        return 2
    module, extra = found
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").split(".", 1)[0] in ("agent", "center", "provisioning", "simulators"):
            raise
        sys.stderr.write(f"dabyl {argv[0]}: needs '{error.name}'; install it with: pip install 'dabyl[{extra}]'\n")
        return 2
    code: int = sys.modules[module].main(argv[1:])
    return code
