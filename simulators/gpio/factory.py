"""gpiozero pins whose hardware is a simulated board on a Unix socket.

Loaded inside the *unmodified* agent: ``GPIOZERO_PIN_FACTORY=dabyl`` chooses it, ``DABYL_GPIO_SOCKET`` names the socket. Like lgpio it
has one thread that receives edges with the kernel's kind of timestamps and calls the pins' `when_changed`; edges arrive raw, once
and in order. If the board goes away the pins keep their last levels, and the thread connects again. It never debounces, never
invents a level, and imports nothing that gpiozero has not loaded, because the agent's memory is measured.
"""

import _thread
import os
import socket
import struct
import sys
import time

from gpiozero.exc import (
    BadPinFactory,
    PinFixedPull,
    PinInvalidBounce,
    PinInvalidEdges,
    PinInvalidFunction,
    PinInvalidPull,
    PinInvalidState,
    PinPWMFixedValue,
    PinSetInput,
    PinSPIUnsupported,
)
from gpiozero.pins.pi import PiFactory, PiPin

from simulators.gpio import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

REVISION = 0xC03112  # Raspberry Pi 4B; boards share the header's GPIO numbers
FIRST_CONNECT_S = 5.0  # the board may be started beside the agent
RECONNECT_S = 0.1
SEND_TIMEOUT_S = 1  # a board that does not read for so long is gone
EDGES = {"none": (), "rising": (1,), "falling": (0,), "both": (0, 1)}


class SimulatedFactory(PiFactory):  # type: ignore[misc]  # gpiozero publishes no types
    """All pins of one simulated board.

    Args:
        path: the board's Unix socket; without it, ``DABYL_GPIO_SOCKET``.

    Raises:
        BadPinFactory: no socket is named, or no board of this version answers on it within 5 s.
    """

    def __init__(self, path: "str | None" = None) -> None:
        super().__init__()
        self._path = path or os.environ.get("DABYL_GPIO_SOCKET", "")
        if not self._path:
            raise BadPinFactory("DABYL_GPIO_SOCKET is not set: name the Unix socket of a running simulated board in it")
        self.pin_class = SimulatedPin
        self.lock = _thread.allocate_lock()  # guards levels
        self._sending = _thread.allocate_lock()  # guards the socket; apart, so that a slow board never holds up edges
        self.drives = [records.OPEN] * records.PINS
        self._claimed: dict[int, SimulatedPin] = {}
        self._socket: socket.socket | None = None
        self._closed = False
        deadline = time.monotonic() + FIRST_CONNECT_S
        while True:
            try:
                board = self._connect()
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise BadPinFactory(
                        f"no simulated board answers on {self._path} ({error}): start it first, or correct DABYL_GPIO_SOCKET"
                    ) from error
                time.sleep(RECONNECT_S / 5)
        _thread.start_new_thread(self._receive, (board,))

    def close(self) -> None:
        """Makes every pin an input again and hangs up. Safe to call twice."""
        super().close()
        with self._sending:
            self._closed = True
            self._claimed.clear()
            board, self._socket = self._socket, None
        if board is not None:
            _shut_down(board)  # wakes the reader thread, which closes the descriptor

    @staticmethod
    def ticks() -> float:
        """Seconds of CLOCK_MONOTONIC, which is also the unit of the ticks handed to `when_changed`."""
        return time.monotonic()

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        """Seconds from `earlier` to `later`."""
        return later - earlier

    def claim(self, number: int, pin: "SimulatedPin") -> None:
        """Binds GPIO `number` to `pin`: from now on the reader thread tells it of changes."""
        self._claimed[number] = pin

    def send(self, record: bytes) -> None:
        """Sends one record; without a board it is dropped, for the pin's state is told again at the next connection."""
        with self._sending:
            board = self._socket
            if board is None:
                return
            try:
                board.sendall(record)
            except OSError:
                # The reader thread sees the end of the stream and connects again.
                self._socket = None
                _shut_down(board)

    def _get_revision(self) -> int:
        return REVISION

    def _get_spi_class(self, shared: bool, hardware: bool) -> "NoReturn":  # noqa: ARG002 - gpiozero's signature
        raise PinSPIUnsupported("a simulated board has no SPI")

    def _connect(self) -> socket.socket:
        """Connects, takes over the board's levels, tells it the state of every claimed pin.

        A level that changed while nobody was connected is reported as an edge at the instant of the board's answer.

        Raises:
            OSError: nobody listens, or what answers is no board of this version.
        """
        board = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            board.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
            board.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
            board.connect(self._path)
            drives = _handshake(board)
            board.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
            self._introduce(board)
        except BaseException:
            board.close()
            raise
        for _kind, number, drive, _extra, time_ns in drives:
            self._changed(number, drive, time_ns)
        return board

    def _introduce(self, board: socket.socket) -> None:
        """Tells the board the state of every claimed pin; from here on `send` reaches it."""
        with self._sending:
            if self._closed:
                raise OSError("the pin factory is closed")
            for pin in list(self._claimed.values()):
                board.sendall(pin.described())
            self._socket = board

    def _receive(self, board: socket.socket) -> None:
        """The reader thread: hands on edges until the factory is closed, over as many connections as it takes."""
        size = records.RECORD.size
        rest = b""
        while True:
            try:
                chunk = board.recv(size * 256)
            except OSError:
                chunk = b""
            if chunk:
                chunk = rest + chunk
                whole = len(chunk) - len(chunk) % size
                rest = chunk[whole:]
                for kind, number, drive, _extra, time_ns in records.RECORD.iter_unpack(chunk[:whole]):
                    if kind == records.DRIVE:
                        self._changed(number, drive, time_ns)
                continue
            rest = b""
            with self._sending:
                self._socket = None
            board.close()
            while True:
                if self._closed:
                    return
                try:
                    board = self._connect()
                    break
                except OSError:
                    time.sleep(RECONNECT_S)

    def _changed(self, number: int, drive: int, time_ns: int) -> None:
        self.drives[number] = drive
        pin = self._claimed.get(number)
        if pin is not None:
            try:
                pin.drive_changed(drive, time_ns)
            except Exception:  # noqa: BLE001 - a callback's mistake must not cost the edges of all other pins
                sys.excepthook(*sys.exc_info())


