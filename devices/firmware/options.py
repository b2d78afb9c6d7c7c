"""What this firmware can do besides: the build leaves out what the boards it is for do not have (see provisioning/firmware)."""

SLEEPS = True
"""Badges that sleep."""
SECURE_ELEMENT = True
"""An ATECC608 that signs."""
