"""Whether somebody wants to cross or is crossing, out of sensors that each err in their own way.

Evidence is a score that each sensor raises while it claims somebody and lowers while it claims nobody, at its own rate (a sequential
test: sensors that agree decide fast, one alone decides slowly, and a short lone claim decides nothing). The score is kept between 0 and
``most``; at ``call`` somebody is there, down at ``keep`` nobody any more.

A sensor that is in fault, is silent for too long, or is caught lying is left out: neither its yes nor its no counts. Caught lying is one
that

* claims somebody without a pause, and in that time was alone with it, while another claimed nobody, for ``contradicted_ms`` in sum:
  ``contradicted``, until it has claimed nobody for ``settled_ms``; so a stuck sensor cannot keep a beacon flashing. Time in which another
  agrees is taken off that sum ``agreed_counts`` times (a leaky bucket): a short false alarm of the other clears no stuck sensor, and
  somebody who stands there long, and whom the other sees now and then, is no lie;
* claimed nothing in ``blind_calls`` detections of the others, one after another: ``blind``, until it claims somebody; so a covered sensor
  cannot slow down the others.

With no sensor left nothing is detected (``working`` is false) and the buttons alone start the beacon.
"""

import dataclasses
from collections.abc import Iterable, Mapping

WELL = "well"
CONTRADICTED = "contradicted"
BLIND = "blind"


@dataclasses.dataclass(frozen=True, slots=True)
class Weight:
    """What one sensor's word is worth, in points a second.

    Args:
        yes: gained while it claims somebody.
        no: lost while it claims nobody.
        sampled: it repeats its claim; without a reading for ``stale_ms`` it claims nothing. A contact's level stands instead.
    """

    yes: int
    no: int
    sampled: bool


