"""An installer's workshop on one machine: broker, center, authority, and as many blank boards as there are names. `dabyl provision batch`
runs it with ``--simulated``; what it keeps in its folder outlives it, flash of the boards included.
"""
