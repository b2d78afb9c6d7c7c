"""The agent's press over each provisioned broker: from the finger over verification to the lamp that shows the signed receipt."""

from simulators.gpio.hardware import MAINS, TAMPER, Hardware
from simulators.site import BUTTON_PIN, SUPPLY_PIN, TAMPER_PIN
from tests.integration.processes import Process
from tests.provisioning.brokers.conftest import Yard


def test_a_press_is_receipted(yard: Yard) -> None:
    device = yard.site.devices["sos-0001"]
    board = Hardware(device.board, contacts={TAMPER_PIN: TAMPER, SUPPLY_PIN: MAINS}, seed=1)
    center = Process("center", yard.site.center("--log", "json"))
    agent = Process("agent", device.agent("--log", "trace"), device.environment)
    try:
        center.wait_said(what="connected")
        agent.wait_said(stage="link", up=True)
        agent.wait_said(stage="input", name="button")
        board.press(BUTTON_PIN)
        sealed = agent.wait_said(stage="sealed", type="alarm.raised")
        agent.wait_said(stage="receipt", boot=sealed["boot"], seq=sealed["seq"], state=1)
        agent.wait_said(stage="output", name="lamp", pattern="received")
    finally:
        agent.destroy()
        center.destroy()
        board.close()
