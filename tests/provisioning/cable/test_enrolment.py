"""A board is enrolled over the cable; the cable is pulled at every step; boards and names that do not fit are refused."""

import contextlib
import dataclasses
import hashlib
import pathlib
import resource
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509

from provisioning.authority.errors import AuthorityStateError
from provisioning.batch import run
from provisioning.cable.board import Board, digest
from provisioning.cable.contents import Bundle
from provisioning.cable.enrolment import STEPS, enrol
from provisioning.cable.prompt import Prompt
from provisioning.errors import CableError, ContactError, InputError, ProvisionError, SetupError
from provisioning.inventory.errors import InventoryFileError, UnknownDeviceError
from provisioning.inventory.record import ENROLLED, PLANNED, VERIFIED, Device
from tests.provisioning.conftest import KIND, SILENCE_S, Steps, Works

pytestmark = pytest.mark.micropython


def on_board(works: Works, name: str, code: str) -> str:
    with Prompt(works.plug(name), silence_s=SILENCE_S) as prompt:
        return prompt.run(code)


def test_a_blank_board_becomes_a_device_whose_press_is_verified(works: Works) -> None:
    works.plan("sos-1")
    steps = Steps()
    press = works.enrol("sos-1", steps)
    assert tuple(steps.seen) == STEPS
    device = works.bench.inventory.get("sos-1")
    assert (device.state, device.serial) == (VERIFIED, hashlib.sha256(b"sos-1").hexdigest()[:12])
    assert list(device.certificates) == works.good("sos-1")
    assert press.event
    assert press.seq > 0
    lying = dict(
        line.split() for line in on_board(
            works, "sos-1", "import os\nfor f in os.listdir('/keys'):\n print(f,open('/keys/'+f,'rb').read().hex())"
        ).splitlines()
    )  # fmt: skip
    certificate = x509.load_der_x509_certificate(bytes.fromhex(lying["device.der"]))
    assert certificate.serial_number == device.certificates[0]
    # The private key is on the board and nowhere else: neither its bytes nor its number are in any file of the laptop.
    secret = bytes.fromhex(lying["device.key"])[:32]
    for file in works.layout.folder.rglob("*"):
        if file.is_file() and file.parent.name != "boards":
            content = file.read_bytes()
            assert secret not in content, file
            assert secret.hex().encode() not in content, file
    assert (
        on_board(works, "sos-1", "import os\nprint([f for f in os.listdir('/') if f.startswith('.')])").strip() == "[]"
    )
    again = Steps()
    works.enrol("sos-1", again)
    assert (steps.parts > 0, again.parts) == (True, 0)  # nothing goes over twice
    assert works.bench.inventory.get("sos-1").certificates == device.certificates


def test_the_cable_pulled_at_every_step_leaves_nothing_half_and_the_next_run_finishes(works: Works) -> None:
    works.plan("sos-2")
    for step in ("half", "certificate", "verify", "contact", "press"):
        with pytest.raises(ProvisionError) as caught:
            works.enrol("sos-2", Steps(step, works.pull))
        assert caught.value.key in {"cable-pulled", "no-answer", "port-shut"}, (step, caught.value)
        device = works.bench.inventory.get("sos-2")
        read_back = step in {"contact", "press"}
        assert device.state == (ENROLLED if read_back else PLANNED), step
        assert len(works.good("sos-2")) <= 1, step
        if step == "half":
            with Prompt(works.plug("sos-2"), silence_s=SILENCE_S) as prompt:
                there = Board(prompt).digests()
            whole = {path for path in there if path in works.bundle.files}
            assert all(there[path] == digest(works.bundle.files[path]) for path in whole)
            assert {path.removesuffix(".new") for path in there} > whole  # the one that was under way
    works.enrol("sos-2")
    device = works.bench.inventory.get("sos-2")
    assert device.state == VERIFIED
    assert list(device.certificates) == works.good("sos-2")
    assert len(works.bench.authority.register.of_identity("sos-2")) == 1  # one key from the first to the last run


