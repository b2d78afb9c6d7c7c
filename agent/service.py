"""The agent and systemd: readiness, the watchdog, the status line (sd_notify(3)). Silent where there is no systemd."""

import os
import socket

PATIENCE_S = 0.1
"""How long a service manager with a full queue may hold the agent up."""


class Service:
    """Notifies the service manager that the environment names, if any."""

    def __init__(self, environment: "dict[str, str]") -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog = environment.get("WATCHDOG_USEC", "")
        pid = environment.get("WATCHDOG_PID", "")
        ours = watchdog.isdecimal() and int(watchdog) > 0 and (not pid or pid == str(os.getpid()))
        self.watchdog_s = int(watchdog) / 2_000_000 if ours else None
        """Seconds between two signs of life, half of what systemd allows; None without a watchdog."""
        self.journald = "JOURNAL_STREAM" in environment

    def ready(self, status: str) -> None:
        """Started: everything that can be up without a network is."""
        self._notify(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._notify(f"STATUS={status}")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun, and is meant."""
        self._notify("STOPPING=1")

    def _notify(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(PATIENCE_S)
                sock.sendto(message.encode(), self._address)
        except OSError:
            return  # a service manager that does not listen must not stop an alarm
