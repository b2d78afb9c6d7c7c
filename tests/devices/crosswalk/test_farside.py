"""The far unit is told in time, believed only by what it says, and its loss is known and heals."""

import itertools

from devices.crosswalk.farside import HOLD_MS, ILL, KEEP_MS, LOST, POLL_MS, RETRY_MS, TRIES, FarSide


class Link:
    """A link that takes ``delay_ms`` each way, or is cut; and a far unit that goes dark by itself."""

    def __init__(self, delay_ms: int = 25) -> None:
        self.now = 0
        self.delay_ms = delay_ms
        self.cut = False
        self.far = FarSide(0)
        self.wanted = "off"
        self.air: list[tuple[int, str]] = []
        self.orders: list[tuple[int, str]] = []
        self.dark_at = 0
        self.ever_lost = False
        self.flashing: list[tuple[int, bool]] = []

    def lost(self) -> bool:
        return self.far.lost

    def run(self, duration_ms: int) -> None:
        for now in range(self.now, self.now + duration_ms):
            self.now = now
            if self.now >= self.far.due_at_ms or self.wanted != self.orders[-1][1]:
                for pattern in self.far.want(self.wanted, self.now):
                    self.orders.append((self.now, pattern))
                    if not self.cut:
                        self.air.append((self.now + self.delay_ms, pattern))
            for at_ms, pattern in [one for one in self.air if one[0] == self.now]:
                if pattern != "answer":
                    self.dark_at = 0 if pattern == "off" else self.now + HOLD_MS
                    if not self.cut:
                        self.air.append((self.now + self.delay_ms, "answer"))
                else:
                    self.far.says(self.now < self.dark_at, self.now)
                self.air.remove((at_ms, pattern))
            self.ever_lost |= self.far.lost
            lit = self.now < self.dark_at
            if not self.flashing or self.flashing[-1][1] != lit:
                self.flashing.append((self.now, lit))
        self.now += 1


def test_it_flashes_with_this_side_and_goes_dark_with_it() -> None:
    link = Link()
    link.run(2000)
    link.wanted = "ia-21"
    began = link.now
    link.run(20_000)
    link.wanted = "off"
    ended = link.now
    link.run(5000)
    assert link.flashing == [(0, False), (began + 25, True), (ended + 25, False)]
    assert not link.lost()
    assert not link.far.lit


def test_an_order_that_is_lost_is_repeated_at_once() -> None:
    link = Link()
    link.run(2000)
    link.wanted, link.cut = "ia-21", True
    began = link.now
    link.run(2 * RETRY_MS + 50)
    link.cut = False
    link.run(1000)
    assert link.flashing[-1] == (began + 3 * RETRY_MS + 25, True)
    assert link.flashing[-1][0] - began <= 500


def test_while_it_flashes_orders_follow_each_other_closely_enough_to_keep_it_lit() -> None:
    assert 2 * KEEP_MS + RETRY_MS < HOLD_MS
    link = Link()
    link.wanted = "ia-21"
    link.run(60_000)
    assert link.flashing == [(0, False), (25, True)]
    gaps = [after[0] - before[0] for before, after in itertools.pairwise(link.orders)]
    assert max(gaps) <= KEEP_MS + 2 * 25
    assert not link.ever_lost


def test_a_lost_link_is_known_within_a_second_while_it_flashes_and_the_far_unit_goes_dark_by_itself() -> None:
    link = Link()
    link.wanted = "ia-21"
    link.run(5000)
    link.cut = True
    link.run(KEEP_MS + 2 * 25 + TRIES * RETRY_MS)
    assert link.lost()
    link.run(5000)
    assert link.flashing[-1][1] is False
    assert not link.far.lit
    link.cut = False
    link.run(1000)
    assert not link.lost()
    assert link.far.lit


def test_in_the_dark_a_lost_link_is_known_by_the_next_poll_and_heals_by_one() -> None:
    link = Link()
    link.run(1000)
    link.cut = True
    link.run(POLL_MS - 1000)
    assert not link.lost()
    link.run(1000 + TRIES * RETRY_MS)
    assert link.lost()
    said = len(link.orders)
    link.run(10 * POLL_MS)
    assert 9 <= len(link.orders) - said <= 11, "a lost link is not shouted at"
    link.cut = False
    link.run(POLL_MS + 100)
    assert not link.lost()


def test_an_answer_that_says_otherwise_is_no_answer() -> None:
    far = FarSide(0)
    far.want("off", 0)
    far.says(False, 10)
    assert far.want("ia-21", 20) == ["ia-21"]
    far.says(False, 30)
    assert far.due_at_ms == 20 + RETRY_MS
    assert not far.lit
    far.says(True, 60)
    assert far.due_at_ms == 60 + KEEP_MS
    assert far.lit


def test_a_slow_link_works() -> None:
    link = Link(delay_ms=122)
    link.run(1000)
    link.wanted = "ia-21"
    began = link.now
    link.run(10_000)
    assert link.flashing[-1] == (began + 122, True)
    assert not link.lost()


def test_one_that_answers_and_does_not_obey_is_told_again_and_is_not_lost() -> None:
    far = FarSide(0)
    for now in range(0, 10 * TRIES * RETRY_MS, RETRY_MS):
        assert far.want("ia-21", now) == ["ia-21"]
        far.says(False, now + 50)
        assert not far.lost
    far.well(False)
    assert far.fault == ILL


def test_a_lost_one_is_not_ill_until_it_says_so_again() -> None:
    far = FarSide(0)
    far.well(False)
    for now in range(0, 2 * TRIES * RETRY_MS, RETRY_MS):
        far.want("ia-21", now)
    seen = [far.fault]
    for well in (True, False):
        far.says(True, 5000)
        seen.append(far.fault)
        far.well(well)
    seen.append(far.fault)
    assert seen == [LOST, None, None, ILL]
