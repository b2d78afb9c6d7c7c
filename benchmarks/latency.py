"""From the press to the subscriber: the agent (signed, durable) against the plain paho script (neither), in the same run, in turn.

The press is an edge on a simulated board one level below gpiozero; the end is the instant at which a subscriber of the device's alarm
topic has the message off its socket. The first figure is the SOS button as it is delivered: it decides 30 ms after the first contact, by
specification, and those 30 ms are subtracted; the script has no debounce and acts on the first edge. The second figure does without a
debounce: a bare kind that acts on the first edge too, 20 presses a second. There the code and the key's tables are cold when the edge
comes; in the first they have been warmed by the contact. The slow disk adds to each sync of the agent's process, from outside
(`simulators.slow_disk`).

The center, which belongs on another machine, has one session here: on two cores that it shares with the broker, waking it once more for
each alarm takes some 0.3 ms from the subscriber that comes after it, which says nothing of the agent.
"""

import dataclasses
import random
import time
from collections.abc import Callable, Sequence

from agent.wire import cose, event
from benchmarks.figures import Detail, Figure, median, spread
from benchmarks.processes import BenchmarkError, Child
from benchmarks.scene import Context, Scene, alarm_topic, clean_press, connected, run_agent, scene
from benchmarks.watcher import Message, Watcher
from simulators.gpio.hardware import Hardware
from simulators.site import BUTTON_PIN, Device

RATE_HZ = 20
HOLD_MS = 20
SOS_HOLD_MS = 60
SOS_EVERY_S = 1.0
DEBOUNCE_MS = 30
SLOW_MS = 80
RATIO = 1.25
SLOW_RATIO = 1.3
LATE_S = 10.0
SETTLE_S = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Contestant:
    """Somebody whose button is pressed. ``number_of`` tells from a message's payload which press made it, from 1 on. The script may miss
    a press (gpiozero reads the level when its callback runs, and a short press may be over by then); the agent may not.
    """

    device: Device
    board: Hardware
    hold_ms: float
    number_of: Callable[[bytes], int] | None
    may_miss: bool = False


def measure(context: Context) -> list[Figure]:
    """The SOS button as delivered, then a bare kind without a debounce."""
    with scene(context, ("burst-01", "paho-01", "sos-0001"), lane=False) as stage:
        return [_sos(context, stage, None), _first_edge(context, stage)]


def measure_slow(context: Context) -> list[Figure]:
    """The SOS button with a disk whose syncs take 80 ms longer."""
    with scene(context, ("paho-01", "sos-0001"), lane=False) as stage:
        return [_sos(context, stage, SLOW_MS)]


def _sos(context: Context, stage: Scene, slow_ms: int | None) -> Figure:
    rounds = context.count(120, 20)
    context.say(f"{rounds} presses each, {SOS_EVERY_S} s apart" + (f", syncs {slow_ms} ms slower" if slow_ms else ""))
    ours = stage.site.add_device("sos-0001", settings={"tamper_pin": -1, "supply_pin": -1})
    took = _race(stage, ours, Contest(SOS_HOLD_MS, None, rounds, SOS_EVERY_S, random.Random(2), slow_ms), DEBOUNCE_MS)
    details: dict[str, Detail] = {
        **_details(took, rounds),
        "every_s": SOS_EVERY_S,
        "debounce_ms_subtracted": DEBOUNCE_MS,
    }
    ratio = median(took[0]) / median(took[1])
    if slow_ms is None:
        return Figure("latency.p50_ratio", ratio, at_most=RATIO, details=details)
    return Figure(
        "latency.slow_disk_p50_ratio", ratio, at_most=SLOW_RATIO, details={**details, "sync_added_ms": slow_ms}
    )


def _first_edge(context: Context, stage: Scene) -> Figure:
    rounds = context.count(300, 60)
    context.say(f"{rounds} presses each without a debounce, {RATE_HZ}/s")
    ours = stage.burst_device("burst-01", {})
    took = _race(stage, ours, Contest(HOLD_MS, _number_of_event, rounds, 1 / RATE_HZ, random.Random(1), None), 0)
    ratio = median(took[0]) / median(took[1])
    return Figure("latency.first_edge_p50_ratio", ratio, details=_details(took, rounds))


@dataclasses.dataclass(frozen=True, slots=True)
class Contest:
    """How both are pressed: how long, how many times, how far apart; and how much slower the agent's disk is."""

    hold_ms: float
    number_of: Callable[[bytes], int] | None
    rounds: int
    every_s: float
    rng: random.Random
    slow_ms: int | None


