"""The wire contract, version 1: what devices and the operations center say to each other, byte for byte.

Pure: no I/O, no clock, no randomness, no keys of its own. Every module here stays inside the MicroPython subset and runs unchanged on
a microcontroller, on a Linux device and at the center. The same contract is told to strangers in ``docs/wire/``.
"""
