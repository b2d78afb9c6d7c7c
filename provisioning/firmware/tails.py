"""Branches of compiled code that end alike share their end: the others jump to it.

Only where both have as much on the stack, and are in the same ``try`` or ``with``.
"""

from collections.abc import Iterator
from itertools import accumulate, combinations

from provisioning.firmware.mpy import Code, MpyError, Step, size

WITH, EXCEPT, FINALLY, WITH_ENDS = 0x47, 0x48, 0x49, 0x5C
BLOCKS = (WITH, EXCEPT, FINALLY)
UNWIND, JUMP, POP_EXCEPT_JUMP, FOR_ITER, END_FINALLY, RETURN = 0x40, 0x42, 0x4A, 0x4B, 0x5D, 0x63
LEAVES = frozenset({UNWIND, JUMP, POP_EXCEPT_JUMP, RETURN, 0x64, 0x65, 0x66})
IF, IF_OR_POP = (0x43, 0x44), (0x45, 0x46)
ITERATOR = 4
"""Places on the stack that a loop takes."""
NEAR = 56
"""Bytes that a jump of two bytes leads over at least; a longer one has three."""
CHANGES = {
    **dict.fromkeys((0x10, 0x11, 0x12, 0x14, 0x1C, 0x22, 0x23, 0x24, 0x25, 0x2C, 0x32), 1),
    **dict.fromkeys((0x16, 0x17, 0x1B, 0x26, 0x27, 0x33, 0x15, 0x1D), -1),
    **dict.fromkeys((0x13, 0x19, 0x1A, 0x28, 0x29), 0),
    0x18: -2,
    **dict.fromkeys((UNWIND, JUMP, EXCEPT, FINALLY, POP_EXCEPT_JUMP), 0),
    **dict.fromkeys((*IF, *IF_OR_POP), -1),
    FOR_ITER: 1,
    **dict.fromkeys((0x50, 0x51, 0x52, 0x53, 0x54, 0x57), 1),
    **dict.fromkeys((0x55, 0x59, END_FINALLY, RETURN, 0x65, 0x68), -1),
    **dict.fromkeys((0x5A, 0x5B, 0x5E, 0x64, 0x67), 0),
    0x56: -3,
    **dict.fromkeys((0x58, WITH), 2),
    WITH_ENDS: -2,
    0x5F: ITERATOR - 1,
    0x62: -2,
    0x66: -2,
}
"""What an instruction adds to the stack, where that does not depend on a number of its own."""

Place = tuple[int, tuple[tuple[int, bool], ...]]
"""How much is on the stack, and in which blocks, each with whether it has been left for its handler."""


def ends_shared(code: Code) -> None:
    """Rewrite a function until no two ends that are worth it are alike."""
    while _share(code, _places(code)):
        pass


def _share(code: Code, places: dict[int, Place]) -> bool:
    if any(_fell_alike(code, places, step) for step in list(code.steps)):
        return True
    steps = code.steps
    ends: dict[tuple[object, ...], list[int]] = {}
    for at, step in enumerate(steps):
        if step.code in LEAVES:
            ends.setdefault(_same(step), []).append(at)
    starts = list(accumulate(map(size, steps), initial=0))
    pairs = (pair for group in ends.values() for pair in combinations(group, 2))
    ways = (way for one, two in pairs for way in _ways(steps, starts, places, one, two))
    saved, one, two, found, jump = max(ways, default=(0, 0, 0, 0, False))
    if saved > 0:
        if not jump:
            over = steps[one - found]
            over.code, over.target = sum(IF) - over.code, steps[two - found + 1]
        _replace(code, one - found + 1, one, steps[two - found + 1], jump=jump)
    return saved > 0


def _fell_alike(code: Code, places: dict[int, Place], step: Step) -> bool:
    """Whether what came before a jump also falls into its target, and stands there only now."""
    steps = code.steps
    if step.code != JUMP or step.target is None:
        return False
    at, to = steps.index(step), steps.index(step.target)
    if to <= at or steps[to - 1].code in LEAVES:
        return False
    found = _alike(steps, places, at - 1, to - 1)
    if found:
        for other in steps:
            if other.target is step:
                other.target = step.target
        _replace(code, at - found, at - 1, steps[to - found], jump=False)
        step.target = steps[to - found]
    return found > 0


