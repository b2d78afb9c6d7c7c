# What MicroPython runs after a start: chooses one of the two copies of the firmware, and starts it.
import sys
import time

import machine
from slots import Slots

try:
    slots = Slots()
    sys.path.insert(0, slots.path(slots.choose()))
    from devices.firmware import start

    start.main(slots)
except Exception as error:  # a defect: say so, and start again; after three times the other copy has its turn
    sys.print_exception(error)
time.sleep(5)
machine.reset()
