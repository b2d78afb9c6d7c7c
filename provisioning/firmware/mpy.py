"""The compiled files of MicroPython (``.mpy``, version 6), read into values and written again.

What a file holds, in this order: a head of four bytes; how many names and how many constants; the names; the constants; the code of the
file, each code followed by those of the functions in it. Numbers are big-endian in groups of seven bits. Code names things by their place
in the list of names: the first 128 take one byte, others two.
"""

from collections.abc import Callable, Iterator

HEAD = b"M\x06\x00"
"""Mark, version, and no native code; a byte with the bits of a small number follows."""
BYTECODE = 0
NAME_FIRST, NAME_END = 0x10, 0x20
CLOSURES = (0x20, 0x21)
SMALL_INT, CONSTANT = 0x22, 0x23
NUMBER_END, JUMP_FIRST, JUMP_END = 0x40, 0x40, 0x50
UNWIND = 0x40
SIGNED_END = 0x45
"""Jumps before it may lead back."""
TEXT_TYPES = (5, 6)
PLAIN_TYPES = (0, 1, 2, 3, 4)
NUMBER_TYPES = (7, 8, 9)
TUPLE_TYPE = 10
TAKES_MAP, TAKES_LIST = 2, 4


class MpyError(ValueError):
    """A file is no compiled bytecode of the version that is known. The text says where."""


class Step:
    """One instruction: its code, and what belongs to it.

    * ``name``, ``constant``: a place in the file's lists; None if it names neither.
    * ``target``: the step that a jump leads to.
    * ``tail``: bytes that are taken over as they are.
    """

    __slots__ = ("code", "constant", "name", "tail", "target")

    def __init__(self, code: int, name: int | None = None, constant: int | None = None, tail: bytes = b"") -> None:
        self.code = code
        self.name = name
        self.constant = constant
        self.tail = tail
        self.target: Step | None = None


class Needs:
    """What a call takes: ``state``, places for locals and for what is being worked out; ``blocks``, of ``try`` and ``with`` in one another.

    ``flags`` are of generators and of arguments in lists and maps; ``positional``, ``keywords`` and ``defaults`` count arguments.
    """

    def __init__(self, state: int, blocks: int, flags: int, positional: int, keywords: int, defaults: int) -> None:
        self.state = state
        self.blocks = blocks
        self.flags = flags
        self.positional = positional
        self.keywords = keywords
        self.defaults = defaults

    @property
    def parameters(self) -> int:
        """Locals that a call sets."""
        return self.positional + self.keywords + bool(self.flags & TAKES_LIST) + bool(self.flags & TAKES_MAP)


class Code:
    """The code of a function, class or file.

    * ``needs``: what is taken when it is called.
    * ``name``, ``arguments``: places in the list of names.
    * ``rest``, ``cells``: what is taken over as it is: lines, and variables that inner functions share.
    """

    def __init__(self, needs: "Needs", names: list[int], rest: bytes, cells: bytes, steps: list[Step]) -> None:
        self.needs = needs
        self.name, *self.arguments = names
        self.rest = rest
        self.cells = cells
        self.steps = steps
        self.inner: list[Code] = []

    def all(self) -> Iterator["Code"]:
        """This one and those in it, however deep."""
        yield self
        for one in self.inner:
            yield from one.all()

    def leave_out(self, gone: set[int]) -> None:
        """Leave out steps, by ``id``; who jumped to one now jumps to the next that stays."""
        instead: dict[int, Step] = {}
        following: Step | None = None
        for step in reversed(self.steps):
            if id(step) not in gone:
                following = step
            elif following is not None:
                instead[id(step)] = following
        self.steps = [step for step in self.steps if id(step) not in gone]
        for step in self.steps:
            step.target = instead.get(id(step.target), step.target)


