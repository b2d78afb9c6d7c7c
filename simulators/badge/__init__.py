"""A video badge at work on this machine: the unmodified agent over a simulated camera, board and receiver, up to the receipt."""
