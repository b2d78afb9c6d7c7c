"""Modbus RTU, the language of input, relay and analog modules: requests and answers as bytes, both ways, by pymodbus.

Source: Modbus Organization, "MODBUS application protocol specification" 1.1b3 and "MODBUS over serial line" 1.02: unit, function, data,
CRC-16 (low byte first); usually 9600 baud 8N1. Frames have no mark at their beginning, so that a master recognises an answer by knowing
what it asked. A relay's pulse that the module times itself is function 5 at ``0x0200`` plus the coil, with the time in tenths of a second
(Waveshare "Modbus RTU Relay", flash on); when nothing renews it, the relay lets go.
"""

import dataclasses
import functools
import re
from typing import NamedTuple

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadCoilsResponse,
    ReadDiscreteInputsRequest,
    ReadDiscreteInputsResponse,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import ReadInputRegistersRequest, ReadInputRegistersResponse
from pymodbus.pdu.utils import unpack_bitstring

from devices.sensors.frames import MORE, NONE, Frames

BAUD = 9600
READ_COILS = 1
READ_INPUTS = 2
READ_REGISTERS = 4
SET_COIL = 5
PULSE_COILS = 0x0200
PULSE_UNIT_MS = 100
PULSE_MAX_MS = 0x7FFF * PULSE_UNIT_MS

REQUEST_BYTES = 8

_FAILED = 0x80
_ANSWERS = FramerRTU(DecodePDU(is_server=False))
_QUESTIONS = FramerRTU(DecodePDU(is_server=True))


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What a master asks of a unit; if the unit does it, its answer begins with ``answer_head`` and has ``answer_bytes`` in all."""

    unit: int
    function: int
    address: int
    count: int
    frame: bytes
    answer_head: bytes
    answer_bytes: int


class Answer(NamedTuple):
    """What a unit answered: ``bits`` or ``registers`` as asked for, or ``failure``, the number of its exception, 0 none."""

    at_ms: int
    request: Request
    bits: tuple[bool, ...] = ()
    registers: tuple[int, ...] = ()
    failure: int = 0


def read_coils(unit: int, first: int, count: int) -> Request:
    """Ask whether relays are on. Raises ValueError, as all of these, for what Modbus cannot say."""
    return _request(unit, ReadCoilsRequest(address=first, count=count), first, count, 5 + (count + 7) // 8)


def read_inputs(unit: int, first: int, count: int) -> Request:
    """Ask for the levels of inputs."""
    return _request(unit, ReadDiscreteInputsRequest(address=first, count=count), first, count, 5 + (count + 7) // 8)


def read_registers(unit: int, first: int, count: int) -> Request:
    """Ask for input registers, 16 bits each."""
    return _request(unit, ReadInputRegistersRequest(address=first, count=count), first, count, 5 + 2 * count)


def set_coil(unit: int, coil: int, *, on: bool) -> Request:
    """Switch a relay, for good."""
    return _request(unit, WriteSingleCoilRequest(address=coil, bits=[on]), coil, 1, 8)


def pulse(unit: int, coil: int, duration_ms: int) -> Request:
    """Switch a relay on; its module switches it off after ``duration_ms``, whatever becomes of the master."""
    if duration_ms % PULSE_UNIT_MS or not 0 < duration_ms <= PULSE_MAX_MS:
        raise ValueError(f"a pulse of {duration_ms} ms; it is 1 to 32767 times {PULSE_UNIT_MS} ms")
    if not 0 <= coil < 0x100:
        raise ValueError(f"relay {coil} is not within 0 and 255")
    tenths = duration_ms // PULSE_UNIT_MS
    payload = bytes((SET_COIL,)) + (PULSE_COILS + coil).to_bytes(2, "big") + tenths.to_bytes(2, "big")
    frame = _ANSWERS.encode(payload, _checked(unit), 0)
    return Request(unit, SET_COIL, PULSE_COILS + coil, 1, frame, frame[:6], 8)


class Decoder:
    """The answers to one request after another. ``understood`` counts them, ``skipped`` the bytes of anything else."""

    def __init__(self) -> None:
        self._request: Request | None = None
        self._frames = Frames(_first(0), self._measure)
        self._noise = 0
        self.understood = 0

    @property
    def skipped(self) -> int:
        """Bytes so far that were no answer."""
        return self._noise + self._frames.skipped

    def expect(self, request: Request | None) -> None:
        """From now on only the answer to this counts; None: nothing does."""
        self._frames.drop()
        self._request = request
        if request:
            self._frames.first = _first(request.unit)

    def feed(self, data: bytes, at_ms: int) -> list[Answer]:
        """Take bytes as they come; never raises. At most one answer comes of a request."""
        request = self._request
        if request is None:
            self._noise += len(data)
            return []
        frames = self._frames.feed(data)
        if not frames:
            return []
        if len(frames) > 1:
            self._noise += sum(len(one) for one in frames[1:])
        self._frames.drop()
        self._request = None
        self.understood += 1
        return [_answer(request, frames[0], at_ms)]

    def _measure(self, data: bytes, at: int) -> int:
        request = self._request
        assert request is not None
        head, length = request.answer_head, request.answer_bytes
        if not data.startswith(head, at):
            failed = bytes((request.unit, request.function | _FAILED))
            if not data.startswith(failed, at):
                begun = data[at : at + len(head)]
                return MORE if head.startswith(begun) or failed.startswith(begun) else NONE
            length = 5
        if len(data) - at < length:
            return MORE
        return length if _crc_right(data[at : at + length]) else NONE


class Listener:
    """A unit's side, for those who simulate one: requests out of a master's bytes. Raises nothing."""

    def __init__(self, unit: int) -> None:
        self._frames = Frames(_first(unit), _measure_request)

    @property
    def skipped(self) -> int:
        """Bytes so far that were no request to this unit."""
        return self._frames.skipped

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes as they come; return the requests."""
        return [
            Request(
                frame[0],
                frame[1],
                int.from_bytes(frame[2:4], "big"),
                1 if frame[1] == SET_COIL else int.from_bytes(frame[4:6], "big"),
                frame,
                b"",
                0,
            )
            for frame in self._frames.feed(data)
        ]


