"""The device kinds, one folder a kind, named like the kind with underscores (``sos-button`` is ``devices.sos_button``).

A kind's folder holds its settings table and two lazy factories in ``__init__``, its logic (pure, MicroPython subset: inputs and times
in, effects out) and its hardware binding (the only place with I/O). Nothing here is imported unless a configuration names the kind,
and no kind imports another: what kinds share is in ``devices.common``.
"""
