"""What a board does to the pins inside the agent, and what it sees of them."""

import asyncio
import itertools
import pathlib
import random
import socket
import time
from collections.abc import Callable

import gpiozero
import pytest

from simulators.errors import HardwareTimeoutError, WiringError
from simulators.gpio import physics, server
from simulators.gpio.factory import SimulatedFactory
from simulators.gpio.hardware import Hardware
from simulators.gpio.records import HIGH, LOW, OPEN

BUTTON = 17
LAMP = 18
TAMPER = 22
MAINS = 23
Until = Callable[[Callable[[], bool]], None]


class Ear:
    """Edges of one pin as ``(nanoseconds, level)``."""

    def __init__(self, factory: SimulatedFactory, number: int, pull: str = "up") -> None:
        self.pin = factory.pin(number)
        self.pin.input_with_pull(pull)
        self.edges: list[tuple[int, int]] = []
        self.heard = self.hear
        self.pin.when_changed = self.heard

    def hear(self, ticks: float, level: int) -> None:
        self.edges.append((round(ticks * 1e9), level))

    @property
    def levels(self) -> list[int]:
        return [level for _, level in self.edges]


def test_a_press_arrives_edge_for_edge_with_its_own_times(
    hardware: Hardware, factory: SimulatedFactory, until: Until
) -> None:
    ear = Ear(factory, BUTTON)
    start_ns = hardware.press(BUTTON, 40, bounce=physics.POOR)
    hardware.wait_quiet()
    expected = physics.press(40_000, physics.POOR, random.Random(7))  # the board's seed
    until(lambda: len(ear.edges) == len(expected))
    assert ear.levels == [1 - closed for _, closed in expected]
    # ticks are seconds in a float: good to a fraction of a microsecond
    assert [round((at_ns - start_ns) / 1000) for at_ns, _ in ear.edges] == [at_us for at_us, _ in expected]


def test_every_edge_arrives_once_and_in_order(hardware: Hardware, factory: SimulatedFactory, until: Until) -> None:
    rng = random.Random(11)
    ears = {number: Ear(factory, number) for number in (BUTTON, 5, 6, 13)}
    sent: dict[int, list[int]] = {number: [] for number in ears}
    for _ in range(20_000):
        number = rng.choice(list(ears))
        level = 1 - (sent[number][-1] if sent[number] else 1)
        hardware.drive(number, HIGH if level else LOW)
        sent[number].append(level)
    until(lambda: sum(len(ear.edges) for ear in ears.values()) >= 20_000)
    assert {number: ear.levels for number, ear in ears.items()} == sent


def test_a_recorded_bounce_is_replayed(hardware: Hardware, factory: SimulatedFactory, until: Until) -> None:
    ear = Ear(factory, BUTTON)
    hardware.press(BUTTON, bounce=[(0, 1), (0.5, 0), (1, 1), (9, 0)])
    until(lambda: len(ear.edges) == 4)
    assert ear.levels == [0, 1, 0, 1]


def test_presses_can_be_laid_out_ahead(hardware: Hardware, factory: SimulatedFactory, until: Until) -> None:
    ear = Ear(factory, BUTTON)
    for index in range(3):
        hardware.press(BUTTON, 2, bounce=physics.CLEAN, after_ms=10 * index)
    until(lambda: len(ear.edges) == 6)
    starts_ms = [(at_ns - ear.edges[0][0]) / 1e6 for at_ns, level in ear.edges if level == 0]
    assert starts_ms[1] >= 10
    assert starts_ms[2] >= 20
    assert ear.levels == [0, 1] * 3


def test_a_button_already_held_at_boot_is_seen_as_held(hardware: Hardware) -> None:
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    factory = SimulatedFactory(str(hardware.path))
    with gpiozero.Button(BUTTON, pin_factory=factory) as button:
        assert button.is_pressed
    factory.close()


def test_a_stuck_button_stays_pressed_until_it_is_freed(
    hardware: Hardware, factory: SimulatedFactory, until: Until
) -> None:
    ear = Ear(factory, BUTTON)
    hardware.stick(BUTTON)
    hardware.press(BUTTON, 1, bounce=physics.CLEAN)
    hardware.wait_quiet()
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    hardware.release(BUTTON, bounce=physics.CLEAN)
    assert hardware.level(BUTTON) == 0
    hardware.free(BUTTON)
    until(lambda: len(ear.edges) == 2)
    assert ear.levels == [0, 1]
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    until(lambda: ear.pin.state == 0)


