"""5,000 events at once while connected: messages a second at the subscriber, the agent against the plain paho script, in turn.

One press makes them. The clock runs from the press to the last message at the subscriber, so that sealing, keeping and sending all count.
Settings are the documented defaults.
"""

import time

from agent.wire import cose, event
from benchmarks.figures import Detail, Figure, median
from benchmarks.latency import ready
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context, alarm_topic, clean_press, event_topic, run_agent, scene
from benchmarks.watcher import Message, Watcher
from simulators.gpio.hardware import Hardware
from simulators.site import BUTTON_PIN

EVENTS = 5000
RATIO = 0.7
TIMEOUT_S = 60.0
TYPE = "reading.taken"
QUIET_S = 3.0


def measure(context: Context) -> list[Figure]:
    """Medians of interleaved rounds."""
    rounds = context.count(5, 2)
    with scene(context, ("burst-01", "paho-01")) as stage:
        ours = stage.burst_device("burst-01", {"burst": EVENTS, "type": TYPE})
        peer = stage.site.devices["paho-01"]
        with (
            stage.board(ours) as our_board,
            stage.board(peer) as peer_board,
            stage.watch() as watcher,
            run_agent(ours) as agent_process,
            stage.peer(peer, "press", BUTTON_PIN, EVENTS) as script,
        ):
            ready((agent_process, script), (our_board, peer_board))
            agent: list[tuple[float, int]] = []
            paho: list[tuple[float, int]] = []
            for turn in range(rounds):
                context.say(f"{EVENTS} events, round {turn + 1} of {rounds}")
                agent.append(_rate(our_board, watcher, event_topic(ours), signed=True))
                paho.append(_rate(peer_board, watcher, alarm_topic(peer), signed=False))
    details: dict[str, Detail] = {"events": EVENTS, "rounds": rounds}
    for name, rounds_of in (("agent", agent), ("paho", paho)):
        rates = [rate for rate, _ in rounds_of]
        details |= {
            f"{name}_per_s": median(rates),
            f"{name}_per_s_least": min(rates),
            f"{name}_per_s_most": max(rates),
            f"{name}_least_delivered": min(count for _, count in rounds_of),
        }
    ratio = median([rate for rate, _ in agent]) / median([rate for rate, _ in paho])
    missing = sum(EVENTS - count for _, count in agent)
    return [
        Figure("burst.rate_ratio", ratio, at_least=RATIO, details=details),
        Figure("burst.events_missing", missing, at_most=0, details={"events": EVENTS * rounds}),
    ]


def _rate(board: Hardware, watcher: Watcher, topic: str, *, signed: bool) -> tuple[float, int]:
    """Messages a second from a press to the last of its messages, and how many came; one sent again counts once."""
    mark = watcher.mark()
    pressed_ns = clean_press(board)
    messages = _until_quiet(watcher, topic, mark)
    arrived: dict[bytes, int] = {}
    for message in messages:
        if not signed or _is_ours(message):
            arrived.setdefault(message.payload, message.ns)
    if not arrived:
        raise BenchmarkError(f"nothing of a burst of {EVENTS} events came within {TIMEOUT_S:g} s on {topic}")
    return len(arrived) / ((max(arrived.values()) - pressed_ns) / 1e9), len(arrived)


def _until_quiet(watcher: Watcher, topic: str, mark: int) -> list[Message]:
    """All messages on ``topic`` since ``mark``, once none came for a while. Looks at nothing meanwhile: the machine is being measured."""
    before = -1
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        time.sleep(QUIET_S)
        messages = watcher.since(mark, topic)
        if (messages and len(messages) == before) or time.monotonic() > deadline:
            return messages
        before = len(messages)


def _is_ours(message: Message) -> bool:
    return event.decode(cose.parse(message.payload).payload).type == TYPE
