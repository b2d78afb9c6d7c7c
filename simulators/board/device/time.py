# Time as an ESP32 tells it: whole seconds since 2000, from a clock that begins there at power-on and that RTC.datetime() sets.
import utime
from utime import *

_EPOCH = 946684800
_offset_us = 0  # real-time clock minus ticks_us


def _now_us():
    return utime.ticks_us() + _offset_us


def time():
    return _now_us() // 1000000


def time_ns():
    return _now_us() * 1000


def gmtime(seconds=None):
    return utime.gmtime((time() if seconds is None else seconds) + _EPOCH)[:8]


localtime = gmtime


def mktime(parts):
    days = _days(parts[0], parts[1]) + parts[2] - 1
    return ((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]


def _days(year, month):
    year += (month - 1) // 12
    month = (month - 1) % 12
    before = year - 1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    starts = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
    return before * 365 + before // 4 - before // 100 + before // 400 - 730119 + starts[month] + (leap and month > 1)


def _set_offset(offset_us):
    global _offset_us
    _offset_us = offset_us