def test_the_contact_follows_the_latest_movement_whatever_still_bounces(
    hardware: Hardware, factory: SimulatedFactory, until: Until
) -> None:
    ear = Ear(factory, BUTTON)
    until(lambda: hardware.level(BUTTON) == 1)
    for _ in range(20):
        hardware.hold(BUTTON, bounce=physics.WORN)
        hardware.release(BUTTON, bounce=physics.CLEAN)
        hardware.wait_quiet()
        assert hardware.level(BUTTON) == 1
        hardware.release(BUTTON, bounce=physics.WORN)
        hardware.hold(BUTTON, bounce=physics.CLEAN)
        hardware.wait_quiet()
        assert hardware.level(BUTTON) == 0
    until(lambda: ear.pin.state == 0)


def test_a_cut_wire_leaves_the_pull_and_deaf_fingers(
    hardware: Hardware, factory: SimulatedFactory, until: Until
) -> None:
    ear = Ear(factory, BUTTON)
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    hardware.cut(BUTTON, noise_ms=60)
    hardware.release(BUTTON, bounce=physics.CLEAN)
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    hardware.wait_quiet()
    hardware.mend(BUTTON)
    until(lambda: len(ear.edges) == 3)
    assert ear.levels == [0, 1, 0]


def test_a_cut_wire_at_a_floating_input_hums(hardware: Hardware, factory: SimulatedFactory, until: Until) -> None:
    ear = Ear(factory, BUTTON, "floating")
    hardware.cut(BUTTON, noise_ms=105)
    hardware.wait_quiet()
    until(lambda: len(ear.edges) >= 8)
    assert all(one != other for one, other in itertools.pairwise(ear.levels))


def test_interference_is_pulses_that_leave_nothing_behind(
    hardware: Hardware, factory: SimulatedFactory, until: Until
) -> None:
    ear = Ear(factory, BUTTON)
    until(lambda: hardware.level(BUTTON) == 1)  # the board knows of the pull: a spike goes to the opposite level
    hardware.spikes(BUTTON, 5, within_ms=5)
    until(lambda: len(ear.edges) == 10)
    assert ear.levels == [0, 1] * 5
    assert all(end[0] - start[0] < 102_000 for start, end in zip(ear.edges[::2], ear.edges[1::2], strict=True))


def test_a_shaken_contact_is_closed_afterwards(hardware: Hardware, factory: SimulatedFactory, until: Until) -> None:
    ear = Ear(factory, BUTTON)
    hardware.hold(BUTTON, bounce=physics.CLEAN)
    hardware.chatter(BUTTON, 20, mean_ms=1)
    hardware.wait_quiet()
    until(lambda: len(ear.edges) > 3 and ear.levels[-1] == 0)
    assert hardware.level(BUTTON) == 0


def test_the_enclosure_and_the_mains_have_their_own_states_of_rest(
    hardware: Hardware, factory: SimulatedFactory, until: Until
) -> None:
    tamper, mains = Ear(factory, TAMPER), Ear(factory, MAINS, "floating")
    assert (tamper.pin.state, mains.pin.state) == (0, 0)
    hardware.tamper(TAMPER, opened=True)
    hardware.mains(MAINS, present=False)
    until(lambda: (tamper.pin.state, mains.pin.state) == (1, 1))
    hardware.tamper(TAMPER, opened=False)
    hardware.mains(MAINS, present=True)
    hardware.wait_quiet()
    until(lambda: (tamper.pin.state, mains.pin.state) == (0, 0) and len(mains.edges) == 2)
    assert mains.levels == [1, 0]


def test_the_board_sees_levels_duty_frequency_and_history(hardware: Hardware, factory: SimulatedFactory) -> None:
    before_ns = time.monotonic_ns()
    lamp = factory.pin(LAMP)
    assert hardware.output(LAMP) is None
    lamp.output_with_state(1)
    shown = hardware.wait_output(LAMP, lambda output: output.duty == 1)
    assert shown.frequency_hz is None
    assert before_ns < shown.since_ns < time.monotonic_ns()
    lamp.frequency = 100.5
    lamp.state = 0.25
    shown = hardware.wait_output(LAMP, lambda output: output.duty > 0 and output.frequency_hz is not None)
    assert shown.duty == pytest.approx(0.25, abs=1 / 65535)
    assert shown.frequency_hz == pytest.approx(100.5)
    history = hardware.history(LAMP)
    assert [round(output.duty, 2) for output in history] == [1, 0, 0.25]
    assert [output.since_ns for output in history] == sorted(output.since_ns for output in history)
    assert hardware.function(LAMP) == "output"


def test_waiting_for_an_output_in_vain_tells_what_there_was(hardware: Hardware, factory: SimulatedFactory) -> None:
    factory.pin(LAMP).output_with_state(1)
    with pytest.raises(HardwareTimeoutError, match=r"GPIO18 .* connected.*duty=1.0"):
        hardware.wait_output(LAMP, lambda output: output.duty == 0.5, timeout_s=0.05)


