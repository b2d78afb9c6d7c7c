"""Locals of compiled code that are never needed at the same time share a place: the first sixteen are named in half the bytes.

What is set to be looked at once right after is not set, and what is only handed from one local to another keeps its place. Variables that
inner functions share stay where they are.
"""

from collections import Counter
from itertools import pairwise

from provisioning.firmware.mpy import Code, Step

LOAD, STORE, DELETE = 0x24, 0x26, 0x28
SHARED = (0x25, 0x27, 0x29)
LOAD_SHORT, STORE_SHORT, SHORT = 0xB0, 0xC0, 16
BLOCKS = (0x47, 0x48, 0x49)
"""``with``, ``except``, ``finally``: what is between one and its target may end there from anywhere."""
UNWIND, POP_EXCEPT_JUMP, END_FINALLY = 0x40, 0x4A, 0x5D
LEAVES = frozenset({UNWIND, 0x42, POP_EXCEPT_JUMP, 0x63, 0x64, 0x65, 0x66})
"""After these comes nothing."""


def placed(code: Code) -> None:
    """Give the locals of a function new places, and its calls no more than they need."""
    _fewer_blocks(code)
    highest = _highest(code)
    _not_set(code)
    _Places(code).give()
    gone = set()
    targets = {id(step.target) for step in code.steps}
    for step, following in pairwise(code.steps):
        if _loads(step) is not None and _loads(step) == _stores(following) and id(following) not in targets:
            gone |= {id(step), id(following)}
    code.leave_out(gone)
    code.needs.state -= highest - _highest(code)


def leaves(step: Step) -> bool:
    """Whether the step after it is come to from elsewhere only."""
    return step.code in LEAVES


def _loads(step: Step) -> int | None:
    if LOAD_SHORT <= step.code < LOAD_SHORT + SHORT:
        return step.code - LOAD_SHORT
    return _number(step.tail) if step.code == LOAD else None


def _stores(step: Step) -> int | None:
    if STORE_SHORT <= step.code < STORE_SHORT + SHORT:
        return step.code - STORE_SHORT
    return _number(step.tail) if step.code == STORE else None


def _number(tail: bytes) -> int:
    """A place: there are never more than 127."""
    return tail[0]


def _highest(code: Code) -> int:
    """The first place beyond those in use."""
    shared = [_number(step.tail) for step in code.steps if step.code in (*SHARED, DELETE)]
    used = [place for step in code.steps for place in (_loads(step), _stores(step)) if place is not None]
    highest: int = max([code.needs.parameters, *(place + 1 for place in [*shared, *used, *code.cells])])
    return highest


def _fewer_blocks(code: Code) -> None:
    """Count how deep its blocks are in one another."""
    after = dict(zip(map(id, code.steps), code.steps[1:], strict=False))
    depths: dict[int, int] = {}
    waiting = [(code.steps[0], 0)]
    deepest = 0
    while waiting:
        step, depth = waiting.pop()
        if id(step) in depths:
            continue
        depths[id(step)] = depth
        inside = depth + (step.code in BLOCKS) - (step.code in (END_FINALLY, POP_EXCEPT_JUMP))
        inside -= step.tail[0] & 0x7F if step.code == UNWIND else 0
        deepest = max(deepest, inside)
        if step.target is not None:
            waiting.append((step.target, inside))
        if step.code not in LEAVES and id(step) in after:
            waiting.append((after[id(step)], inside))
    code.needs.blocks = min(deepest, code.needs.blocks)


class _Living:
    """Which locals are still needed after each step, as bits."""

    def __init__(self, code: Code) -> None:
        steps = code.steps
        to, handled = self._leads(steps)
        before = [0] * (len(steps) + 1)
        self.after = [0] * len(steps)
        changed = True
        while changed:
            changed = False
            for place in range(len(steps) - 1, -1, -1):
                out = self.after[place] = _all(before, handled[place]) | _all(before, to[place])
                set_here, asked = _stores(steps[place]), _asks(steps[place])
                if set_here is not None:
                    out &= ~(1 << set_here)
                if asked is not None:
                    out |= 1 << asked
                changed = changed or out != before[place]
                before[place] = out
        self.first = before[0]

    @staticmethod
    def _leads(steps: list[Step]) -> tuple[list[list[int]], list[list[int]]]:
        """Where each step may lead, and where what goes wrong in it is handled."""
        order = {id(step): place for place, step in enumerate(steps)}
        unwinds = [order[id(step.target)] for step in steps if step.code == UNWIND]
        to: list[list[int]] = []
        handled: list[list[int]] = [[] for _ in steps]
        for place, step in enumerate(steps):
            nexts = [] if step.code in LEAVES else [place + 1]
            nexts += [order[id(step.target)]] if step.target is not None else []
            to.append([*nexts, *(unwinds if step.code == END_FINALLY else [])])
            if step.code in BLOCKS:
                end = order[id(step.target)]
                for one in range(place, end):
                    handled[one].append(end)
        return to, handled