def _race(stage: Scene, ours: Device, contest: Contest, subtracted_ms: float) -> list[list[float]]:
    """Milliseconds from press to subscriber, for the agent (less what is subtracted) and for the script."""
    peer = stage.site.devices["paho-01"]
    with (
        stage.board(ours) as our_board,
        stage.board(peer) as peer_board,
        stage.watch() as watcher,
        run_agent(ours, slow_disk_ms=contest.slow_ms) as agent,
        stage.peer(peer, "press", BUTTON_PIN) as script,
    ):
        ready((agent, script), (our_board, peer_board))
        pair = (
            Contestant(ours, our_board, contest.hold_ms, contest.number_of),
            Contestant(peer, peer_board, contest.hold_ms, _number_of_script, may_miss=True),
        )
        took = press_in_turn(pair, watcher, contest.rounds, contest.every_s, contest.rng)
    return [[one - subtracted_ms for one in took[0]], took[1]]


def _details(took: list[list[float]], rounds: int) -> dict[str, Detail]:
    return {**spread("agent_ms", took[0]), **spread("paho_ms", took[1]), "paho_missed": rounds - len(took[1])}


def ready(children: Sequence[Child], boards: Sequence[Hardware]) -> None:
    """Block until everybody is connected to broker and board, and the first events are over."""
    for child in children:
        child.wait_for(connected, "connected")
    for board in boards:
        board.wait_connected()
    time.sleep(SETTLE_S)


def press_in_turn(
    contestants: Sequence[Contestant],
    watcher: Watcher,
    rounds: int,
    every_s: float,
    rng: random.Random,
) -> list[list[float]]:
    """Press everybody's button once a round, evenly spread over the round with ±20 % jitter.

    Returns:
        For each contestant the milliseconds from press to subscriber.

    Raises:
        BenchmarkError: a press made no message, or more than one.
    """
    mark = watcher.mark()
    pressed: list[list[int]] = [[] for _ in contestants]
    slot_s = every_s / len(contestants)
    due_s = time.monotonic() + slot_s
    for _ in range(rounds):
        for index, one in enumerate(contestants):
            time.sleep(max(0.0, due_s + rng.uniform(-0.2, 0.2) * slot_s - time.monotonic()))
            due_s = (
                max(due_s, time.monotonic()) + slot_s
            )  # late ones are not made up for: presses would run into one another
            pressed[index].append(clean_press(one.board, one.hold_ms))
    wanted = {alarm_topic(one.device) for one in contestants}
    watcher.wait(
        lambda seen: sum(message.topic in wanted for message in seen) >= rounds * len(contestants), mark, LATE_S
    )
    return [
        _paired(one, times, watcher.since(mark, alarm_topic(one.device)))
        for one, times in zip(contestants, pressed, strict=True)
    ]


def _paired(one: Contestant, pressed: Sequence[int], messages: Sequence[Message]) -> list[float]:
    """Milliseconds from each press to its message; a message sent again counts the first time."""
    if one.number_of is None:
        first: dict[bytes, int] = {}
        for message in messages:
            first.setdefault(message.payload, message.ns)
        instants = list(first.values())
    else:
        arrived: dict[int, int] = {}
        for message in messages:
            arrived.setdefault(one.number_of(message.payload), message.ns)
        instants = [arrived[number] for number in sorted(arrived)]
    if len(instants) == len(pressed):
        return [(instant - at) / 1e6 for instant, at in zip(instants, pressed, strict=True)]
    if not one.may_miss or len(instants) > len(pressed):
        raise BenchmarkError(f"{one.device.name}: {len(pressed)} presses made {len(instants)} messages")
    return by_time(pressed, instants)


def by_time(pressed: Sequence[int], arrived: Sequence[int]) -> list[float]:
    """Milliseconds from each press that was not missed to its message: the first one that came before the next press."""
    took = []
    ends = [*pressed[1:], 1 << 63]
    for at, end in zip(pressed, ends, strict=True):
        came = [instant for instant in arrived if at < instant < end]
        if came:
            took.append((came[0] - at) / 1e6)
    return took


def _number_of_event(message: bytes) -> int:
    number = event.decode(cose.parse(message).payload).data["n"]
    assert isinstance(number, int)
    return number


def _number_of_script(message: bytes) -> int:
    return int(message.split(b" ", 1)[0])