def test_an_event_loop_waits_without_blocking(hardware: Hardware) -> None:
    async def scenario() -> tuple[float, int]:
        opening = asyncio.create_task(asyncio.to_thread(SimulatedFactory, str(hardware.path)))
        await hardware.connected()
        factory = await opening
        turned = 0
        waiting = asyncio.create_task(hardware.output_becomes(LAMP, lambda output: output.lit))
        while not waiting.done():
            turned += 1
            if turned == 20:
                factory.pin(LAMP).output_with_state(1)
            await asyncio.sleep(0.001)
        with pytest.raises(HardwareTimeoutError):
            await hardware.output_becomes(LAMP, lambda output: output.duty == 0.5, timeout_s=0.01)
        factory.close()
        return (await waiting).duty, turned

    duty, turned = asyncio.run(scenario())
    assert duty == 1
    assert turned >= 20


def test_a_wire_joins_an_output_to_an_input(hardware: Hardware, factory: SimulatedFactory, until: Until) -> None:
    hardware.wire(LAMP, to=BUTTON)
    ear = Ear(factory, BUTTON, "down")
    lamp = factory.pin(LAMP)
    lamp.output_with_state(1)
    lamp.state = 0
    lamp.state = 1
    until(lambda: len(ear.edges) == 3)
    assert ear.levels == [1, 0, 1]


def test_a_broken_connection_heals_and_tells_what_changed_meanwhile(
    hardware: Hardware, factory: SimulatedFactory, until: Until
) -> None:
    ear = Ear(factory, BUTTON)
    lamp = factory.pin(LAMP)
    lamp.output_with_state(1)
    hardware.wait_output(LAMP, lambda output: output.lit)
    hardware.hang_up()
    hardware.drive(BUTTON, LOW)
    until(lambda: hardware.connections == 2 and len(ear.edges) == 1)
    assert ear.levels == [0]
    lamp.state = 0
    hardware.wait_output(LAMP, lambda output: not output.lit)


def test_pins_keep_their_levels_when_the_board_goes_and_find_the_next_one(
    socket_path: pathlib.Path, until: Until
) -> None:
    first = Hardware(socket_path)
    first.drive(BUTTON, LOW)
    factory = SimulatedFactory(str(socket_path))
    ear = Ear(factory, BUTTON)
    lamp = factory.pin(LAMP)
    first.close()
    assert ear.pin.state == 0
    lamp.output_with_state(1)  # nobody sees it yet
    with Hardware(socket_path) as second:
        assert second.wait_output(LAMP, lambda output: output.lit).duty == 1
        until(lambda: len(ear.edges) == 1)
        assert ear.levels == [1]
        factory.close()


def test_a_callback_that_fails_costs_no_further_edge(
    hardware: Hardware, factory: SimulatedFactory, until: Until, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = factory.pin(BUTTON)
    pin.input_with_pull("up")
    seen: list[int] = []

    def stumble(_ticks: float, level: int) -> None:
        seen.append(level)
        raise LookupError("a mistake of the application")

    pin.when_changed = stumble
    for drive in (LOW, OPEN, LOW):
        hardware.drive(BUTTON, drive)
    until(lambda: len(seen) == 3)
    assert seen == [0, 1, 0]
    until(lambda: capsys.readouterr().err.count("LookupError") > 0)


def test_an_agent_that_does_not_read_is_hung_up_on_not_waited_for(
    hardware: Hardware, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(server, "BACKLOG_BYTES", 64 * 1024)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hanging:
        hanging.connect(str(hardware.path))
        hardware.wait_connected()
        for index in range(20_000):
            hardware.drive(BUTTON, index % 2)
        assert hardware.agent_pid is None
        factory = SimulatedFactory(str(hardware.path))
        assert factory.pin(BUTTON).state == hardware.level(BUTTON) == 1
        factory.close()


def test_one_board_per_socket_and_a_dead_boards_socket_is_taken_over(
    hardware: Hardware, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(WiringError, match="another board"):
        Hardware(hardware.path)
    dead = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(dead))
    with Hardware(dead):
        assert dead.stat().st_mode & 0o777 == 0o600
    assert not dead.exists()


def test_impossible_requests_are_refused(hardware: Hardware, tmp_path: pathlib.Path) -> None:
    with pytest.raises(WiringError, match="GPIO28"):
        hardware.press(28)
    with pytest.raises(WiringError, match="neither"):
        hardware.drive(BUTTON, 9)
    with pytest.raises(WiringError, match="longer than"):
        Hardware(tmp_path / ("x" * 200))
