# What MicroPython runs after a start: chooses one of the copies of the firmware, and starts it.
import gc
import sys

import machine
from slots import PROMPT_MS, WATCHDOG_MS, Slots

try:
    machine.WDT(timeout=WATCHDOG_MS)  # before anything that can hang, such as a module that was cut off
    slots = Slots()
    try:
        sys.path.insert(0, slots.path(slots.choose()))
        gc.threshold(4096)  # what stays is to lie together: TLS needs one large piece
        from devices.firmware import start

        gc.threshold(-1)
        start.main(slots)
    except Exception as error:
        # A defect, or no whole copy: say so, and start again; after three times the next copy has its turn.
        sys.print_exception(error)
    slots.rest()
    machine.reset()
finally:  # Ctrl-C: the prompt has its time, for a watchdog cannot be stopped
    machine.WDT(timeout=PROMPT_MS)
