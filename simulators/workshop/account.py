"""What a workshop's devices have in the end: who has a certificate that holds, which board has its key, and what belongs to nobody."""

import pathlib
from collections import Counter
from collections.abc import Callable, Sequence

from cryptography import x509

from agent.keys.names import DEVICE
from provisioning.authority.register import Register
from provisioning.cable.prompt import Prompt
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import VERIFIED, Device

READ = """
from binascii import hexlify
print(hexlify(open('/keys/device.der','rb').read()).decode())
"""


def account(folder: pathlib.Path, devices: Sequence[Device], plug: Callable[[Device], str]) -> dict[str, int]:
    """Count, by the register, the inventory, and what each board says itself.

    * ``registered``: pressed and verified, says the inventory.
    * ``double_identities``: names with more than one certificate that holds, or boards with more than one name.
    * ``orphan_keys``: certificates that hold and that no board has, and boards whose certificate does not hold.

    Args:
        folder: the workshop's.
        devices: all that there should be.
        plug: plugs a board in; its port.
    """
    holding = {
        record.serial: record.identity
        for record in Register(folder / "authority").records()
        if record.role == DEVICE and record.revoked_ms is None
    }
    with Inventory(folder / "inventory.db", create=False) as inventory:
        known = inventory.devices()
    on_boards = {}
    for device in devices:
        with Prompt(plug(device)) as prompt:
            der = bytes.fromhex(prompt.run(READ).strip())
        on_boards[x509.load_der_x509_certificate(der).serial_number] = device.name
    names = Counter(holding.values())
    boards = Counter(device.serial for device in known if device.serial)
    return {
        "registered": sum(device.has_reached(VERIFIED) for device in known),
        "double_identities": sum(count > 1 for count in (*names.values(), *boards.values())),
        "orphan_keys": len(holding.items() ^ on_boards.items()),
    }
