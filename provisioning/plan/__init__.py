"""The table of devices that somebody has typed: read, checked as a whole, and refused with every problem named."""
