"""Building firmware: which modules a board needs, and the bundle of compiled ones that is copied to it or frozen into an image."""
