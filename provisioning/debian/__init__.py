"""The Debian package of the agent for Linux devices, made without root by `scripts/deb`."""
