# What the host starts; leaves nothing behind in the namespace that it shares with main.py and the prompt.
import os
import sys

sys.path[:] = [os.getenv("DABYL_BOARD_MODULES"), ".frozen"]
import sim_run

_run = sim_run.run
del os, sys, sim_run
_run(globals())
del _run