class SimulatedPin(PiPin):  # type: ignore[misc]  # gpiozero publishes no types
    """One GPIO pin. Made by the factory only."""

    def __init__(self, factory: SimulatedFactory, info: "Any") -> None:
        super().__init__(factory, info)
        self._function = "input"
        self._pull = info.pull or "floating"
        self._duty = 0.0
        self._frequency: float | None = None
        self._edges = "both"
        self._detecting = False
        factory.claim(self._number, self)
        self._level = 0
        self._settle()
        factory.send(self.described())

    def close(self) -> None:
        """Makes the pin an input without a pull of its own."""
        self.when_changed = None
        self._frequency = None
        self._function = "input"
        self._pull = self._info.pull or "floating"
        self._settle()
        self._factory.send(self.described())

    def described(self) -> bytes:
        """The record that tells the board this pin's function and output."""
        now_ns = time.monotonic_ns()
        if self._function == "input":
            return records.RECORD.pack(records.INPUT, self._number, records.PULLS[self._pull], 0, now_ns)
        duty = round(self._duty * records.FULL_DUTY)
        frequency_mhz = round((self._frequency or 0) * 1000)
        return records.RECORD.pack(records.OUTPUT, self._number, duty, frequency_mhz, now_ns)

    def drive_changed(self, drive: int, time_ns: int) -> None:
        """Called by the reader thread: what is connected to the pin changed at `time_ns`."""
        with self._factory.lock:
            before = self._level
            self._level = level = records.level_of(drive, records.PULLS[self._pull], before)
            seen = self._detecting and level != before and self._function == "input" and level in EDGES[self._edges]
        if seen:
            self._call_when_changed(time_ns / 1_000_000_000, level)

    def _settle(self) -> None:
        with self._factory.lock:
            drive = self._factory.drives[self._number]
            self._level = records.level_of(drive, records.PULLS[self._pull], self._level)

    def _get_function(self) -> str:
        return self._function

    def _set_function(self, value: str) -> None:
        if value not in ("input", "output"):
            raise PinInvalidFunction(f'invalid function "{value}" for pin {self!r}')
        self._function = value
        if value == "input":
            self._frequency = None
            self._settle()
        else:
            self._duty = 0.0
        self._factory.send(self.described())

    def output_with_state(self, state: float) -> None:
        """Makes the pin an output that starts at `state`, in one step and so without a blip."""
        self._function = "output"
        self._duty = float(bool(state))
        self._factory.send(self.described())

    def input_with_pull(self, pull: str) -> None:
        """Makes the pin an input with `pull`, in one step."""
        self._check_pull(pull)
        self._pull = pull
        self._set_function("input")

    def _get_state(self) -> float:
        if self._function == "input":
            return bool(self._level)
        return self._duty if self._frequency else bool(self._duty)

    def _set_state(self, value: float) -> None:
        if self._function == "input":
            raise PinSetInput(f"cannot set state of pin {self!r}: it is an input")
        if not 0 <= value <= 1:
            raise PinInvalidState(f'invalid state "{value}" for pin {self!r}: it must lie between 0 and 1')
        self._duty = float(value) if self._frequency else float(bool(value))
        self._factory.send(self.described())

    def _get_pull(self) -> str:
        return str(self._pull)

    def _set_pull(self, value: str) -> None:
        if self._function != "input":
            raise PinFixedPull(f"cannot set pull on non-input pin {self!r}")
        self._check_pull(value)
        self._pull = value
        self._settle()
        self._factory.send(self.described())

    def _check_pull(self, value: str) -> None:
        if value not in records.PULLS:
            raise PinInvalidPull(f'invalid pull "{value}" for pin {self!r}')
        if self._info.pull not in (value, ""):
            raise PinFixedPull(f"{self!r} has a physical pull-{self._info.pull} resistor")

    def _get_frequency(self) -> "float | None":
        return self._frequency

    def _set_frequency(self, value: "float | None") -> None:
        if value and self._function != "output":
            raise PinPWMFixedValue(f"cannot start PWM on pin {self!r}: it is an input")
        if not value or self._frequency is None:
            self._duty = 0.0  # as lgpio: PWM begins dark and leaves the pin low
        self._frequency = value or None
        self._factory.send(self.described())

    def _get_bounce(self) -> None:
        return None

    def _set_bounce(self, value: "float | None") -> None:
        if value:
            raise PinInvalidBounce(
                f"pin {self!r} reports raw edges: leave bounce_time out and debounce in the device's logic"
            )

    def _get_edges(self) -> str:
        return self._edges

    def _set_edges(self, value: str) -> None:
        if value not in EDGES:
            raise PinInvalidEdges(f'invalid edges "{value}" for pin {self!r}')
        self._edges = value

    def _enable_event_detect(self) -> None:
        self._detecting = True

    def _disable_event_detect(self) -> None:
        self._detecting = False


def _handshake(board: socket.socket) -> "list[tuple[int, int, int, int, int]]":
    """The DRIVE records, one a pin, with which a board greets.

    Raises:
        OSError: it hung up, said nothing for a second, or is no board of this version.
    """
    size = records.RECORD.size * (records.PINS + 2)
    received = b""
    while len(received) < size:
        chunk = board.recv(size - len(received))
        if not chunk:
            raise OSError("it hung up")
        received += chunk
    told = list(records.RECORD.iter_unpack(received))
    if told[0][:3] != (records.GREETING, records.VERSION, records.PINS) or told[-1][0] != records.READY:
        raise OSError("it is no simulated board of this version")
    return told[1:-1]


def _shut_down(board: socket.socket) -> None:
    try:
        board.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
