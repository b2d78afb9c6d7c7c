"""Dabyl's edge agent: what runs on the device, and what it shares with the firmware."""
