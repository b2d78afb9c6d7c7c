# What MicroPython runs after a start: chooses one of the two copies of the firmware, and starts it.
import sys

import machine
from slots import WATCHDOG_MS, Slots

machine.WDT(timeout=WATCHDOG_MS)  # before anything that can hang, such as a module that was cut off
slots = Slots()
try:
    sys.path.insert(0, slots.path(slots.choose()))
    from devices.firmware import start

    start.main(slots)
except (
    Exception
) as error:  # a defect, or no whole copy: say so, and start again; after three times the other copy has its turn
    sys.print_exception(error)
slots.rest()
machine.reset()
