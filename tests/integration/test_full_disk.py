"""Disks that are full, limited or read-only: alarms go out, are kept as far as any disk can, and the device says what is wrong."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from center.continuity import declared_gaps
from simulators.gpio.physics import CLEAN
from simulators.site import BUTTON_PIN, TAMPER_PIN
from tests.integration.ground import Button, Ground
from tests.integration.processes import until

VOLATILE = 1 << 31
IN_TROUBLE = "the disk is in trouble; events are sent, but kept in memory only"
WELL = "the disk is well again"


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of its own for a folder, as only root can make one."""
    command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "dabyl-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk here: run the tests as root for this one")
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write until the disk takes no more."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def wait_health(button: Button, *, disk: bool) -> None:
    """Wait for a health report that names the disk's trouble, or none."""

    def told() -> bool:
        reports = button.events("health.report")
        return bool(reports) and ("disk" in reports[-1]["data"]) is disk

    until(told, f"health {'tells' if disk else 'no longer tells'} of the disk", button.agent)


def test_on_a_full_disk_alarms_go_out_and_the_trouble_is_told_until_it_is_over(ground: Ground) -> None:
    button = ground.button(heartbeat_s=5, settings={"alarm_window_s": 10})
    state = button.device.folder / "state"
    with small_disk(state, "2m"):
        agent = button.start()
        button.wait_verified({button.press_and_wait()})
        fill(state / "somebody-elses-log")
        opened = False

        def trouble() -> bool:
            """Events come until the page that the journal had begun is full."""
            nonlocal opened
            opened = not opened
            count = len(button.sealed("tamper."))
            button.board.tamper(TAMPER_PIN, opened=opened)
            until(lambda: len(button.sealed("tamper.")) > count, "the enclosure is told", agent)
            return bool(agent.said(message=IN_TROUBLE))

        until(trouble, "it says that the disk is full", agent)
        button.press()
        button.wait_presses_verified()
        button.wait_settled()
        button.wait_verified(set(button.sealed()))
        wait_health(button, disk=True)
        button.press()
        button.wait_presses_verified()
        (state / "somebody-elses-log").unlink()
        agent.wait_said(message=WELL)
        wait_health(button, disk=False)
        until(lambda: set(button.sealed()) <= button.kept(), "everything is kept", agent)
        button.kill()
        button.start()
        button.press()
        button.wait_presses_verified()
        button.agent.end()
    assert ground.verdict(button.name)["whole"]


def test_where_nothing_more_can_be_written_alarms_go_out_all_the_same(ground: Ground) -> None:
    button = ground.button(settings={"alarm_window_s": 10})
    agent = button.start()
    button.wait_verified({button.press_and_wait()})
    before = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    button.press()
    agent.wait_said(message=IN_TROUBLE)
    for _ in range(3):  # whatever the disk says, and not only before it has said it
        button.wait_presses_verified()
        button.wait_settled()
        button.press()
    button.wait_presses_verified()
    button.wait_settled()
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, before)
    agent.wait_said(message=WELL)
    until(lambda: set(button.sealed()) <= button.kept(), "everything is kept", agent)
    button.wait_verified(set(button.sealed()))
    assert ground.verdict(button.name)["whole"]


def test_what_waited_in_memory_for_the_disk_is_kept_once_it_is_well_and_outlives_the_agent(ground: Ground) -> None:
    button = ground.button()
    agent = button.start()
    button.wait_verified({button.press_and_wait()})
    ground.site.broker.stop()
    try:
        before = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        button.press_and_wait()
        agent.wait_said(message=IN_TROUBLE)
        button.board.tamper(TAMPER_PIN, opened=True)
        until(lambda: button.sealed("tamper."), "the enclosure is told", agent)
        made = set(button.sealed())
        assert not made <= button.kept()
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, before)
        agent.wait_said(message=WELL)
        until(lambda: made <= button.kept(), "everything is kept", agent)
        button.kill()
    finally:
        ground.site.broker.start()
    button.start()
    button.wait_verified(made)
    assert ground.verdict(button.name)["whole"]


def test_with_a_read_only_disk_it_starts_under_a_volatile_boot_and_the_alarm_arrives(ground: Ground) -> None:
    button = ground.button()
    state = button.device.folder / "state"
    with small_disk(state, "2m"):
        button.start()
        button.press_and_wait()
        button.wait_settled()
        button.agent.end()
        button.start()
        assert button.sealed()[-1][0] < VOLATILE, "with a state it counts its boots"
        button.wait_verified(set(button.sealed()))
        button.agent.end()
        subprocess.run(["/bin/mount", "-o", "remount,ro", str(state)], check=True)
        boots = set()
        for _ in range(2):
            button.start()
            button.agent.wait_said(message=IN_TROUBLE)
            boot, _seq = button.press_and_wait()
            assert boot >= VOLATILE
            boots.add(boot)
            button.wait_presses_verified()
            button.wait_lamp("received")
            button.wait_verified(set(button.sealed()))
            button.agent.end()
        assert len(boots) == 2, "nobody can tell two boots of one number apart"
        assert ground.incidents(button.name) == []


def test_a_journal_that_is_full_gives_up_telemetry_says_which_and_never_an_alarm(ground: Ground) -> None:
    button = ground.button(
        kind="benchmarks.burst_kind",
        settings={"burst": 250, "type": "count.told", "every_ms": 50},
        more="[journal]\nmax_mb = 1\n",
    )
    ground.site.broker.stop()
    try:
        button.start(linked=False)
        for number in range(1, 31):  # one after the other: what a disk that cannot keep up costs is another matter
            button.board.press(BUTTON_PIN, bounce=CLEAN)
            until(lambda number=number: len(button.sealed("count.")) >= 250 * number, "counts", button.agent)  # type: ignore[misc]  # bound now
            button.board.wait_quiet()
            made = set(button.sealed())
            until(lambda made=made: made <= button.kept(), "they are kept", button.agent)  # type: ignore[misc]  # as above
            if button.sealed("journal.gap"):
                break
        assert button.sealed("journal.gap"), "the journal gives something up, and says so"
        until(lambda: len(button.sealed("alarm.")) > 20, "alarms go on", button.agent)
        declared = set(button.sealed("journal.gap"))
    finally:
        ground.site.broker.start()
    made = set(button.sealed())

    def whole() -> bool:
        """Whether everything of the outage has come or was declared."""
        (boot,) = ground.verdict(button.name)["boots"]
        return bool(boot["whole"]) and boot["present"][-1][1] >= max(seq for _, seq in made)

    button.wait_verified(set(button.sealed("alarm.")))
    until(whole, "the chain is whole in spite of the gaps", button.agent, ground.center_process, timeout_s=60)
    (boot,) = ground.verdict(button.name)["boots"]
    given_up = {(boot["boot"], seq) for first, last in boot["declared"] for seq in range(first, last + 1)}
    assert len(given_up) > 100
    assert given_up <= set(button.sealed("count.") + button.sealed("health.")), "telemetry, and nothing else"
    button.wait_verified(made - given_up)
    unsent = {
        (gap.boot, number)
        for one in ground.stored(button.name)
        if (one.boot, one.seq) in declared
        for gap in declared_gaps(one)
        for number in range(gap.first, gap.last + 1)
    }
    assert unsent, "what was given up during the outage"
    assert not unsent & set(button.verified()), "nothing is called given up that was still there to be sent"
    assert max(button.verified().values()) == 1
