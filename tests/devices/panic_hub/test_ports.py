"""The bus of one port: a module that has its port to itself is asked again at once, whatever became of its answer."""

from devices.panic_hub.ports import port_bus
from devices.panic_hub.scan import exchange_ms
from devices.panic_hub.settings import Module
from devices.sensors.modbus import BAUD
from devices.sensors.serial_line import Opened


def test_a_lost_answer_of_a_module_alone_costs_its_time_and_no_more() -> None:
    now = [0]
    sent: list[int] = []
    bus = port_bus([Module("module-1", "/dev/a", 1, 8)], 115_200, 5, lambda _data: sent.append(now[0]), 0)
    bus.take(Opened(0))
    for now[0] in range(1, 100):
        bus.tick(now[0])
    timeout_ms = 2 * exchange_ms(8, 115_200, 5)
    assert sent == [1 + timeout_ms * number for number in range(5)]


def test_a_slow_line_gives_a_module_the_time_that_its_answer_takes() -> None:
    now = [0]
    sent: list[int] = []
    bus = port_bus([Module("module-1", "/dev/a", 1, 8)], BAUD, 5, lambda _data: sent.append(now[0]), 0)
    bus.take(Opened(0))
    for now[0] in range(1, 200):
        bus.tick(now[0])
    assert sent[1] - sent[0] == 2 * exchange_ms(8, BAUD, 5) > 60
