"""``dabyl agent enrol`` and ``dabyl agent renew``."""

import sys

from agent import config
from agent.enrolment.claim import Claim
from agent.enrolment.enrol import enrol, files, renew
from agent.enrolment.errors import EnrolmentError
from agent.errors import AgentError, IdentityError
from agent.keys.dumps import no_core_dumps
from agent.keys.errors import KeysError
from agent.keys.pair import new

CLAIM_MAX = 2048


def run(verb: str, path: str, options: "dict[str, str]") -> int:
    """Carry the command out with the configuration file ``path``; the process's exit code."""
    no_core_dumps()
    try:
        _run(verb, path, options)
    except AgentError as error:
        sys.stderr.write(f"dabyl agent: {error}\n")
        return error.exit_code
    except KeysError as error:
        sys.stderr.write(f"dabyl agent: {error}\n")
        return IdentityError.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("dabyl agent: stopped; the same command goes on\n")
        return 1
    return 0


def _run(verb: str, path: str, options: "dict[str, str]") -> None:
    settings = config.read(path)
    key, certificate = files(settings)
    if verb == "renew":
        renew(settings)
        sys.stdout.write(f"{new(certificate)} waits: the agent tries it at a broker, and takes it if it is good\n")
        return
    text = options.get("--claim")
    if text is None:
        raise EnrolmentError("--claim is missing: it is the code on the label")
    claim = Claim(sys.stdin.readline(CLAIM_MAX) if text == "-" else text)
    enrol(
        settings,
        claim,
        server=options.get("--server", ""),
        board=options.get("--board", ""),
        replace="--replace" in options,
    )
    sys.stdout.write(f"enrolled: {key} and {certificate}; start the agent, or start it again\n")
