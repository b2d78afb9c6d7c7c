"""Every error that simulators raise, in one tree under `SimulatorError`. A message says what is wrong and what to do next."""


class SimulatorError(Exception):
    """Root of all errors of the package `simulators`."""


class WiringError(SimulatorError, ValueError):
    """Something was asked of a simulated board that its wiring or a pin's range does not allow."""


class HardwareTimeoutError(SimulatorError, TimeoutError):
    """What a test waited for on a simulated board did not happen in time."""


class BrokerMissingError(SimulatorError, FileNotFoundError):
    """No broker engine is installed."""


class BrokerStartError(SimulatorError, RuntimeError):
    """A broker's process ended, or did not speak TLS in time. The message holds the end of its log."""


class NetworkStateError(SimulatorError, RuntimeError):
    """A simulated network was used before it was started or after it was stopped, or a toxic's name is taken or unknown."""


class DemoError(SimulatorError, RuntimeError):
    """A part of the demo did not come up, or went away. The message names it and holds what it said."""
