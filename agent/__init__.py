"""Dabyl's edge agent: what runs on the device, and what it shares with the firmware."""

__version__ = "0.1.0"
