"""What a board's process runs: MicroPython, with the console as its terminal and Ctrl-C taken as a board takes it.

The arguments are the terminal's descriptor and those of MicroPython.

The unix port raises KeyboardInterrupt in its handler of SIGINT, wherever its C code just is: in the middle of LittleFS or of the collector,
whose lock then stays, or in another thread. A board's port marks it instead, and the main thread raises it at its next jump. The console
sends SIGQUIT on Ctrl-C for that, a signal that the unix port leaves alone. A program named by DABYL_MICROPYTHON runs in the place of the
installed wheel, with firmware frozen into it, say; a program cannot be taught that handler, so there Ctrl-C does nothing.
"""

import ctypes
import os
import signal
import sys


def main() -> int:
    """Run until MicroPython ends; its exit code."""
    os.login_tty(int(sys.argv.pop(1)))  # a session of its own
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # it ends with its terminal, though its host was started by nohup
    program = os.environ.get("DABYL_MICROPYTHON")
    if program:
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        os.execv(program, [program, *sys.argv[1:]])  # noqa: S606  there is no shell
    import micropython_run  # type: ignore[import-not-found]  # noqa: PLC0415  a program of one's own needs no wheel

    mark = ctypes.cast(ctypes.CDLL(micropython_run.__file__).mp_sched_keyboard_interrupt, ctypes.c_void_p)
    handle = ctypes.CDLL(None).signal
    handle.argtypes, handle.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    handle(signal.SIGQUIT, mark)  # with SA_RESTART: the collector must not be woken from its wait for the other threads
    return int(micropython_run.run_main(sys.argv))


sys.exit(main())
