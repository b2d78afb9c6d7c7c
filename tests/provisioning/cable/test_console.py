"""What a board's console says, as an installer needs it."""

import pytest

from provisioning.cable.console import Console
from provisioning.messages import text


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ("    50 error this board cannot work fault=keys reason=no /keys/device.der: enrol this board", "board-fault-keys"),
        ("   900 warning wifi not joined next=dabyl reason=wrong password retry_ms=1000", "device-wifi-password"),
        ("   900 warning wifi not joined next=dabyl reason=not in reach retry_ms=1000", "device-wifi-absent"),
        ("   900 warning wifi left next=dabyl reason=gone retry_ms=1000", "device-wifi"),
        ("  1000 warning no connection broker=b:1 reason=b: the name cannot be resolved retry_ms=1", "device-name"),
        ("  1000 warning no connection broker=b:1 reason=no connection: ECONNREFUSED retry_ms=1", "device-broker"),
        ("  1000 warning no connection broker=b:1 reason=no connection: the broker hung up retry_ms=1", "device-certificate"),
        (
            "  1000 warning no connection broker=b:1 reason=the broker refused the subscription: not authorized retry_ms=1",
            "device-acl",
        ),
        (
            "  1000 warning no connection broker=b:1 reason=the broker's certificate is not believed: has expired retry_ms=1",
            "device-clock",
        ),
    ],
)  # fmt: skip
def test_a_line_names_the_cause_and_its_text_has_all_that_it_names(line: str, trouble: str) -> None:
    console = Console()
    console.take([line])
    assert console.trouble == trouble
    assert console.hopeless == (trouble.startswith("board-fault-") or trouble == "device-acl")
    assert text("kk", f"error.{trouble}", device="sos-1", **console.facts)


def test_what_works_in_the_end_is_no_trouble() -> None:
    console = Console()
    console.take(["garbage", "   12 info started boot=1 device=a free=2"])
    assert console.reached == "started"
    console.take(
        [
            "  900 warning wifi not joined next=dabyl reason=not in reach retry_ms=1000",
            "   950 info wifi joined network=d",
        ]
    )
    assert (console.reached, console.trouble) == ("joined", "")
    console.take(["  999 info connected broker=b:1 session=1"])
    assert (console.reached, console.trouble) == ("connected", "")


def test_a_broker_that_lets_a_device_in_and_not_write_is_named() -> None:
    console = Console()
    console.take(["  999 info connected broker=b:1 session=1", " 1001 warning the broker refused a message code=0x97"])
    assert console.trouble == "", "a quota, say"
    console.take([" 1002 warning the broker refused a message code=0x87"])
    assert (console.reached, console.trouble, console.facts["broker"]) == ("connected", "device-acl", "b:1")
    console.take(["  999 info connected broker=b:1 session=1"])
    assert console.trouble == ""
