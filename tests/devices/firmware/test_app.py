"""The firmware at work, on MicroPython with a machine that does nothing."""

from pathlib import Path

import pytest

from tests.devices.firmware.boards import MICROPYTHON
from tests.devices.firmware.conftest import printed

pytestmark = pytest.mark.micropython
HEAP = "640K"
"""A board's, and what compiling all of the firmware takes."""

BARE = """
import asyncio, sys

class Nothing:
    def __getattr__(self, name):
        return None

for name in ("machine", "network", "esp32"):
    sys.modules[name] = Nothing()

from devices.firmware import app

class Bare(app.Board):
    def __init__(self):
        pass

class Part:
    pass

"""
WATCHED = """
class Over(Exception):
    pass

fed = []
board = Bare()
board._schedule = Part()
board._schedule.now_ms = lambda: 0
board._started_ms = 0
board._watchdog = Part()
board._watchdog.feed = lambda: fed.append(board._link.behind_ms)
board._link = Part()
behind_ms = [0, app.STUCK_MS - 1, app.STUCK_MS, 10 * app.STUCK_MS, 0]

async def look():
    if not behind_ms:
        raise Over
    board._link.behind_ms = behind_ms.pop(0)

board._link.behind_ms = 1
board._look = look
try:
    asyncio.run(board._watch())
except Over:
    print(fed, app.STUCK_MS)
"""


AT_WORK = """
from agent.effects import EMIT
from devices import sos_button
from devices.firmware.inputs import Contact, Inputs

class Time:
    now = 1000
    due = None
    def now_ms(self):
        return self.now
    def at(self, due_ms, call):
        self.due = due_ms, call
        return self
    def cancel(self):
        self.due = None

class Pin:
    IRQ_RISING, IRQ_FALLING = 1, 2
    level = 0
    def value(self):
        return self.level
    def irq(self, handler, trigger):
        self.edge = handler

class Binding:
    def step(self, now_ms):
        pass
    def next_step_ms(self, now_ms):
        return None

board = Bare()
board._schedule = time = Time()
board._timer = None
board._stopped = False
board._log = Part()
board._log.tracing = False
board._binding = Binding()
board._logic = sos_button.make_logic({}, time.now)
said = []

def do(effect):
    if effect[0] == EMIT:
        said.append(effect[2:])
        board._carry_out(board._logic.sealed(effect[1], 1, len(said), time.now))

board._do = do
flag = Part()
flag.set = lambda: None
contacts = [Contact(name, Pin(), False) for name in ("button", "tamper")]
button, tamper = [contact.pin for contact in contacts]
board._hardware = inputs = Inputs(contacts, flag, time.now_ms, lambda ms: ms, time.now_ms, board._input)
inputs.listen()
inputs.start()

def moved(pin, level):
    pin.level = level
    pin.edge(pin)

"""
HELD = """
moved(button, 1)
inputs.look()
time.now += 100
inputs.look()
moved(button, 0)
inputs.look()
time.now += 200  # the processor is held, and the contact bounces once more as it opens
moved(button, 1)
moved(button, 0)
for _ in range(500):
    time.now += 1
    if time.due[0] <= time.now:
        time.due[1]()
    inputs.look()
print(said)
"""

CHATTERS = """
moved(button, 1)
inputs.look()
for n in range(500):
    time.now += 1
    moved(tamper, n & 1)
    if time.due[0] <= time.now:
        time.due[1]()
print(said)
"""

FELT = """
from devices.firmware.badge import Badge

class BareBadge(Badge):
    def __init__(self):
        pass

board = BareBadge()
board._felt_ms = -1
board._stopped = True
board._log = board._logic = Part()
board._log.tracing = False
board._logic.input = lambda name, value, time_ms: []
for name, value, time_ms in (("tamper", 1, -100), ("button", 0, 5), ("button", 1, -100), ("button", 0, 40)):
    board._input(name, value, time_ms)
    print(board._felt_ms)
"""


def test_the_watchdog_is_not_fed_while_the_link_makes_no_progress(tmp_path: Path) -> None:
    said = printed([str(MICROPYTHON), "-X", f"heapsize={HEAP}"], BARE + WATCHED, tmp_path / "board")
    assert said == "[1, 0, 59999, 0] 60000\n"


def test_a_press_whose_end_bounces_while_the_processor_is_held_counts_once(tmp_path: Path) -> None:
    said = printed([str(MICROPYTHON), "-X", f"heapsize={HEAP}"], BARE + AT_WORK + HELD, tmp_path / "board")
    assert said.count("alarm.raised") == 1
    assert "alarm.escalated" not in said


def test_a_contact_that_chatters_without_end_keeps_no_press_from_being_told(tmp_path: Path) -> None:
    said = printed([str(MICROPYTHON), "-X", f"heapsize={HEAP}"], BARE + AT_WORK + CHATTERS, tmp_path / "board")
    assert said.count("alarm.raised") == 1


def test_a_badge_knows_that_it_was_pressed_also_before_its_time_began(tmp_path: Path) -> None:
    said = printed([str(MICROPYTHON), "-X", f"heapsize={HEAP}"], BARE + FELT, tmp_path / "board")
    assert said.split() == ["-1", "-1", "0", "40"]
