# The board's side of its two sockets: records in and out, and a thread that plays the interrupt controller.
#
# The thread allocates nothing for a record without a payload: it reads into a ring and asks for `_deliver`, which runs between two byte codes
# of the main thread, as a handler does on an ESP32. When MicroPython's queue of such calls is full it asks again, so no edge is ever lost.
import json
import os
import struct
import sys
import time

import _thread
import micropython
import uselect

RECORD = "<BBHiIq"
SIZE = 20
SLOTS = 64
PAYLOAD_MAX = 65535
PATIENCE = 10_000  # looks, not time, which goes on where this process does not

SETUP, DRIVE, ADC, AIR, FIRE, FAULTS, PING = 1, 2, 3, 4, 5, 6, 7
INPUT, OUTPUT, WATCHDOG, TIMER, HALT, RTC, CLOCK, FLASH, PONG, UP, CTRL_C, JOIN = (
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
)
I2C, NVS, ROUTE = 32, 33, 34
RESET, DEEPSLEEP, POWER_CUT, SOFT_RESET = 1, 2, 3, 4

_events = _calls = None
_ring = bytearray(SLOTS * SIZE)
_payloads = [None] * SLOTS
_head = 0  # written by the thread only
_tail = 0  # written by the main thread only
_taking = False  # the thread has a record that is not in the ring yet; only the thread sets it
_arrived = uselect.poll()  # asked by the main thread
_ctrl_c = struct.pack(RECORD, CTRL_C, 0, 0, 0, 0, 0)
_halted = False
_answer = bytearray()  # what has come of an answer
_due = 0  # answers that have not come
masked = False  # by machine.disable_irq
busy = False  # within the flash's driver or a transfer
handlers = {}  # kind -> function(number, value, extra, payload)
_asked = 0  # the last PING that wants to know of a wait; only its handler sets it
_told = 0  # the last of these that was answered


def say(kind, number=0, value=0, extra=0, payload=b""):
    """Tell the host. One write a record, so that a handler between two byte codes cannot come in between."""
    _events.write(struct.pack(RECORD, kind, number, len(payload), value, extra, time.ticks_us()) + payload)


def call(kind, number=0, value=0, extra=0, payload=b""):
    """Ask the host and wait for its answer: (value, payload)."""
    global busy
    busy = True
    try:
        return _called(kind, number, value, extra, payload)
    finally:
        busy = False


def _called(kind, number, value, extra, payload):
    global _answer, _due
    _calls.write(struct.pack(RECORD, kind, number, len(payload), value, extra, time.ticks_us()) + payload)
    _due += 1
    while _due:  # more than one is due where Ctrl-C came before an earlier answer
        _await(SIZE)
        head = struct.unpack_from(RECORD, _answer)
        _await(SIZE + head[2])
        payload = bytes(memoryview(_answer)[SIZE:])
        _answer = bytearray()
        _due -= 1
    return head[3], payload


def waits():
    """The firmware's event loop has nothing to do at once, but for what an interrupt has just woken."""
    global _told
    if _asked > _told:
        _told = _asked
        say(PONG, 1, _told)


def settle():
    """Let what has reached the board be handled first, as on an ESP32, where an interrupt that came while native code held the processor runs
    before anything else does. Here this process may have been held itself, and its thread be the last one to know. It is not waited for what
    goes on arriving, nor for ever: who polls within a handler keeps the others from running."""
    first = _head
    for _ in range(PATIENCE):
        if masked or _head - first >= SLOTS or not (_taking or _head != _tail or _any(_arrived)):
            break
        time.sleep_us(50)


def halt(why, value=0, extra=0, payload=b""):
    """Tell the host why this run is over, and stand still until the host ends the process. No handler runs any more."""
    global _halted
    _halted = True
    say(HALT, why, value, extra, payload)
    while True:
        try:
            _calls.read(1)
        except BaseException:  # Ctrl-C does not start a board that stands still
            pass


def again():
    """Have Ctrl-C typed once more: it came where a board has no byte code to interrupt."""
    _events.write(_ctrl_c)


def _pinged(number, value, _extra, _payload):
    global _asked
    if number:
        _asked = value
    else:
        say(PONG, 0, value)


def _await(n):
    """Read until so much of the answer is there; nothing is lost when Ctrl-C comes in between."""
    while len(_answer) < n:
        before = len(_answer)
        _answer.extend(_calls.read(n - before))
        if len(_answer) == before:
            raise OSError(104)  # the host is gone; the kernel's hang-up of the console ends this process


def _read(file, n):
    data = file.read(n)
    while data is not None and 0 < len(data) < n:
        more = file.read(n - len(data))
        if not more:
            break
        data += more
    if not data or len(data) < n:
        raise OSError(104)  # the host is gone; the kernel's hang-up of the console ends this process
    return data


def _any(polled, timeout=0):
    for _ in polled.ipoll(timeout):
        return True
    return False


def _listen():
    global _head, _taking
    slots = [memoryview(_ring)[i * SIZE : (i + 1) * SIZE] for i in range(SLOTS)]
    arrives = uselect.poll()
    arrives.register(_events, uselect.POLLIN)
    while True:
        while _head - _tail >= SLOTS:
            time.sleep_us(50)
        _any(arrives, -1)
        _taking = True
        slot = _head % SLOTS
        view = slots[slot]
        n = _events.readinto(view)
        if not n:
            return
        while n < SIZE:
            n += _events.readinto(view[n:])
        length = view[2] | view[3] << 8
        _payloads[slot] = _read(_events, length) if length else None
        _head += 1
        while True:
            try:
                micropython.schedule(_deliver, _head)
                break
            except RuntimeError:  # the queue is full
                time.sleep_us(50)
        _taking = False


def _deliver(end):
    try:
        return _delivered(end)
    except KeyboardInterrupt:
        again()
        return _deliver(end)


def _delivered(end):
    global _tail
    if busy:
        try:
            micropython.schedule(_deliver, end)
        except RuntimeError:  # full of calls for what came later, which will find this
            pass
        return
    while _tail < end and not _halted and not masked:
        slot = _tail % SLOTS
        kind, number, _length, value, extra, _time = struct.unpack_from(RECORD, _ring, slot * SIZE)
        payload = _payloads[slot]
        _payloads[slot] = None
        _tail += 1
        try:
            handlers[kind](number, value, extra, payload)
        except Exception as error:  # a handler's error is printed, as on a board, and the next one still runs
            sys.print_exception(error)


def start():
    """Open the sockets and return what the board finds at this start, a map."""
    global _events, _calls
    events, calls = os.getenv("DABYL_BOARD").split(",")
    _events = open(int(events), "r+b")
    _calls = open(int(calls), "r+b")
    head = struct.unpack(RECORD, _read(_events, SIZE))
    return json.loads(_read(_events, head[2]))


def listen():
    """Let interrupts in, now that all their handlers are there."""
    handlers[PING] = _pinged
    _arrived.register(_events, uselect.POLLIN)
    _thread.start_new_thread(_listen, ())