WEIGHTS = {
    # Knows the place: what is outside the watched area does not count, so its yes is worth most. Its no is worth half: it loses people
    # who
    # stand still.
    "tracker": Weight(1400, 700, True),
    # Sees those who stand still, but also passers-by behind the area and branches: never enough against a tracker that sees nobody.
    "presence": Weight(600, 500, True),
    # Sees warmth that moves. Below 0 degrees its yes stays sure while wind, sun on snow and engines claim too (field trials found fewer
    # than half of such calls right), so alone it takes 3 s against a tracker. It is blind to who stands still, so its no is worth
    # little.
    "pir": Weight(1100, 500, False),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Tuning:
    """Limits of the judgement.

    Args:
        weights: sensor -> what its word is worth.
        call: points at which somebody is there: 0.5 s of tracker and PIR, 0.9 s of a tracker alone, 1.3 s of it against a PIR.
        keep: at which nobody is there any more; half, so that one missed look does not end a detection.
        most: the score's top; half more than ``call``, so that nobody is there about a second after all sensors say so.
        stale_ms: ten looks of the tracker.
        contradicted_ms: longer than anybody waits at a beacon that is flashing.
        agreed_counts: so a sensor is believed without end if others agree for a sixth of the time. Wind in the cold makes a PIR agree
            for a twentieth, somebody who shifts from foot to foot for a third.
        settled_ms: longer than a sensor's own hold time.
        blind_calls: as many in a row that chance plays no part.
    """

    weights: Mapping[str, Weight] = dataclasses.field(default_factory=lambda: WEIGHTS)
    call: int = 1200
    keep: int = 600
    most: int = 1800
    stale_ms: int = 1000
    contradicted_ms: int = 120_000
    agreed_counts: int = 5
    settled_ms: int = 5000
    blind_calls: int = 20


TUNING = Tuning()


class Detector:
    """One sensor, what it claims, and what is held against it."""

    def __init__(self, weight: Weight) -> None:
        self.weight = weight
        self.claim: bool | None = None
        self.said_at_ms: int | None = None
        self.health = WELL
        self.caught: str | None = None
        self.alone_ms = 0
        self.quiet_at_ms: int | None = None
        self.claimed_in_call = False
        self.missed = 0

    @property
    def fault(self) -> str | None:
        """Why it is left out, None if it is not."""
        return self.caught if self.health == WELL else self.health

    @property
    def counts(self) -> bool | None:
        """Its claim as far as it counts."""
        return self.claim if self.health == WELL and self.caught is None else None

    @property
    def rate(self) -> int:
        """Points a second that it adds now."""
        counts = self.counts
        if counts is None:
            return 0
        return self.weight.yes if counts else -self.weight.no


class Fusion:
    """The judgement on the fitted sensors (names in the tuning's ``weights``). Times are monotonic milliseconds and never go back."""

    def __init__(self, fitted: Iterable[str], tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self._detectors = {name: Detector(tuning.weights[name]) for name in fitted}
        self._score = 0
        self._at_ms = 0
        self.detected = False

    @property
    def working(self) -> bool:
        """Whether any sensor counts that could detect somebody."""
        return any(detector.fault is None for detector in self._detectors.values())

    @property
    def confidence(self) -> int:
        """Percent of what is needed for a detection; more than 100 is certain."""
        return self._score // (self._tuning.call * 10)

    def faults(self) -> dict[str, str]:
        """Sensor -> why it is left out."""
        return {name: detector.fault for name, detector in self._detectors.items() if detector.fault is not None}

    def believed(self) -> dict[str, bool | None]:
        """Sensor -> what it claims as far as that counts."""
        return {name: detector.counts for name, detector in self._detectors.items()}

    def say(self, name: str, somebody: bool, now_ms: int) -> None:
        """A sensor claims somebody, or nobody. One that is not fitted changes nothing."""
        self.advance(now_ms)
        detector = self._detectors.get(name)
        if detector is None:
            return
        detector.claim = somebody
        detector.said_at_ms = now_ms if detector.weight.sampled else None
        if somebody:
            detector.quiet_at_ms = None
        elif detector.quiet_at_ms is None and detector.caught == CONTRADICTED:
            detector.quiet_at_ms = now_ms
        self._judge(now_ms)

    def judge(self, name: str, health: str, now_ms: int) -> None:
        """A sensor's supervisor calls it well, or something else."""
        self.advance(now_ms)
        detector = self._detectors.get(name)
        if detector is None or detector.health == health:
            return
        detector.health = health
        detector.claim = detector.said_at_ms = detector.quiet_at_ms = detector.caught = None
        detector.missed = 0
        self._judge(now_ms)

    def advance(self, now_ms: int) -> None:
        """Let time pass: evidence gathers, old words grow stale."""
        while now_ms > self._at_ms:
            due_ms = self._next_stale_ms()
            until_ms = now_ms if due_ms is None else min(max(due_ms, self._at_ms), now_ms)
            self._gather(until_ms)
            for detector in self._detectors.values():
                if detector.said_at_ms is not None and until_ms >= detector.said_at_ms + self._tuning.stale_ms:
                    detector.claim = detector.said_at_ms = detector.quiet_at_ms = None
            self._judge(until_ms)

    def next_tick_ms(self) -> int | None:
        """When ``advance`` could change something by itself."""
        due = [self._next_stale_ms(), self._turn_ms()]
        lone = self._lone()
        if lone is not None:
            due.append(self._at_ms + self._tuning.contradicted_ms - lone.alone_ms)
        quiet = [one.quiet_at_ms for one in self._detectors.values() if one.quiet_at_ms is not None]
        if quiet:
            due.append(min(quiet) + self._tuning.settled_ms)
        return min((at_ms for at_ms in due if at_ms is not None), default=None)

    def _next_stale_ms(self) -> int | None:
        said = [one.said_at_ms for one in self._detectors.values() if one.said_at_ms is not None]
        return min(said) + self._tuning.stale_ms if said else None

    def _rate(self) -> int:
        if all(detector.counts is None for detector in self._detectors.values()):
            return -self._tuning.call  # nothing upholds what was believed
        return sum(detector.rate for detector in self._detectors.values())

    def _turn_ms(self) -> int | None:
        """When the score reaches the next limit at its present rate."""
        rate = self._rate()
        if rate > 0 and not self.detected:
            missing = self._tuning.call * 1000 - self._score
            return self._at_ms - (-missing // rate)
        if rate < 0 and self.detected:
            surplus = self._score - self._tuning.keep * 1000
            return self._at_ms - (surplus // rate)
        return None

    def _gather(self, now_ms: int) -> None:
        if now_ms > self._at_ms:
            # Points a second times milliseconds: the score is in thousandths of a point.
            score = self._score + self._rate() * (now_ms - self._at_ms)
            self._score = max(0, min(score, self._tuning.most * 1000))
            self._hold_against(now_ms - self._at_ms)
            self._at_ms = now_ms

    def _hold_against(self, passed_ms: int) -> None:
        """Who claimed somebody all this time: alone, or with others? Time in which no other counts is neither."""
        claiming = self._claiming()
        lone = self._lone()
        for detector in claiming:
            if detector is lone:
                detector.alone_ms += passed_ms
            elif len(claiming) > 1:
                detector.alone_ms = max(0, detector.alone_ms - self._tuning.agreed_counts * passed_ms)

    def _claiming(self) -> list[Detector]:
        return [detector for detector in self._detectors.values() if detector.counts]

    def _lone(self) -> Detector | None:
        """The one that claims somebody while others claim nobody, if it is one."""
        claiming = self._claiming()
        contradicted = any(detector.counts is False for detector in self._detectors.values())
        return claiming[0] if contradicted and len(claiming) == 1 else None

    def _judge(self, now_ms: int) -> None:
        self._forgive(now_ms)
        for detector in self._claiming():
            detector.claimed_in_call = True
            detector.missed = 0
        for detector in self._detectors.values():
            if detector.alone_ms >= self._tuning.contradicted_ms:
                detector.caught = CONTRADICTED
            if not detector.counts:
                detector.alone_ms = 0
        self._turn()

    def _forgive(self, now_ms: int) -> None:
        for detector in self._detectors.values():
            if detector.caught == BLIND and detector.claim:
                detector.caught = None
            if detector.quiet_at_ms is not None and now_ms >= detector.quiet_at_ms + self._tuning.settled_ms:
                detector.caught = detector.quiet_at_ms = None

    def _turn(self) -> None:
        if not self.detected and self._score >= self._tuning.call * 1000:
            self.detected = True
        elif self.detected and self._score <= self._tuning.keep * 1000:
            self.detected = False
            self._count_misses()

    def _count_misses(self) -> None:
        """A detection is over: who had no part in it?"""
        for detector in self._detectors.values():
            if detector.counts is False and not detector.claimed_in_call:
                detector.missed += 1
                if detector.missed >= self._tuning.blind_calls:
                    detector.caught = BLIND
                    detector.missed = 0
            detector.claimed_in_call = False