def encode(answer: Answer) -> bytes:
    """The bytes with which a unit answers."""
    request = answer.request
    pdu: ModbusPDU
    if answer.failure:
        pdu = ExceptionResponse(request.function, answer.failure)
    elif request.function == SET_COIL:
        return request.frame
    elif request.function == READ_REGISTERS:
        pdu = ReadInputRegistersResponse(registers=list(answer.registers))
    else:
        kind = ReadCoilsResponse if request.function == READ_COILS else ReadDiscreteInputsResponse
        pdu = kind(bits=list(answer.bits))
    pdu.dev_id = request.unit
    return _QUESTIONS.buildFrame(pdu)


@functools.cache
def _first(unit: int) -> re.Pattern[bytes]:
    return re.compile(re.escape(bytes((unit,))))


def _request(unit: int, pdu: ModbusPDU, address: int, count: int, answer_bytes: int) -> Request:
    pdu.dev_id = _checked(unit)
    try:
        frame = _ANSWERS.buildFrame(pdu)
    except ModbusException as error:
        raise ValueError(str(error)) from None
    head = frame[:6] if pdu.function_code == SET_COIL else frame[:2] + bytes((answer_bytes - 5,))
    return Request(unit, pdu.function_code, address, count, frame, head, answer_bytes)


def _checked(unit: int) -> int:
    if not 1 <= unit <= 247:
        raise ValueError(f"unit {unit} is not within 1 and 247")
    return unit


def _answer(request: Request, frame: bytes, at_ms: int) -> Answer:
    if frame[1] & _FAILED:
        return Answer(at_ms, request, failure=frame[2] or 1)
    if request.function in (READ_COILS, READ_INPUTS):
        return Answer(at_ms, request, tuple(unpack_bitstring(frame[3:-2])[: request.count]))
    if request.function == READ_REGISTERS:
        registers = ReadInputRegistersResponse()
        registers.decode(frame[2:-2])
        return Answer(at_ms, request, registers=tuple(registers.registers))
    return Answer(at_ms, request)


def _measure_request(data: bytes, at: int) -> int:
    left = len(data) - at
    if left < 2:
        return MORE
    if data[at + 1] not in (READ_COILS, READ_INPUTS, READ_REGISTERS, SET_COIL):
        return NONE
    if left < REQUEST_BYTES:
        return MORE
    return REQUEST_BYTES if _crc_right(data[at : at + REQUEST_BYTES]) else NONE


def _crc_right(frame: bytes) -> bool:
    """The sum over a frame and its own sum is 0."""
    return FramerRTU.compute_CRC(frame) == 0
