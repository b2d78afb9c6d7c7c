# Copies a folder of the host into a flash image, before the board is switched on: sim_factory.py MODULES IMAGE FOLDER
import os
import sys

_modules, _image, _folder = sys.argv[1:4]
sys.path[:] = [_modules, ".frozen"]

import sim_bus
import sim_flash
import vfs

sim_bus._events = open("/dev/null", "wb")  # wear begins at the customer's
host = vfs.VfsPosix(_folder)


def copy(folder):
    for entry in os.ilistdir("/host" + folder):
        name = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            if entry[0] == "__pycache__":
                continue
            try:
                os.mkdir(name)
            except OSError:
                os.stat(name)  # there already, or there is no room for it
            copy(name)
        else:
            with open("/host" + name, "rb") as source:
                with open(name, "wb") as target:
                    while True:
                        part = source.read(4096)
                        if not part:
                            break
                        target.write(part)


sim_flash.mount(sim_flash.Flash(_image, {}))
vfs.mount(host, "/host", readonly=True)
copy("")
