# Polls that wake for interrupts. With nothing but sockets to wait for, the unix port sleeps in the kernel and runs no handler until a socket
# stirs; a board runs it at once. One stream that is never ready makes the port look up every millisecond, and its jump is what lets handlers
# run, which happens at jumps only.
import io

import uselect
from uselect import *


class _Never(io.IOBase):
    def ioctl(self, request, _argument):
        if request == 3:
            return 0
        return -1


_never = _Never()


def poll():
    polling = uselect.poll()
    polling.register(_never, uselect.POLLIN)
    return polling
