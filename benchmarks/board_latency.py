"""From a press on a microcontroller's button to a subscriber that checks the signature, beyond the debounce.

A simulated board runs the SOS button's compiled firmware and talks mutual TLS with the site's Mosquitto. The press is an edge at its pin;
the end is the instant at which a subscriber of the device's alarm topic has the message off its socket, and the time it then takes to
check the signature. The button decides 30 ms after the first contact, by specification, and those are subtracted. Presses come at random
moments more than a second apart, so that nothing of the one before is under way.

The processor is this machine's: on an ESP32 the signature alone takes some hundred milliseconds (`benchmarks.signing`). Beside the figure
stand two of its parts: a signature of the same code in a loop, the best of some (after a pause one takes longer), and the check. The second
figure is what a consumer of the verified topics sees of the same presses, behind the center, which keeps an event before it hands it on.
"""

import asyncio
import dataclasses
import json
import random
import time
from collections.abc import Callable, Sequence

from agent.keys import p256
from agent.keys.file import FileKey
from agent.wire import cose, event
from agent.wire.chain import link
from agent.wire.errors import WireError
from benchmarks import signing
from benchmarks.figures import Detail, Figure, median, spread
from benchmarks.processes import BenchmarkError
from benchmarks.scene import VERIFIED, Context, alarm_topic, scene
from benchmarks.watcher import Message, Watcher
from simulators.board.board import Board
from simulators.board.enrolled import enrolled
from simulators.board.firmware import compiled
from simulators.board.kinds import HEAP_KB, KINDS
from simulators.gpio.physics import CLEAN
from simulators.site import Site

DEVICE = "sos-board-1"
MOST_MS = 25
DEBOUNCE_MS = 30
HOLD_MS = 80
EVERY_S = (1.2, 2.2)
SETTLE_S = 2.0
LATE_S = 20.0
SIGNATURES = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm whose signature was checked.

    Args:
        ns: the end of the check, of CLOCK_MONOTONIC.
        check_ms: how long it took.
        id: of the event, as the center names it to consumers.
    """

    ns: int
    check_ms: float
    id: str


def measure(context: Context) -> list[Figure]:
    """The figure, and for information the same behind the center.

    Raises:
        BenchmarkError: a press is missing, or a message is not the board's.
    """
    presses = context.count(100, 15)
    context.say(f"{presses} presses on a simulated board")
    sign_ms = signing.here_ms(SIGNATURES)["sign"]
    with scene(context, (DEVICE,)) as stage, stage.watch() as watcher, stage.watch(VERIFIED) as consumer:
        device = stage.site.devices[DEVICE]
        topic = alarm_topic(device)

        def arrived() -> None:
            watcher.wait(lambda seen: len({one.payload for one in seen if one.topic == topic}) >= presses, 0, LATE_S)

        touched_ns = asyncio.run(_pressed(stage.site, presses, arrived))
        alarms = checked(watcher.since(0, topic), FileKey.load(str(device.identity.key)).public_der, presses)
        took = [beyond_ms(*instants) for instants in zip(touched_ns, [one.ns for one in alarms], strict=True)]
        behind = [beyond_ms(*instants) for instants in zip(touched_ns, _behind_ns(consumer, alarms), strict=True)]
    details: dict[str, Detail] = {
        **spread("beyond_debounce_ms", took),
        "debounce_ms_subtracted": DEBOUNCE_MS,
        "sign_in_a_loop_ms": sign_ms,
        "check_ms_p50": median(one.check_ms for one in alarms),
    }
    return [
        Figure("board_latency.p50", median(took), "ms", at_most=MOST_MS, details=details),
        Figure("board_latency.behind_center_p50", median(behind), "ms", details=spread("beyond_debounce_ms", behind)),
    ]


def checked(messages: Sequence[Message], public_der: bytes, presses: int) -> list[Alarm]:
    """The alarm of each press, checked against the board's key (SubjectPublicKeyInfo, DER); what is sent again counts the first time.

    Raises:
        BenchmarkError: the board did not sign a message, or there is not one alarm for each press.
    """
    keys = {p256.kid_of(public_der): p256.verifier(public_der)}
    alarms: dict[object, Alarm] = {}
    for message in messages:
        began_ns = time.monotonic_ns()
        try:
            payload = cose.verify(message.payload, event.CONTEXT, keys.get).payload
        except WireError as error:
            raise BenchmarkError(f"a message on {message.topic} is not the board's: {error}") from error
        check_ns = time.monotonic_ns() - began_ns
        made = event.decode(payload)
        number = 1 if made.type == "alarm.raised" else made.data["count"]
        alarms.setdefault(number, Alarm(message.ns + check_ns, check_ns / 1e6, link(payload).hex()))
    wanted = range(1, presses + 1)
    if alarms.keys() != set(wanted):
        raise BenchmarkError(f"{presses} presses made the alarms {sorted(map(str, alarms))}")
    return [alarms[number] for number in wanted]


def beyond_ms(touched_ns: int, arrived_ns: int) -> float:
    """Milliseconds from a press to its arrival that are not the debounce."""
    return (arrived_ns - touched_ns) / 1e6 - DEBOUNCE_MS


async def _pressed(site: Site, presses: int, arrived: Callable[[], object]) -> list[int]:
    """Press a board until all has arrived; the instants of the touches."""
    rng = random.Random(3)
    wiring = KINDS["sos-button"]
    firmware = compiled(site.directory / "firmware", [wiring.kind])
    flash = enrolled(site.directory / "flash", firmware, wiring, site, DEVICE)
    touched_ns = []
    async with Board(flash, contacts=wiring.contacts, heap_kb=HEAP_KB) as board:
        await board.printed("info connected")
        await asyncio.sleep(SETTLE_S)
        for _ in range(presses):
            await asyncio.sleep(rng.uniform(*EVERY_S))
            touched_ns.append(await board.press(wiring.pin("button"), HOLD_MS, bounce=CLEAN))
        await asyncio.to_thread(arrived)
    return touched_ns


def _behind_ns(consumer: Watcher, alarms: Sequence[Alarm]) -> list[int]:
    """When each alarm reached the verified topics."""

    def ids(messages: Sequence[Message]) -> dict[str, int]:
        return {json.loads(message.payload)["id"]: message.ns for message in reversed(messages)}

    if not consumer.wait(lambda seen: {one.id for one in alarms} <= ids(seen).keys(), 0, LATE_S):
        raise BenchmarkError("an alarm did not reach the verified topics")
    arrived_ns = ids(consumer.messages)
    return [arrived_ns[one.id] for one in alarms]
