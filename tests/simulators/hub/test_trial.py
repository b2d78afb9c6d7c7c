"""What a trial of a hub owes, and that it finds a press that was lost: real hubs are killed in an outage, and one loses its disk."""

import asyncio
import pathlib
import random
import shutil

import pytest

from devices.common.alarms import ESCALATION_GAP_MS, ESCALATIONS_AT_ONCE
from devices.sensors import modbus
from simulators.command_line import workplace
from simulators.hub import trial
from simulators.hub.module import CHANNELS, Module
from simulators.hub.rig import place
from simulators.hub.scene import DEVICE, Scene
from simulators.hub.trial import Press, through_ns, unseen, verified
from simulators.hub.wiring import Wiring
from simulators.running_site import LOOK_S

MS = 1_000_000
HELD_MS = 500
TRIES = 20
"""A busy machine may not look at one press; not at so many would be a defect."""


def pressed(zone: int, touched_ms: int, held_ms: float) -> Press:
    return Press(zone, touched_ms * MS, held_ms, alone=True)


def test_a_press_that_was_looked_at_once_is_unseen() -> None:
    looks = [[at_ms * MS for at_ms in (0, 20, 40, 60, 140, 160)]]
    presses = [pressed(0, 5, 60), pressed(1, 45, 60), pressed(2, 128, 60)]
    assert unseen(presses, looks) == [presses[1]]


@pytest.mark.parametrize(("rests_ms", "missed"), [((90, 110), 0), ((90,), 1), ((), 1)])
def test_a_button_that_nobody_saw_let_go_is_held_on(rests_ms: tuple[int, ...], missed: int) -> None:
    looks = [[at_ms * MS for at_ms in (20, 40, *rests_ms, 140, 160)]]
    presses = [pressed(0, 5, 60), pressed(0, 120, 60)]
    assert unseen(presses, looks) == presses[2 - missed :]
    assert unseen([pressed(1, 5, 60), pressed(0, 120, 60)], looks) == []


def test_what_was_heard_late_belongs_to_its_own_question() -> None:
    module = Module()
    for channel in range(CHANNELS):
        module.wire(channel, Wiring(random.Random(channel)))
    told = []
    for at_ms in (10.0, 30.0, 50.0):
        answer = module.answer(modbus.read_registers(1, 0, CHANNELS), at_ms)
        assert answer is not None
        told.append(answer.registers)
    assert module.asked_for([0] * CHANNELS) is None
    assert [module.asked_for(told[index]) for index in (1, 0, 2)] == [30.0, None, 50.0]


def test_a_hub_is_through_when_it_has_looked_twice_since_and_kept_what_it_sealed(tmp_path: pathlib.Path) -> None:
    async def waited() -> list[bool]:
        scene = Scene(tmp_path, 1)
        scene.looks[0] += [5, 15]
        said = asyncio.create_task(scene.through(10))
        found = []

        async def look() -> None:
            await asyncio.sleep(2 * LOOK_S)
            found.append(said.done())

        await look()
        scene.follow({"stage": "written", "position": 3})
        await look()
        scene.looks[0].append(25)
        await look()
        scene.follow({"stage": "kept", "position": 2})
        await look()
        scene.follow({"stage": "kept", "position": 3})
        await said
        return found

    assert asyncio.run(waited()) == [False] * 4


def test_a_zone_that_was_hammered_has_told_all_before_the_hub_is_through() -> None:
    presses = [pressed(0, 1000 * number, 60) for number in range(ESCALATIONS_AT_ONCE)]
    assert through_ns([*presses, pressed(1, 30_000, 70)]) == 30_070 * MS
    assert through_ns([*presses, pressed(0, 30_000, 70)]) == (30_070 + ESCALATION_GAP_MS) * MS


def test_presses_are_owed_to_their_own_zone() -> None:
    def alarm(seq: int, zone: int) -> dict[str, object]:
        return {"type": "dabyl.alarm.raised", "dabylboot": 1, "dabylseq": seq, "data": place(zone)}

    assert verified([alarm(1, 0), alarm(2, 9), alarm(3, 9)]) == {0: 1, 9: 2}


@pytest.mark.mosquitto
@pytest.mark.parametrize("disk_lost", [False, True])
def test_a_killed_hub_owes_what_it_had_kept_and_its_loss_is_seen(
    disk_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "DRAINED_S", 2.0 if disk_lost else trial.DRAINED_S)

    async def told(folder: pathlib.Path) -> dict[str, object]:
        async with Scene(folder, 1, seed=1) as scene:
            await asyncio.to_thread(scene.site.broker.stop)
            done = trial.Done()
            for _ in range(TRIES):
                press = Press(0, scene.school.press(0, HELD_MS), HELD_MS, alone=True)
                done.presses.append(press)
                await scene.through(press.touched_ns + 2 * HELD_MS * MS)
                if len(done.presses) > len(unseen(done.presses, scene.looks)):
                    break
            else:
                pytest.fail("no press was looked at")
            await scene.kill()
            if disk_lost:
                state = scene.site.directory / DEVICE / "state"
                shutil.rmtree(state)
                state.mkdir(mode=0o700)
            await asyncio.to_thread(scene.site.broker.start)
            await scene.start()
            return await trial.concluded(scene, done)

    with workplace() as folder:
        found = asyncio.run(told(folder))
    assert found["lost"] == int(disk_lost)