def test_a_board_and_a_name_that_belong_to_others_are_refused_and_replaced_on_purpose(works: Works) -> None:
    for name in ("sos-3", "sos-4"):
        works.plan(name)
    works.enrol("sos-3")
    (old,) = works.good("sos-3")
    with pytest.raises(CableError, match="is sos-3 already") as caught:
        works.enrol("sos-4", board="sos-3")
    assert caught.value.key == "board-is-other"
    with pytest.raises(CableError) as caught:
        works.enrol("sos-3", board="sos-4")
    assert caught.value.key == "name-has-board"
    assert works.good("sos-3") == [old]
    works.enrol("sos-4", board="sos-3", replace=True)
    assert works.bench.inventory.get("sos-3").state == PLANNED
    assert works.good("sos-3") == []
    assert works.bench.inventory.get("sos-4").state == VERIFIED
    assert len(works.good("sos-4")) == 1


def test_a_board_that_owes_an_alarm_is_not_taken_from_its_name(works: Works) -> None:
    works.plan("sos-5")
    works.enrol("sos-5")

    async def press_unheard() -> None:
        board = works.workshop.board
        board.radio.down()
        await board.at_rest()  # two presses with less than the debounce time between them are one
        await board.press(32)
        await board.at_rest()

    works.loop.do(press_unheard())
    port = works.loop.do(works.workshop.plug("sos-5", KIND, points=()))  # or it would deliver it while it is opened
    with Prompt(port) as prompt, pytest.raises(CableError) as caught:
        enrol(works.bench, works.bundle, "sos-5", prompt, Steps(), works.press, replace=True)
    assert caught.value.key == "board-owes"
    assert caught.value.facts["alarms"] == 1
    assert len(works.good("sos-5")) == 1
    works.enrol("sos-5")  # which delivers it


def test_another_chip_and_another_micropython_are_told(works: Works) -> None:
    works.plan("sos-6")
    on_board(works, "sos-6", "with open('/boot.py','w') as f:\n f.write('import esp32\\ndel esp32.raw_temperature\\n')")
    with pytest.raises(CableError) as caught:
        works.enrol("sos-6")
    assert caught.value.key == "wrong-chip"
    on_board(works, "sos-6", "import os\nos.remove('/boot.py')")
    other = dataclasses.replace(works.bundle, mpy="5.0")
    with pytest.raises(CableError) as caught:
        dataclasses.replace(works, bundle=other).enrol("sos-6")
    assert caught.value.key == "micropython-mpy"
    with pytest.raises(InputError) as unfit:
        dataclasses.replace(works, bundle=dataclasses.replace(works.bundle, kinds=("panic-button",))).enrol("sos-6")
    assert unfit.value.key == "bundle-kind"
    assert works.bench.inventory.get("sos-6").serial == ""


def test_a_clock_that_went_back_and_a_name_that_nobody_planned_touch_nothing(works: Works) -> None:
    works.plan("sos-7")
    before = len(works.bench.authority.register.records())
    with pytest.raises(SetupError) as caught:
        works.enrol("sos-7", now_ms=lambda: works.bench.now_ms() - 3_600_000)
    assert caught.value.key == "clock-back"
    with pytest.raises(UnknownDeviceError):
        works.enrol("sos-nobody")
    assert len(works.bench.authority.register.records()) == before
    assert works.bench.inventory.get("sos-7").serial == ""


def test_a_flash_that_is_full_is_told_and_a_file_that_reads_back_wrong_is_found(works: Works) -> None:
    works.plan("sos-8")
    on_board(works, "sos-8", "with open('/big','wb') as f:\n for _ in range(1960):\n  f.write(bytes(1024))")
    with pytest.raises(CableError) as caught:
        works.enrol("sos-8")
    assert caught.value.key == "board-small"
    full = "with open('/more','wb') as f:\n while 1:\n  f.write(bytes(1024))"
    with pytest.raises(CableError) as caught:
        on_board(works, "sos-8", full)
    assert caught.value.key == "board-full"
    with Prompt(works.plug("sos-8"), silence_s=SILENCE_S) as prompt:
        prompt.run("import os\nos.remove('/big')\nos.remove('/more')\nwith open('/x','w') as f:\n f.write('a')")
        assert Board(prompt).differing({"/x": b"b", "/y": b""}) == ["/x", "/y"]
        assert Board(prompt).differing({"/x": b"a"}) == []
        worn = Steps("verify", lambda: prompt.run("with open('/keys/root.der','ab') as f:\n f.write('x')"))
        with pytest.raises(CableError) as caught:
            enrol(works.bench, works.bundle, "sos-8", prompt, worn, works.press)
    assert (caught.value.key, caught.value.facts["files"]) == ("board-differs", "/keys/root.der")
    assert works.bench.inventory.get("sos-8").state == PLANNED


