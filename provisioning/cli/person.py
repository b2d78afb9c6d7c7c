"""A person at the bench: told what to plug in and what to press, in his language."""

import time
from collections.abc import Callable

import click

from provisioning.inventory.record import Device
from provisioning.messages import text

LOOK_S = 0.3


class Person:
    """Asks for boards on standard error, and sees by the serial ports that they come and go. ``boards`` lists the ports."""

    def __init__(self, language: str, boards: Callable[[], list[str]]) -> None:
        self._language = language
        self._boards = boards
        self._port = ""

    def plug(self, device: Device) -> str:
        """Ask for the board; the port where it has come."""
        found = self._boards()
        if len(found) != 1:
            self._say("plug", name=device.name)
            while len(found := self._boards()) != 1:
                time.sleep(LOOK_S)
            time.sleep(LOOK_S)  # its driver settles
        self._port = found[0]
        self._say("seen", port=self._port)
        return self._port

    def press(self, device: Device) -> None:
        """Ask for the press."""
        self._say("press", name=device.name)

    def unplug(self, device: Device) -> None:
        """Ask for the board to be taken away, and wait until it is."""
        self._say("unplug", name=device.name)
        while self._port in self._boards():
            time.sleep(LOOK_S)

    def _say(self, key: str, **facts: object) -> None:
        click.echo(text(self._language, f"guide.{key}", **facts), err=True)
