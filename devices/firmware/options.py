"""What this firmware can do besides: the build leaves out what the boards it is for do not have (see provisioning/firmware)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SLEEPS = True
"""Badges that sleep."""
SECURE_ELEMENT = True
"""An ATECC608 that signs."""
BUNDLED = False
"""True in a bundle, whose kinds are those in KINDS; else a kind's package is loaded by its name."""
KINDS: "dict[str, tuple[Any, Any, Any]]" = {}
"""By kind its settings, patterns and the factory of its logic; filled in by the build."""
