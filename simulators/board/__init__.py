"""A simulated ESP32-class board: the unmodified firmware on MicroPython's unix port, with simulated hardware below it."""
