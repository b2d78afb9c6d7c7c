"""Many boards, one after another. What an earlier run has finished stays finished; what it has begun goes on."""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from agent.keys.errors import KeysError, SecretUnwrittenError
from provisioning.authority.errors import (
    AuthorityAbsentError,
    AuthorityDiskError,
    AuthorityError,
    AuthorityStateError,
    KeyRevokedError,
    KeyTakenError,
    NameTakenError,
    ValidityError,
)
from provisioning.cable.contents import Bundle
from provisioning.cable.enrolment import Bench, Press, Progress, enrol
from provisioning.cable.prompt import Prompt
from provisioning.errors import Cause, ProvisionError, SetupError
from provisioning.inventory.record import VERIFIED, Device

TRIES = 2
"""A board that fails is tried again once, for a loose cable is the most frequent cause."""


class Hands(Protocol):
    """Who plugs boards in and presses their buttons: a person, or a simulation of one."""

    def plug(self, device: Device) -> str:
        """Have the board of this device plugged in; the port where it is."""

    def press(self, device: Device) -> None:
        """Have its button pressed."""

    def unplug(self, device: Device) -> None:
        """Have it taken away."""


@dataclasses.dataclass
class Outcome:
    """What became of one device.

    ``resumed``: an earlier run had begun it. ``at_ms``: when its first press was verified. ``press`` is None where an earlier run saw it.
    """

    name: str
    registered: bool
    resumed: bool = False
    at_ms: int = 0
    press: Press | None = None
    error: ProvisionError | None = None

    def told(self, language: str) -> dict[str, Any]:
        """As a report says it."""
        told: dict[str, Any] = {"name": self.name, "registered": self.registered, "resumed": self.resumed}
        if self.at_ms:
            told["first_press"] = {"verified": datetime.fromtimestamp(self.at_ms / 1000, UTC).isoformat()}
            if self.press is not None:
                told["first_press"] |= dataclasses.asdict(self.press)
        if self.error is not None:
            told |= {"problem": self.error.key, "text": self.error.told(language)}
        return told


KNOWN = {
    AuthorityAbsentError: "authority-absent",
    ValidityError: "authority-clock",
    KeyTakenError: "key-taken",
    KeyRevokedError: "key-revoked",
    NameTakenError: "name-taken",
}
"""What the catalogue has a text of its own for."""


class OtherError(ProvisionError):
    """An error of the authority or the keys, in the clothes of ours."""


def translated(error: AuthorityError | KeysError) -> ProvisionError:
    """The same as an error of the catalogue."""
    if isinstance(error, SecretUnwrittenError):
        return SetupError("disk-file", file=error.path, reason=Cause.of(error.error))
    if isinstance(error, KeysError):
        return OtherError("keys", reason=str(error))
    if isinstance(error, AuthorityDiskError):
        return SetupError("disk-file", file=error.file, reason=Cause.of(error.error))
    for kind, key in KNOWN.items():
        if isinstance(error, kind):
            return OtherError(key, **error.facts)
    if isinstance(error, AuthorityStateError):
        return OtherError("authority-files", reason=str(error))
    return OtherError("authority-refuses", reason=str(error))


def run(
    bench: Bench,
    firmware: Callable[[str], Bundle],
    devices: Sequence[Device],
    hands: Hands,
    progress: Progress,
    finished: Callable[[Outcome], None],
) -> list[Outcome]:
    """Enrol the devices, which the inventory takes in first, all or none; what became of each.

    Raises:
        InventoryError: a name or a board is in the inventory already, as something else. Nothing was touched.
        SetupError: the laptop is not ready, or not any more; what was finished is, and the next run goes on.
    """
    bench.inventory.plan(devices, bench.now_ms())
    for kind in sorted({one.kind for one in devices if not bench.inventory.get(one.name).has_reached(VERIFIED)}):
        firmware(kind)
    outcomes = []
    for device in devices:
        outcome = _one(bench, firmware, device, hands, progress)
        outcomes.append(outcome)
        finished(outcome)
    return outcomes


def _one(bench: Bench, firmware: Callable[[str], Bundle], device: Device, hands: Hands, progress: Progress) -> Outcome:
    known = bench.inventory.get(device.name)
    if known.has_reached(VERIFIED):
        return Outcome(device.name, registered=True, at_ms=known.times[VERIFIED])
    outcome = Outcome(device.name, registered=False, resumed=known.serial != device.serial)
    for _try in range(TRIES):
        try:
            with Prompt(hands.plug(device)) as prompt:
                outcome.press = enrol(
                    bench, firmware(device.kind), device.name, prompt, progress, lambda: hands.press(device)
                )
        except SetupError:
            raise  # of the laptop, and so the same for every board
        except ProvisionError as error:
            outcome.error = error
        except (AuthorityError, KeysError) as error:
            outcome.error = translated(error)
        else:
            outcome.registered, outcome.error = True, None
            outcome.at_ms = bench.inventory.get(device.name).times[VERIFIED]
            break
        finally:
            hands.unplug(device)
    return outcome
