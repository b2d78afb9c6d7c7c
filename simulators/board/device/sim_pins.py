# Pins, and what reads or makes voltages on them.
import sim_bus

_OPEN = 2
_ADC2 = (0, 2, 4, 12, 13, 14, 15, 25, 26, 27)
_ADC1 = (32, 33, 34, 35, 36, 37, 38, 39)
_NO_PIN = (20, 24, 28, 29, 30, 31)
_FULL_SCALE_MV = (1100, 1467, 2195, 3903)
_LINEAR_MV = (950, 1250, 1750, 3150)  # above it the converter saturates
_ESP_ERR_TIMEOUT = 263

_pins = {}
_drives = {}  # number -> what the outside drives it with, where it is not open
_millivolts = {}


class Pin:
    """One GPIO. Handlers get the pin, and see the level of the edge they are called for."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2
    WAKE_LOW = 4
    WAKE_HIGH = 5
    DRIVE_0, DRIVE_1, DRIVE_2, DRIVE_3 = 0, 1, 2, 3

    def __new__(cls, id, *arguments, **settings):
        if isinstance(id, Pin):
            id = id.id
        if not isinstance(id, int) or not 0 <= id <= 39 or id in _NO_PIN:
            raise ValueError("invalid pin")
        pin = _pins.get(id)
        if pin is None:
            pin = _pins[id] = object.__new__(cls)
            pin.id = id
            pin._mode = -1
            pin._pull = 0
            pin._output = 0
            pin._handler = None
            pin._trigger = 0
            pin._level = pin._seen(0)
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if mode != -1 or pull != -1 or value is not None:
            self.init(mode, pull, value=value)

    def __repr__(self):
        return "Pin(%d)" % self.id

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if mode in (Pin.OUT, Pin.OPEN_DRAIN) and self.id >= 34:
            raise ValueError("pin can only be input")
        if pull != -1:
            self._pull = pull or 0
        if value is not None:
            self._output = 1 if value else 0
        if mode != -1:
            self._mode = mode
        if self._mode == Pin.IN or mode == Pin.OPEN_DRAIN:
            sim_bus.say(sim_bus.INPUT, self.id, self._pull)
        if self._mode in (Pin.OUT, Pin.OPEN_DRAIN):
            self._put(self._output)
        self._level = self._seen(self._level)

    def value(self, level=None):
        if level is None:
            return self._level
        self._put(1 if level else 0)

    __call__ = value

    def on(self):
        self._put(1)

    def off(self):
        self._put(0)

    def toggle(self):
        self._put(1 - self._output)

    def irq(self, handler=None, trigger=IRQ_RISING | IRQ_FALLING, *, wake=None, hard=False):
        if trigger in (Pin.WAKE_LOW, Pin.WAKE_HIGH):
            raise ValueError("wake triggers are not simulated: esp32.wake_on_ext0 or wake_on_ext1")
        self._handler = handler
        self._trigger = trigger
        return self

    def _put(self, level):
        self._output = level
        if self._mode in (Pin.OUT, Pin.OPEN_DRAIN):
            sim_bus.say(sim_bus.OUTPUT, self.id, 65535 if level else 0)
            self._level = self._seen(self._level)

    def _seen(self, before):
        if self._mode == Pin.OUT or self._mode == Pin.OPEN_DRAIN and not self._output:
            return self._output
        drive = _drives.get(self.id, _OPEN)
        if drive < _OPEN:
            return drive
        if self._pull:
            return 1 if self._pull == Pin.PULL_UP else 0
        return before if drive == _OPEN else drive - 3

    def _changed(self):
        level = self._seen(self._level)
        if level == self._level:
            return
        self._level = level
        if self._handler is not None and self._trigger & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING):
            self._handler(self)


class Signal:
    """A pin that may be inverted."""

    def __init__(self, pin, *arguments, invert=False):
        self._pin = pin if isinstance(pin, Pin) else Pin(pin, *arguments)
        self._invert = 1 if invert else 0

    def value(self, level=None):
        if level is None:
            return self._pin.value() ^ self._invert
        self._pin.value((1 if level else 0) ^ self._invert)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class PWM:
    """A pulse train at a pin; the host sees duty and frequency."""

    def __init__(self, dest, *, freq=-1, duty=-1, duty_u16=-1, duty_ns=-1, invert=False):
        self._pin = dest if isinstance(dest, Pin) else Pin(dest, Pin.OUT)
        if self._pin.id >= 34:
            raise ValueError("pin can only be input")
        self._frequency = 5000
        self._duty = 32768
        self._running = True
        self.init(freq=freq, duty=duty, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, *, freq=-1, duty=-1, duty_u16=-1, duty_ns=-1, invert=False):
        if freq != -1:
            self._frequency = _inside(freq, 1, 40000000, "frequency must be from 1Hz to 40MHz")
        if duty != -1:
            self._duty = _inside(duty, 0, 1023, "duty must be from 0 to 1023") * 65535 // 1023
        elif duty_u16 != -1:
            self._duty = _inside(duty_u16, 0, 65535, "duty_u16 must be from 0 to 65535")
        elif duty_ns != -1:
            self._duty = _inside(
                duty_ns * self._frequency * 65535 // 1000000000, 0, 65535, "duty_ns exceeds the period"
            )
        self._running = True
        sim_bus.say(sim_bus.OUTPUT, self._pin.id, self._duty, self._frequency)

    def deinit(self):
        if self._running:
            self._running = False
            sim_bus.say(sim_bus.OUTPUT, self._pin.id, 0)

    def freq(self, hz=None):
        if hz is None:
            return self._frequency
        self.init(freq=hz)

    def duty(self, duty=None):
        if duty is None:
            return self._duty * 1023 // 65535
        self.init(duty=duty)

    def duty_u16(self, duty=None):
        if duty is None:
            return self._duty
        self.init(duty_u16=duty)

    def duty_ns(self, duty=None):
        if duty is None:
            return self._duty * 1000000000 // (65535 * self._frequency)
        self.init(duty_ns=duty)


class ADC:
    """A converter at a pin. ADC2 belongs to the radio while that is on."""

    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3
    WIDTH_12BIT = 12

    def __init__(self, pin, *, atten=ATTN_0DB):
        self._id = pin.id if isinstance(pin, Pin) else pin
        if self._id not in _ADC1 and self._id not in _ADC2:
            raise ValueError("invalid pin")
        self._atten = atten

    def atten(self, atten):
        self._atten = atten

    def width(self, _bits):
        pass

    def read(self):
        return min(4095, self._now() * 4095 // _FULL_SCALE_MV[self._atten])

    def read_u16(self):
        raw = self.read()
        return raw << 4 | raw >> 8

    def read_uv(self):
        return min(self._now(), _LINEAR_MV[self._atten]) * 1000

    def _now(self):
        if self._id in _ADC2:
            import network

            if network._station.active():
                raise OSError(_ESP_ERR_TIMEOUT)
        return _millivolts.get(self._id, 0)


def wakes(condition):
    """Whether a wake-up condition ([pins], level) holds: any pin high, or all low."""
    if condition is None:
        return False
    pins, level = condition
    levels = [Pin(number).value() for number in pins]
    return 1 in levels if level else 1 not in levels


def start(drives, millivolts):
    """Take over what the outside world looks like at power-on: pairs of pin number and drive, or millivolts."""
    _drives.update({number: drive for number, drive in drives})
    _millivolts.update({number: mv for number, mv in millivolts})
    sim_bus.handlers[sim_bus.DRIVE] = _driven
    sim_bus.handlers[sim_bus.ADC] = _measured


def _driven(number, drive, _extra, _payload):
    _drives[number] = drive
    pin = _pins.get(number)
    if pin is not None:
        pin._changed()


def _measured(number, millivolts, _extra, _payload):
    _millivolts[number] = millivolts


def _inside(value, least, most, text):
    if not least <= value <= most:
        raise ValueError(text)
    return value