def _ways(
    steps: list[Step], starts: list[int], places: dict[int, Place], one: int, two: int
) -> Iterator[tuple[int, int, int, int, bool]]:
    """What is saved by leaving out steps that end at one place and staying with those that end at another, and whether by a jump."""
    found = _alike(steps, places, one, two)
    far = starts[two] - starts[one] >= NEAR
    yield starts[one + 1] - starts[one + 1 - found] - 2 - far, one, two, found, True
    for gone, stays in ((one, two), (two, one)):
        for count in range(1, found + 1):
            if _is_over(steps, gone - count, gone):  # what decided whether to jump over them decides whether to jump
                yield starts[gone + 1] - starts[gone + 1 - count] - far, gone, stays, count, False


def _is_over(steps: list[Step], over: int, last: int) -> bool:
    """Whether a step decides if those up to ``last`` are come to."""
    if over < 0 or last + 1 == len(steps):
        return False
    return steps[over].code in IF and steps[over].target is steps[last + 1]


def _alike(steps: list[Step], places: dict[int, Place], one: int, two: int) -> int:
    """How many steps that end at ``one`` and at ``two`` are the same."""
    found = 0
    one, two = min(one, two), max(one, two)
    while one - found >= 0 and two - found > one and _same(steps[one - found]) == _same(steps[two - found]):
        place = places.get(id(steps[one - found]))
        if place is None or place != places.get(id(steps[two - found])):
            break
        found += 1
    return found


def _same(step: Step) -> tuple[object, ...]:
    return step.code, step.name, step.constant, step.tail, id(step.target)


def _replace(code: Code, first: int, last: int, instead: Step, *, jump: bool) -> None:
    """Leave out the steps from ``first`` to ``last``; the same stand at ``instead``."""
    steps = code.steps
    begin = steps.index(instead)
    now = {id(step): steps[begin + place] for place, step in enumerate(steps[first : last + 1])}
    leap = Step(JUMP)
    leap.target = instead
    code.steps = [*steps[:first], *([leap] if jump else []), *steps[last + 1 :]]
    for step in code.steps:
        step.target = now.get(id(step.target), step.target)


def _places(code: Code) -> dict[int, Place]:
    """The place of each step, by ``id``.

    Raises:
        MpyError: two ways lead to a step with different stacks.
    """
    after = dict(zip(map(id, code.steps), code.steps[1:], strict=False))
    found: dict[int, Place] = {}
    waiting: list[tuple[Step, Place]] = [(code.steps[0], (0, ()))]
    while waiting:
        step, place = waiting.pop()
        if id(step) in found:
            if found[id(step)] != place:
                raise MpyError(f"a step {step.code:#x} with two stacks")
            continue
        found[id(step)] = place
        depth, blocks = place
        then = depth + _change(step)
        if step.target is not None and step.code != UNWIND:
            waiting.append((step.target, _at_target(step, place)))
        if step.code not in LEAVES:
            if step.code in BLOCKS:
                blocks = (*blocks, (id(step), False))
            elif step.code == END_FINALLY:
                blocks = blocks[:-1]
            waiting.append((after[id(step)], (then, blocks)))
    return found


def _at_target(step: Step, place: Place) -> Place:
    """Where a step leads that jumps, or that says where errors are handled."""
    depth, blocks = place
    if step.code in BLOCKS:
        return depth + (2 if step.code == WITH else 1), (*blocks, (id(step), step.code == EXCEPT))
    if step.code == POP_EXCEPT_JUMP:
        return depth, blocks[:-1]
    if step.code == FOR_ITER:
        return depth - ITERATOR, blocks
    return depth + _change(step) + (step.code in IF_OR_POP), blocks


def _change(step: Step) -> int:
    if step.code in CHANGES:
        return CHANGES[step.code]
    if step.code >= 0x70:  # small numbers and locals in one byte; then what works on one value, and on two
        return -1 if 0xC0 <= step.code < 0xD0 or step.code >= 0xD7 else step.code < 0xC0
    count = 0
    for byte in step.tail[: -1 if step.code in (0x20, 0x21) else None]:
        count = count << 7 | byte & 0x7F
    if step.code in (0x2A, 0x2B, 0x2D, 0x2E):  # a tuple, list, set or slice is built
        return 1 - count
    if step.code == 0x30:
        return count - 1
    if step.code == 0x31:
        return (count & 0xFF) + (count >> 8)
    if step.code in (0x34, 0x35, 0x36, 0x37):
        taken = (count & 0xFF) + 2 * (count >> 8 & 0xFF)
        return -taken - (step.code in (0x35, 0x37)) - (step.code in (0x36, 0x37))
    if step.code in (0x20, 0x21):
        return 1 - step.tail[-1] - 2 * (step.code == 0x21)
    if step.code == 0x2F:
        return -2 if count & 3 == 1 else -1
    raise MpyError(f"a step {step.code:#x} whose stack is not known")