def _all(bits: list[int], places: list[int]) -> int:
    found = 0
    for place in places:
        found |= bits[place]
    return found


def _asks(step: Step) -> int | None:
    return _number(step.tail) if step.code == DELETE else _loads(step)


def _not_set(code: Code) -> None:
    """What is set, and looked at once right after, stays where it was worked out."""
    fixed = _fixed(code)
    living = _Living(code).after
    targets = {id(step.target) for step in code.steps}
    gone: set[int] = set()
    for place, (step, following) in enumerate(pairwise(code.steps)):
        local = _stores(step)
        if local is None or local != _loads(following) or local in fixed or id(following) in targets:
            continue
        if not living[place + 1] >> local & 1 and id(step) not in gone:
            gone |= {id(step), id(following)}
    code.leave_out(gone)


def _fixed(code: Code) -> set[int]:
    """Variables that inner functions share."""
    return {_number(step.tail) for step in code.steps if step.code in SHARED} | set(code.cells)


class _Places:
    """Which local gets which place."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._parameters = code.needs.parameters
        self._fixed = _fixed(code)
        self._uses: Counter[int] = Counter()
        self._apart: dict[int, int] = {}
        """By local, those needed at the same time, as bits."""
        living = _Living(code)
        for place, step in enumerate(code.steps):
            local = _stores(step)
            self._uses.update(one for one in (local, _loads(step), _asks(step)) if one is not None)
            if local is not None:
                before = code.steps[place - 1]
                handed = 1 << one if place and (one := _loads(before)) is not None else 0
                self._keep_apart(local, living.after[place] & ~handed)
        first = living.first | (1 << self._parameters) - 1
        for local in range(first.bit_length()):
            if first >> local & 1:
                self._keep_apart(local, first)

    def give(self) -> None:
        """Rewrite the code."""
        same = self._joined()
        given = {local: local for local in range(self._parameters)} | {local: local for local in self._fixed}
        never = set(self._fixed)
        groups: Counter[int] = Counter()
        for local, count in self._uses.items():
            groups[same.get(local, local)] += count
        for local, _count in sorted(groups.items(), key=lambda one: (-one[1], one[0])):
            if local not in given:
                apart = {place for other, place in given.items() if self._apart.get(local, 0) >> other & 1} | never
                given[local] = next(place for place in range(len(given) + len(never) + 1) if place not in apart)
        for step in self._code.steps:
            _rename(step, {local: given[same.get(local, local)] for local in _locals(step)})

    def _keep_apart(self, local: int, others: int) -> None:
        others &= ~(1 << local)
        self._apart[local] = self._apart.get(local, 0) | others
        for other in range(others.bit_length()):
            if others >> other & 1:
                self._apart[other] = self._apart.get(other, 0) | 1 << local

    def _joined(self) -> dict[int, int]:
        """Locals that take the place of another because it is handed to them."""
        same: dict[int, int] = {}
        for step, following in pairwise(self._code.steps):
            one, two = _loads(step), _stores(following)
            if one is None or two is None:
                continue
            one, two = same.get(one, one), same.get(two, two)
            if two < self._parameters:
                one, two = two, one
            if one == two or two < self._parameters or {one, two} & self._fixed or self._apart.get(one, 0) >> two & 1:
                continue
            same = {local: one if head == two else head for local, head in same.items()} | {two: one}
            self._keep_apart(one, self._apart.get(two, 0))
        return same


def _locals(step: Step) -> set[int]:
    return {local for local in (_stores(step), _asks(step)) if local is not None}


def _rename(step: Step, given: dict[int, int]) -> None:
    for local, place in given.items():
        if step.code == DELETE:
            step.tail = bytes([place])
            return
        is_load = _loads(step) == local
        if place < SHORT:
            step.code, step.tail = (LOAD_SHORT if is_load else STORE_SHORT) + place, b""
        else:
            step.code, step.tail = LOAD if is_load else STORE, bytes([place])
