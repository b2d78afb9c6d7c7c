"""What a board runs at its prompt before it loses its identity: does it still owe alarms to the center? Nothing else could deliver them."""

import os

from agent.journal.log import Journal
from devices.firmware.flash import BOUNDS, FlashStore


def alarms() -> int:
    """How many alarms of the journal have no receipt.

    Raises:
        JournalError, OSError: the journal cannot be read.
    """
    if "journal" not in os.listdir("/"):
        return 0
    journal = Journal(FlashStore("/journal"), **BOUNDS)
    journal.open()
    return journal.unsettled_count(0)
