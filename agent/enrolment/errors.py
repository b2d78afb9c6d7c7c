"""Why a device gets no certificate. The text says what to do next."""

from agent.errors import AgentError


class EnrolmentError(AgentError):
    """The server refuses, or what it gave is not what a device can use: somebody has to do something."""

    exit_code = 6


class UnreachableError(AgentError):
    """The server cannot be reached or cannot answer now: it is worth trying again later."""

    exit_code = 7
