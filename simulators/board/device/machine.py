# The hardware of an ESP32, as its MicroPython port shows it: pins, timers, converters, clock, watchdog, sleep. The host holds the other ends.
import time

import micropython
import sim_bus
import sim_pins
from sim_i2c import I2C, SoftI2C
from sim_pins import ADC, PWM, Pin, Signal

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
PIN_WAKE = EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4
RTC_MEMORY_MAX = 2048

_setup = {}
_memory = b""
_frequency = [160000000]
_timers = {}


class Timer:
    """One of the four hardware timers; the host keeps the time, the callback runs as an interrupt handler does."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id, **settings):
        if not 0 <= id <= 3:
            raise ValueError("invalid Timer number")
        self._id = id
        self._callback = None
        if settings:
            self.init(**settings)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None, hard=False):
        if freq > 0:
            period = 1000 // freq
        if period <= 0:
            raise ValueError("period or freq is needed")
        self._callback = callback
        _timers[self._id] = self
        sim_bus.say(sim_bus.TIMER, self._id, period, mode)

    def deinit(self):
        if _timers.pop(self._id, None):
            sim_bus.say(sim_bus.TIMER, self._id, 0)


class WDT:
    """The watchdog: the host resets the board when it is not fed in time. Nothing disarms it but a hard reset."""

    def __init__(self, id=0, timeout=5000):
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        sim_bus.say(sim_bus.WATCHDOG, 0, timeout)

    def feed(self):
        sim_bus.say(sim_bus.WATCHDOG, 1)


class RTC:
    """Clock and memory that live through deep sleep and resets, but not without power."""

    def __init__(self, id=0):
        pass

    def memory(self, data=None):
        global _memory
        if data is None:
            return _memory
        if len(data) > RTC_MEMORY_MAX:
            raise ValueError("buffer too long")
        _memory = bytes(data)
        sim_bus.say(sim_bus.RTC, payload=_memory)

    def datetime(self, parts=None):
        if parts is None:
            us = time.time_ns() // 1000
            year, month, day, hour, minute, second, weekday, _yearday = time.gmtime(us // 1000000)
            return (year, month, day, weekday, hour, minute, second, us % 1000000)
        year, month, day, _weekday, hour, minute, second, us = parts
        seconds = time.mktime((year, month, day, hour, minute, second, 0, 0))
        offset_us = seconds * 1000000 + us - time.ticks_us()
        time._set_offset(offset_us)
        sim_bus.say(sim_bus.CLOCK, payload=b"%d" % offset_us)

    init = datetime


def reset_cause():
    return _setup["cause"]


def wake_reason():
    return _setup["wake"]


def unique_id():
    return bytes.fromhex(_setup["uid"])


def freq(hz=None):
    if hz is None:
        return _frequency[0]
    if hz not in (20000000, 40000000, 80000000, 160000000, 240000000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    _frequency[0] = hz


def reset():
    sim_bus.halt(sim_bus.RESET)


def soft_reset():
    sim_bus.halt(sim_bus.SOFT_RESET)


def deepsleep(time_ms=0):
    import json

    import esp32

    sim_bus.halt(sim_bus.DEEPSLEEP, 0, time_ms, json.dumps(esp32._wake).encode())


def lightsleep(time_ms=None):
    """Stand still for a time or until a wake pin is at its level."""
    import esp32

    began = time.ticks_ms()
    while time_ms is None or time.ticks_diff(time.ticks_ms(), began) < time_ms:
        time.sleep_ms(1)
        if sim_pins.wakes(esp32._wake["ext0"]) or sim_pins.wakes(esp32._wake["ext1"]):
            break


def idle():
    time.sleep_us(500)


def disable_irq():
    state = sim_bus.masked
    sim_bus.masked = True
    return state


def enable_irq(state):
    sim_bus.masked = state
    if not state:
        micropython.schedule(sim_bus._deliver, sim_bus._head)


def _fire(number, _value, _extra, _payload):
    timer = _timers.get(number)
    if timer is not None and timer._callback is not None:
        timer._callback(timer)


def _start(setup):
    global _setup, _memory
    _memory = bytes.fromhex(setup.pop("rtc"))
    sim_pins.start(setup.pop("drives"), setup.pop("adc"))
    sim_bus.handlers[sim_bus.FIRE] = _fire
    _setup = setup
