"""A compiled file made smaller, in ways that no source can ask MicroPython's compiler for; what it does stays.

* The names and constants that stand in most places come first in their lists: the first 128 are named in one byte.
* A class does not keep where it was made, nor its name a second time. Nothing in MicroPython asks for either.
* What is negated only to be decided by is decided by as it is.
* An exception that has a name keeps it until its handler ends as any code ends; the compiler takes it away in a ``finally`` of its own.
* What is never come to is left out, and a jump to a return returns.
"""

from collections import Counter
from itertools import pairwise

from provisioning.firmware.mpy import Code, Mpy, Step, read, write
from provisioning.firmware.places import placed
from provisioning.firmware.tails import ends_shared

LOAD_TEXT, LOAD_NAME, STORE_NAME = 0x10, 0x11, 0x16
CLASS_BEGINS = (LOAD_NAME, STORE_NAME, LOAD_TEXT, STORE_NAME)
"""``__module__ = __name__`` and ``__qualname__ = "..."``."""
MODULE, QUALNAME = b"-", b"5"
"""These two names as compiled: every MicroPython has them under these numbers."""
STORE_LOCAL, DELETE_LOCAL, STORE_LOCAL_SHORT = 0x26, 0x28, 0xC0
UNWIND, JUMP, SETUP_FINALLY, POP_EXCEPT_JUMP = 0x40, 0x42, 0x49, 0x4A
IF = (0x43, 0x44)
"""Jumps if true, and if false."""
LOAD_NONE, END_FINALLY, RETURN = 0x51, 0x5D, 0x63
LEAVES = frozenset({UNWIND, JUMP, POP_EXCEPT_JUMP, RETURN, 0x64, 0x65, 0x66})
"""After these comes nothing; the last three raise."""
NOT = 0xD3
ONE_BYTE = 0x50
"""Instructions from here on are one byte."""


def tightened(data: bytes) -> bytes:
    """The bytes of a compiled file, made smaller.

    Raises:
        MpyError: it is no compiled file that can be read.
    """
    file = read(data)
    for code in file.code.all():
        _without_class_names(file, code)
        _without_deletions(code)
        _without_negations(code)
        while _shorter(code):
            pass
        placed(code)
        ends_shared(code)
        while _shorter(code):
            pass
    _often_first(file)
    return write(file)


def _without_class_names(file: Mpy, code: Code) -> None:
    begin = code.steps[: len(CLASS_BEGINS)]
    if tuple(step.code for step in begin) != CLASS_BEGINS:
        return
    if [file.names[begin[place].name or 0] for place in (1, 3)] == [MODULE, QUALNAME]:
        code.leave_out({id(step) for step in begin})
        code.name = 0  # in a traceback it is the file: a class is made when that is loaded


def _without_deletions(code: Code) -> None:
    """What ends ``except Error as error:``, where nothing breaks or continues a loop around it."""
    places = {id(step): place for place, step in enumerate(code.steps)}
    gone: set[int] = set()
    for place, step in enumerate(code.steps):
        if step.code != SETUP_FINALLY or not place:
            continue
        end = places[id(step.target)]
        begins, (none, store, delete, over) = code.steps[end - 1], code.steps[end : end + 4]
        local = _local(code.steps[place - 1])
        if (
            local is None
            or local != _local(store)
            or (none.code, delete.code, over.code) != (LOAD_NONE, DELETE_LOCAL, END_FINALLY)
        ):
            continue
        if any(one.code == UNWIND for one in code.steps[place:end]):
            continue
        gone |= {id(step), id(delete), id(over)} | ({id(begins)} if begins.code == LOAD_NONE else set())
    code.leave_out(gone)


def _local(step: Step) -> int | None:
    """The local that a step sets."""
    if STORE_LOCAL_SHORT <= step.code < STORE_LOCAL_SHORT + 16:
        return step.code - STORE_LOCAL_SHORT
    return step.tail[0] if step.code == STORE_LOCAL else None


def _without_negations(code: Code) -> None:
    targets = {id(step.target) for step in code.steps}
    gone: set[int] = set()
    for step, following in pairwise(code.steps):
        if step.code == NOT and following.code in IF and id(following) not in targets:
            gone.add(id(step))
            following.code = sum(IF) - following.code
    code.leave_out(gone)


def _shorter(code: Code) -> bool:
    """Whether a jump returned, or something was never come to."""
    steps = code.steps
    after = {id(step): following for step, following in pairwise(steps)}
    changed: list[Step] = []
    for step in steps:
        changed.append(step)
        if step.code != JUMP or step.target is None:
            continue
        first = step.target
        second = after.get(id(first), first)
        if first.code == RETURN:
            step.code, step.target = RETURN, None
        elif first.code >= ONE_BYTE and second.code == RETURN and first.code not in LEAVES:
            step.code, step.target = first.code, None
            changed.append(Step(RETURN))
    if len(changed) > len(steps):
        code.steps = changed
    before = len(code.steps)
    reached: set[int] = set()
    waiting = [code.steps[0]]
    after = {id(step): following for step, following in pairwise(code.steps)}
    while waiting:
        step = waiting.pop()
        if id(step) in reached:
            continue
        reached.add(id(step))
        waiting += [one for one in (step.target, None if step.code in LEAVES else after.get(id(step))) if one]
    code.leave_out({id(step) for step in code.steps if id(step) not in reached})
    _straightened(code)
    return len(code.steps) < before


def _straightened(code: Code) -> None:
    """Leave out jumps to the next step, and those that another step decides whether to jump over."""
    steps = code.steps
    targets = {id(step.target) for step in steps}
    gone: set[int] = set()
    for place, step in enumerate(steps[:-1]):
        if step.code != JUMP:
            continue
        before, following = steps[max(place - 1, 0)], steps[place + 1]
        if step.target is following:
            gone.add(id(step))
        elif before.code in IF and before.target is following and id(step) not in targets:
            before.code, before.target = sum(IF) - before.code, step.target
            gone.add(id(step))
    code.leave_out(gone)


def _often_first(file: Mpy) -> None:
    """Count where names and constants stand, and put them in that order; the first name is the file's."""
    names: Counter[int] = Counter()
    constants: Counter[int] = Counter()
    codes = list(file.code.all())
    for code in codes:
        names.update([code.name, *code.arguments])
        names.update(step.name for step in code.steps if step.name is not None)
        constants.update(step.constant for step in code.steps if step.constant is not None)
    named = [0, *sorted(names.keys() - {0}, key=lambda place: (-names[place], place))]
    kept = sorted(constants, key=lambda place: (-constants[place], place))
    file.names = [file.names[place] for place in named]
    file.constants = [file.constants[place] for place in kept]
    new_names = {old: new for new, old in enumerate(named)}
    new_constants = {old: new for new, old in enumerate(kept)}
    for code in codes:
        code.name = new_names[code.name]
        code.arguments = [new_names[place] for place in code.arguments]
        for step in code.steps:
            step.name = None if step.name is None else new_names[step.name]
            step.constant = None if step.constant is None else new_constants[step.constant]
