"""5,000 events at once while connected: messages a second at the subscriber, the agent against the plain paho script, in turn.

Beside it stands a script that signs each message too: what is left of the ratio is then what journal, chain and receipts cost.

One press makes them. The clock runs from the press to the last message at the subscriber, so that sealing, keeping and sending all count.
Settings are the documented defaults.
"""

import time

from agent.wire import cose, event
from benchmarks.figures import Detail, Figure, median
from benchmarks.latency import ready
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context, clean_press, event_topic, run_agent, scene
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
    rounds = context.count(7, 2)
    with scene(context, ("burst-01", "paho-01", "sign-01")) as stage:
        ours = stage.burst_device("burst-01", {"burst": EVENTS, "type": TYPE})
        plain, signing = (stage.site.devices[name] for name in ("paho-01", "sign-01"))
        with (
            stage.board(ours) as our_board,
            stage.board(plain) as plain_board,
            stage.board(signing) as signing_board,
            stage.watch() as watcher,
            run_agent(ours) as agent_process,
            stage.peer(plain, "press", BUTTON_PIN, EVENTS, alarms=False) as plain_script,
            stage.peer(signing, "sign", BUTTON_PIN, EVENTS, alarms=False) as signing_script,
        ):
            ready((agent_process, plain_script, signing_script), (our_board, plain_board, signing_board))
            runners = (
                ("agent", our_board, event_topic(ours)),
                ("script", plain_board, event_topic(plain)),
                ("signing_script", signing_board, event_topic(signing)),
            )
            found: dict[str, list[tuple[float, int]]] = {name: [] for name, _, _ in runners}
            for turn in range(rounds):
                context.say(f"{EVENTS} events, round {turn + 1} of {rounds}")
                for name, board, topic in runners:
                    found[name].append(_rate(board, watcher, topic, signed=name == "agent"))
    details: dict[str, Detail] = {"events": EVENTS, "rounds": rounds}
    rates = {name: [rate for rate, _ in turns] for name, turns in found.items()}
    for name, turns in found.items():
        details |= {
            f"{name}_per_s": median(rates[name]),
            f"{name}_per_s_least": min(rates[name]),
            f"{name}_per_s_most": max(rates[name]),
            f"{name}_least_delivered": min(count for _, count in turns),
        }
    ratios = {name: median(rates["agent"]) / median(rates[name]) for name in ("script", "signing_script")}
    missing = sum(EVENTS - count for _, count in found["agent"])
    return [
        Figure("burst.rate_ratio", ratios["script"], at_least=RATIO, details=details),
        Figure("burst.rate_ratio_to_signing_script", ratios["signing_script"]),
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
        time.sleep(QUIET_S)  # quiet is that nothing comes for so long
        messages = watcher.since(mark, topic)
        if (messages and len(messages) == before) or time.monotonic() > deadline:
            return messages
        before = len(messages)


def _is_ours(message: Message) -> bool:
    return event.decode(cose.parse(message.payload).payload).type == TYPE
