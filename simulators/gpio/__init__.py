"""Simulated GPIO hardware, one level below the unmodified agent process.

`factory` is loaded inside the agent by gpiozero; `hardware` is the board as a test or a demo sees it from outside. They meet on a
Unix socket and speak `records`. This file imports nothing, because the agent's memory is measured.
"""
