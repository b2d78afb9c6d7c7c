"""What device logic asks the runtime to do.

An effect is a tuple whose first item is one of these numbers. Runs on MicroPython and CPython alike. It decides nothing and does nothing.

* ``(EMIT, tag, type, data)``: number, sign, keep and send an event of this type. ``tag`` is a small int of the logic's own, handed
  back to it in ``sealed(tag, boot, seq, now_ms)`` as soon as the event has its number.
* ``(OUTPUT, name, pattern)``: drive an output (``"lamp"``, ``"strobe"``, ``"siren"``, ``"relay"`` …) with a named pattern of the
  kind's own table.
"""

EMIT = 1
OUTPUT = 2
