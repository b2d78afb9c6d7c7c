"""``dabyl provision``: the installer's commands, one module each, and the group that holds them."""
