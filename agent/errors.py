"""The errors that stop the agent, or keep it from starting. Whatever can be lived with (no network, no disk, no clock) is no error here."""


class AgentError(Exception):
    """The agent cannot run. The message says what is wrong, where, and what to do; ``exit_code`` is what the process ends with."""

    exit_code = 1


class ConfigError(AgentError):
    """The configuration file is missing, unreadable or wrong."""

    exit_code = 2


class IdentityError(AgentError):
    """A key or a certificate is missing, unreadable, unsafe or does not belong to the other."""

    exit_code = 3


class BusyError(AgentError):
    """Another agent holds this device's journal."""

    exit_code = 4


class HardwareError(AgentError):
    """The device's hardware (GPIO, serial port) cannot be opened."""

    exit_code = 5