def test_a_wifi_that_is_not_there_is_named_as_the_cause(works: Works) -> None:
    works.plan("sos-9")
    absent = dataclasses.replace(works.bench.installation, wifi=({"ssid": "elsewhere", "key": ""},))
    with pytest.raises(ContactError) as caught:
        works.enrol("sos-9", installation=absent, contact_s=4)
    assert caught.value.key == "device-wifi-absent"
    assert "elsewhere" in str(caught.value)
    assert works.bench.inventory.get("sos-9").state == ENROLLED


def test_only_a_press_of_this_device_is_a_press(works: Works) -> None:
    works.plan("sos-9")

    def open_the_enclosure() -> None:
        works.loop.do(works.workshop.board.release(33))

    began = works.bench.listener.now
    with pytest.raises(ContactError) as caught:
        works.enrol("sos-9", hand=open_the_enclosure, press_s=5)
    assert caught.value.key == "no-press"
    assert works.bench.inventory.get("sos-9").state == ENROLLED
    seen = works.bench.listener.wait(lambda event: event["type"] == "dabyl.tamper.opened", 0, since=began)
    assert seen is not None


def test_a_prompt_needs_a_port_with_a_board_at_it(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CableError) as caught:
        Prompt(str(tmp_path / "no-port"))
    assert caught.value.key == "port-shut"


@contextlib.contextmanager
def full_disk() -> Iterator[Callable[[], None]]:
    """What makes every disk of this process full, until the block ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_laptop_whose_disk_is_full_issues_nothing_half_and_the_next_run_finishes(works: Works) -> None:
    works.plan("sos-13")
    with full_disk() as fill, pytest.raises(AuthorityStateError):
        works.enrol("sos-13", Steps("certificate", fill))
    assert works.good("sos-13") == []
    with full_disk() as fill, pytest.raises(InventoryFileError):
        works.enrol("sos-13", Steps("verify", fill))
    assert works.bench.inventory.get("sos-13").state == PLANNED
    (issued,) = works.good("sos-13")
    works.enrol("sos-13")
    assert works.bench.inventory.get("sos-13").certificates == (issued,)
    assert works.good("sos-13") == [issued]


def test_a_batch_tries_a_board_twice_tells_what_failed_goes_on_and_leaves_alone_what_is_finished(works: Works) -> None:
    devices = [Device(name, KIND) for name in ("sos-14", "sos-15")]

    class Clumsy:
        """Finds no board for the first device, and pulls the cable of the second once."""

        pulled = 0

        def plug(self, device: Device) -> str:
            if device.name == "sos-14":
                raise CableError("no-board")
            return works.plug(device.name)

        def press(self, _device: Device) -> None:
            self.pulled += 1
            if self.pulled == 1:
                works.pull()
            works.press()

        def unplug(self, _device: Device) -> None:
            works.pull()

    told: list[str] = []
    first, second = run(
        works.bench, lambda _kind: works.bundle, devices, Clumsy(), Steps(), lambda outcome: told.append(outcome.name)
    )
    assert told == ["sos-14", "sos-15"]
    assert first.error is not None
    assert (first.registered, first.error.key, first.told("ru")["problem"]) == (False, "no-board", "no-board")
    assert "кабелем" in first.told("ru")["text"]
    assert (second.registered, second.resumed, second.error) == (True, False, None)
    assert second.told("en")["first_press"]["event"]

    class NoHands:
        """Whoever asks for a hand is wrong."""

        def plug(self, device: Device) -> str:
            raise AssertionError(device)

        def press(self, device: Device) -> None:
            raise AssertionError(device)

        def unplug(self, device: Device) -> None:
            raise AssertionError(device)

    def no_firmware(kind: str) -> Bundle:
        raise AssertionError(kind)

    (again,) = run(works.bench, no_firmware, devices[1:], NoHands(), Steps(), lambda _outcome: None)
    assert (again.registered, again.resumed, again.at_ms) == (True, False, second.at_ms)
