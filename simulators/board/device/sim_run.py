# Puts the board together: its own modules, LittleFS on its flash at "/", then boot.py and main.py in the namespace of the prompt.
import gc
import os
import sys

import esp32
import flashbdev
import machine
import network
import select
import sim_bus
import sim_flash
import socket
import time
import vfs


def run(names):
    """Run the board's files with the globals `names`, and return to the prompt as a board does."""
    setup = sim_bus.start()
    time._set_offset(setup.pop("offset_us"))
    network._air = setup.pop("air")
    network._mac = bytes.fromhex(setup["uid"])
    esp32._stored.update(setup.pop("nvs"))
    flash = flashbdev.bdev = sim_flash.Flash(os.getenv("DABYL_BOARD_FLASH"), setup.pop("faults"))
    machine._start(setup)
    sim_flash.mount(flash)
    sys.path[:] = ["", ".frozen", "/lib"]
    for name in ("sim_bus", "sim_flash", "sim_pins", "sim_i2c", "sim_run", "uselect", "usocket", "utime"):
        sys.modules.pop(name, None)
    sim_bus.listen()
    gc.collect()
    sim_bus.say(sim_bus.UP, setup["cause"], gc.mem_free())
    for name in setup["files"]:
        if not _ran(name, names):
            break
    _idle()
    gc.collect()


def _idle():
    """Serve interrupts until somebody types: the unix port's prompt sleeps in the kernel, a board's does not."""
    typed = select.poll()
    typed.register(sys.stdin, select.POLLIN)
    try:
        while not typed.poll(1000):
            pass
    except KeyboardInterrupt:
        pass


def _ran(name, names):
    try:
        os.stat(name)
    except OSError:
        return True
    try:
        execfile(name, names)
        return True
    except SystemExit:
        machine.soft_reset()
    except BaseException as error:
        sys.print_exception(error)
    return False
