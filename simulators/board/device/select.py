# Polls as a board has them. With nothing but sockets to wait for, the unix port sleeps in the kernel and runs no handler until a socket
# stirs; a board runs it at once. One stream that is never ready makes the port look up every millisecond, and its jump is what lets handlers
# run, which happens at jumps only. But then the port sleeps that millisecond even where nobody wants to wait, in each turn of an event loop;
# one stream that is always ready takes that away.
import io

import sim_bus
import uselect
from uselect import *


class _Never(io.IOBase):
    def ioctl(self, request, _argument):
        if request == 3:
            return 0
        return -1


_never = _Never()


class _Poll:
    def __init__(self):
        self._poll = uselect.poll()
        self._poll.register(_never, POLLIN)
        self.register = self._poll.register
        self.modify = self._poll.modify
        self.unregister = self._poll.unregister
        self.poll = self._poll.poll

    def ipoll(self, timeout=-1, flags=0):
        if timeout == 0:
            ready = iter(self._at_once(flags))
        else:
            sim_bus.waits()
            ready = self._poll.ipoll(timeout, flags)
        sim_bus.settle()
        return ready

    def _at_once(self, flags):
        always = sim_bus._calls  # there is always room for a question to the host
        self._poll.register(always, POLLOUT)
        try:
            return [(stream, event) for stream, event in self._poll.ipoll(0, flags) if stream is not always]
        finally:
            self._poll.unregister(always)


poll = _Poll