class Mpy:
    """A file: ``names`` and ``constants`` are as compiled, each with its length or type before it."""

    def __init__(self, small_bits: int, names: list[bytes], constants: list[bytes], code: Code) -> None:
        self.small_bits = small_bits
        self.names = names
        self.constants = constants
        self.code = code


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise MpyError(f"it ends within byte {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        value = 0
        while True:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value


def number(value: int) -> bytes:
    """A number in groups of seven bits."""
    found = [value & 0x7F]
    while value := value >> 7:
        found.append(0x80 | value & 0x7F)
    return bytes(reversed(found))


def read(data: bytes) -> Mpy:
    """Read a file.

    Raises:
        MpyError: it is none that can be read.
    """
    reader = _Reader(data)
    if reader.take(3) != HEAD:
        raise MpyError("it is no bytecode of version 6")
    small_bits = reader.byte()
    name_count, constant_count = reader.number(), reader.number()
    names = [_whole(reader, _name) for _ in range(name_count)]
    constants = [_whole(reader, _constant) for _ in range(constant_count)]
    code = _code(reader)
    if reader.at != len(data):
        raise MpyError(f"{len(data) - reader.at} bytes are left over")
    return Mpy(small_bits, names, constants, code)


def write(file: Mpy) -> bytes:
    """The file's bytes, with jumps as short as they can be."""
    counts = number(len(file.names)) + number(len(file.constants))
    return b"".join([HEAD, bytes([file.small_bits]), counts, *file.names, *file.constants, _coded(file.code)])


def _whole(reader: _Reader, passed: Callable[[_Reader], None]) -> bytes:
    start = reader.at
    passed(reader)
    return reader.data[start : reader.at]


def _name(reader: _Reader) -> None:
    length = reader.number()
    if not length & 1:  # else it is one that every MicroPython has
        reader.take((length >> 1) + 1)


def _constant(reader: _Reader) -> None:
    kind = reader.byte()
    if kind == TUPLE_TYPE:
        for _ in range(reader.number()):
            _constant(reader)
    elif kind in TEXT_TYPES:
        reader.take(reader.number() + 1)
    elif kind in NUMBER_TYPES:
        reader.take(reader.number())
    elif kind not in PLAIN_TYPES:
        raise MpyError(f"a constant of type {kind} before byte {reader.at}")


def _code(reader: _Reader) -> Code:
    head = reader.number()
    if head & 3 != BYTECODE:
        raise MpyError(f"native code at byte {reader.at}")
    body = _Reader(reader.take(head >> 3))
    needs = _needs(body)
    told = cells = place = 0
    while True:
        more = body.byte()
        told |= (more & 0x7E) >> 1 << 6 * place
        cells |= (more & 1) << place
        place += 1
        if more < 0x80:
            break
    end = body.at + told
    names = [body.number() for _ in range(1 + needs.positional + needs.keywords)]
    rest = body.take(end - body.at)
    code = Code(needs, names, rest, body.take(cells), [])
    _steps(body, code)
    if head & 4:
        code.inner = [_code(reader) for _ in range(reader.number())]
    return code


def _needs(body: _Reader) -> Needs:
    byte = body.byte()
    state, blocks, positional = byte >> 3 & 15, byte >> 2 & 1, byte & 3
    flags = keywords = defaults = place = 0
    while byte & 0x80:
        byte = body.byte()
        state |= (byte >> 4 & 3) << 4 + 2 * place
        blocks |= (byte >> 1 & 1) << 1 + place
        positional |= (byte >> 2 & 1) << 2 + place
        flags |= (byte >> 6 & 1) << place
        keywords |= (byte >> 3 & 1) << place
        defaults |= (byte & 1) << place
        place += 1
    return Needs(state + 1, blocks, flags, positional, keywords, defaults)


def _needed(needs: Needs) -> bytes:
    state, blocks, positional = needs.state - 1, needs.blocks, needs.positional
    flags, keywords, defaults = needs.flags, needs.keywords, needs.defaults
    found = [(state & 15) << 3 | (blocks & 1) << 2 | positional & 3]
    state, blocks, positional = state >> 4, blocks >> 1, positional >> 2
    while state | blocks | positional | flags | keywords | defaults:
        found[-1] |= 0x80
        low = (keywords & 1) << 3 | (positional & 1) << 2 | (blocks & 1) << 1 | defaults & 1
        found.append((flags & 1) << 6 | (state & 3) << 4 | low)
        state, blocks, positional = state >> 2, blocks >> 1, positional >> 1
        flags, keywords, defaults = flags >> 1, keywords >> 1, defaults >> 1
    return bytes(found)


def _steps(body: _Reader, code: Code) -> None:
    places: dict[int, Step] = {}
    jumps: list[tuple[Step, int]] = []
    while body.at < len(body.data):
        start = body.at
        step = Step(body.byte())
        places[start] = step
        code.steps.append(step)
        if NAME_FIRST <= step.code < NAME_END:
            step.name = body.number()
        elif step.code == CONSTANT:
            step.constant = body.number()
        elif step.code < NAME_FIRST:
            raise MpyError(f"an instruction {step.code:#x} that is not known")
        elif step.code < NUMBER_END:
            begun = body.at
            body.number()
            body.take(step.code in CLOSURES)
            step.tail = body.data[begun : body.at]
        elif step.code < JUMP_END:
            low = body.byte()
            by = low if low < 0x80 else low & 0x7F | body.byte() << 7
            if step.code < SIGNED_END:
                by -= 0x40 if low < 0x80 else 0x4000
            jumps.append((step, body.at + by))
            step.tail = body.take(step.code == UNWIND)
    for step, place in jumps:
        if place not in places:
            raise MpyError(f"a jump to {place}, where no instruction begins")
        step.target = places[place]


def _coded(code: Code) -> bytes:
    names = b"".join(map(number, [code.name, *code.arguments]))
    told, cells = len(names) + len(code.rest), len(code.cells)
    sizes = b""
    while not sizes or told | cells:
        more = (told & 0x3F) << 1 | cells & 1
        told, cells = told >> 6, cells >> 1
        sizes += bytes([more | (0x80 if told | cells else 0)])
    body = b"".join([_needed(code.needs), sizes, names, code.rest, code.cells, _stepped(code.steps)])
    head = number(len(body) << 3 | bool(code.inner) << 2 | BYTECODE)
    inner = [number(len(code.inner)), *map(_coded, code.inner)] if code.inner else []
    return b"".join([head, body, *inner])


def _stepped(steps: list[Step]) -> bytes:
    parts = [_plain(step) for step in steps]
    jumps = [place for place, step in enumerate(steps) if step.target is not None]
    order = {id(step): place for place, step in enumerate(steps)}
    widths = dict.fromkeys(jumps, 1)
    while True:
        starts, at = [], 0
        for place, part in enumerate(parts):
            starts.append(at)
            at += len(part) + widths.get(place, 0)
        narrow = []
        for place in jumps:
            step = steps[place]
            by = starts[order[id(step.target)]] - starts[place] - 1 - widths[place]
            signed = step.code < SIGNED_END
            if widths[place] == 1 and not (-64 <= by < 64 if signed else 0 <= by < 128):
                narrow.append(place)
                continue
            by += (0x40, 0x4000)[widths[place] - 1] if signed else 0
            label = bytes([by]) if widths[place] == 1 else bytes([0x80 | by & 0x7F, by >> 7])
            parts[place] = bytes([step.code]) + label + step.tail
        if not narrow:
            return b"".join(parts)
        widths.update(dict.fromkeys(narrow, 2))
        for place in jumps:
            parts[place] = _plain(steps[place])


def size(step: Step) -> int:
    """Bytes of a step, if it jumps near."""
    return len(_plain(step)) + (step.target is not None)


def _plain(step: Step) -> bytes:
    """A step without where it jumps to."""
    place = step.name if step.name is not None else step.constant
    return bytes([step.code]) + (b"" if place is None else number(place)) + step.tail
