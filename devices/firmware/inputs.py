"""Contacts on a board's pins: every edge with the time at which it was seen, and none lost for good.

A handler runs between two byte codes, or later, if native code (a TLS handshake, an erase of flash) holds the processor; it allocates
nothing and puts pin, level and time into a ring. ``run`` empties the ring and looks at the levels themselves, so that an edge without
its interrupt, or without room in the ring, is made good at the next look. What closes after a time in which the processor was held may
have closed at any moment of it, and is told from its beginning on, so that a press that was let go before the handlers ran is not taken
for a spike. An interrupt that finds the level as it was means that there was a way there and back which nobody saw: after such a time it
is told as a pulse of that time, and so is what the ring had no room for; otherwise it is shorter than anything a contact does, and is left
out. MicroPython subset.
"""

import asyncio
from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RING = 64
LOOK_MS = 20
"""Between two looks at the levels."""
HELD_MS = 40
"""So long without a look, and the processor was held: less than a press takes, more than a look and a collection of garbage. A spike within
a signature's time is taken for a press by it, which costs a count; a press lost would cost more."""
LONGEST_DEBOUNCE_MS = 100
PULSE_MS = 1000
"""The longest pulse that is told of what nobody saw: a press, never a hold."""


class Contact:
    """One pin: pressed, opened or present is 1.

    Args:
        name: of the input.
        pin: a ``machine.Pin``, set up as an input.
        active_low: the pin reads low for 1.
    """

    def __init__(self, name: str, pin: "Any", active_low: bool) -> None:
        self.name = name
        self.value = -1  # as last told
        self.first = 0  # as it was when `Inputs.listen` was called
        self.at_ms = 0
        self.pin = pin
        self.active_low = 1 if active_low else 0

    def level(self) -> int:
        """The level now. Allocates nothing."""
        return self.pin.value() ^ self.active_low  # type: ignore[no-any-return]

    def call(self, handler: "Callable[[object], None]") -> None:
        """Have a handler called at each edge."""
        self.pin.irq(handler, self.pin.IRQ_RISING | self.pin.IRQ_FALLING)


class Inputs:
    """All contacts of a board.

    Args:
        contacts: what is fitted.
        flag: an ``asyncio.ThreadSafeFlag``.
        ticks: the millisecond counter, as a small number.
        then_ms: the millisecond of a reading of ``ticks``.
        now_ms: milliseconds that never wrap.
        on_input: called with (name, value, time_ms), in the order of time for each name.

    Attributes:
        unseen: edges that came without an interrupt, or for which the ring had no room.
        dropped: interrupts for which the ring had no room.
    """

    def __init__(
        self,
        contacts: "list[Contact]",
        flag: "Any",
        ticks: "Callable[[], int]",
        then_ms: "Callable[[int], int]",
        now_ms: "Callable[[], int]",
        on_input: "Callable[[str, int, int], None]",
    ) -> None:
        self.unseen = 0
        self.dropped = 0
        self._contacts = contacts
        self._flag = flag
        self._ticks = ticks
        self._then_ms = then_ms
        self._now_ms = now_ms
        self._on_input = on_input
        self._looked_ms = now_ms()
        self._times = array("i", [0] * RING)
        self._edges = bytearray(RING)  # place of the contact, and its level in the lowest bit
        self._head = 0  # only handlers move it
        self._tail = 0  # only `look` moves it
        self._crowded = bytearray(len(contacts))  # 1: the ring had no room for an edge of this contact

    def listen(self) -> None:
        """Note edges from now on. `start` tells them: until then the board may need a second for its journal, its keys and TLS."""
        self._looked_ms = self._now_ms()
        for place in range(len(self._contacts)):
            contact = self._contacts[place]
            contact.first = contact.level()
            contact.call(self._handler(place))

    def start(self, woken: str = "") -> None:
        """Tell what was noted, and every present level once; before it, that ``woken`` was closed when the board began to start."""
        for contact in self._contacts:
            if contact.name == woken:
                # Before time began, so that it is no spike, however quickly the board has started, and whenever the finger goes.
                self._report(contact, 1, max(-LONGEST_DEBOUNCE_MS, self._looked_ms - PULSE_MS))
                if not contact.first:
                    self._report(contact, 0, self._looked_ms)
        self.look(True)

    def read(self) -> "dict[str, int]":
        """The present levels."""
        return {contact.name: contact.level() for contact in self._contacts}

    async def run(self) -> None:
        """Look after each interrupt, and every `LOOK_MS` in any case."""
        asyncio.create_task(self._remind())  # noqa: RUF006  MicroPython's loop keeps its tasks
        while True:
            await self._flag.wait()
            self.look()

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep_ms(LOOK_MS)  # type: ignore[attr-defined]  # MicroPython's own
            self._flag.set()

    def look(self, starting: bool = False) -> None:
        """Tell what came since the last look; the first one comes late without the processor having been held."""
        while self._tail != self._head:
            tail = self._tail
            edge = self._edges[tail]
            at_ms = self._then_ms(self._times[tail])
            self._tail = (tail + 1) % RING
            self._tell(self._contacts[edge >> 1], edge & 1, at_ms, HELD_MS, starting)
        now_ms = self._now_ms()
        for place in range(len(self._contacts)):
            contact = self._contacts[place]
            value = contact.level()
            if self._tail != self._head:
                break  # an interrupt came meanwhile and tells better
            if self._crowded[place]:
                self._crowded[place] = 0
                self._tell(contact, value, now_ms, 1, starting)
            elif value != contact.value:
                if contact.value >= 0:
                    self.unseen += 1
                self._report(contact, value, now_ms)
        self._looked_ms = now_ms

    def _tell(self, contact: "Contact", value: int, at_ms: int, pulse_ms: int, starting: bool) -> None:
        """Tell a level; if it stood already, the way there and back when that may have taken ``pulse_ms``."""
        since_ms = max(self._looked_ms, contact.at_ms)
        held = at_ms - since_ms >= pulse_ms
        earliest_ms = max(since_ms, at_ms - PULSE_MS)
        if value == max(0, contact.value):  # before anything is told, it counts as open
            if not held:
                return
            self.unseen += 1
            self._report(contact, 1 - value, earliest_ms)
        elif value and held and not starting:
            at_ms = earliest_ms
        self._report(contact, value, max(at_ms, contact.at_ms))

    def _report(self, contact: "Contact", value: int, at_ms: int) -> None:
        contact.value = value
        contact.at_ms = at_ms
        self._on_input(contact.name, value, at_ms)

    def _handler(self, place: int) -> "Callable[[object], None]":
        contact = self._contacts[place]

        def edge(_pin: object) -> None:
            head = self._head
            following = (head + 1) % RING
            if following == self._tail:
                self.dropped += 1
                self._crowded[place] = 1
            else:
                self._times[head] = self._ticks()
                self._edges[head] = place << 1 | contact.level()
                self._head = following
            self._flag.set()

        return edge
