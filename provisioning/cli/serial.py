"""``dabyl provision serial``: one board at the end of a cable, from blank to its first verified press."""

import dataclasses
import json
import time
from pathlib import Path

import click

from provisioning.addresses import network_of
from provisioning.bench import opened
from provisioning.cable.enrolment import PRESS_S, Bench, enrol
from provisioning.cable.flashing import flash
from provisioning.cable.ports import the_board
from provisioning.cable.prompt import Prompt
from provisioning.cli.common import BUNDLE, FILE, Telling, common, passphrase
from provisioning.errors import InputError
from provisioning.inventory.errors import UnknownDeviceError
from provisioning.inventory.record import DHCP, PLACE_FIELDS, Device, Place
from provisioning.messages import text


@click.command(
    epilog="\b\n"
    "Examples:\n"
    "  dabyl provision serial sos-017 --kind sos-button --building 'School 5' --room 212\n"
    "  dabyl provision serial sos-017                    a device of the inventory, or one that was interrupted\n"
    "  dabyl provision serial sos-017 --flash ESP32_GENERIC.bin\n"
    "  dabyl provision serial sos-017 --replace          another board for a device whose board broke\n"
    "\b\n"
    "Whatever interrupts it, run it again: it goes on where it was.\n"
    "Exit codes: 0 pressed and verified, 2 not, and the text says what to do.\n"
)
@click.argument("name")
@click.option("--port", help="Serial port of the board.  [default: the only one there is]")
@click.option("--flash", "image", type=FILE, help="Write this MicroPython onto the board first (esptool).")
@click.option("--kind", help="Kind of device, if it is not in the inventory yet.")
@click.option("--site", default="", help="Where it will hang: site.")
@click.option("--building", default="", help="Building.")
@click.option("--floor", default="", help="Floor.")
@click.option("--room", default="", help="Room.")
@click.option("--address", default="", help="Its fixed IPv4 address; dhcp: none any more.")
@click.option("--replace", is_flag=True, help="The board, or the name, was another's so far: revoke that.")
@click.option("--press-wait", type=click.IntRange(1, 86400), default=int(PRESS_S), show_default=True, help="Seconds.")
@BUNDLE
@common
def serial(
    name: str,
    port: str | None,
    image: Path | None,
    kind: str | None,
    site: str,
    building: str,
    floor: str,
    room: str,
    address: str,
    replace: bool,
    press_wait: int,
    bundle: Path | None,
    installation: Path,
    passphrase_file: Path | None,
    as_json: bool,
    language: str | None,
) -> None:
    """Enrol one board over its USB cable.

    Finds the board, puts MicroPython on it if asked, copies the firmware, has the board make its key, certifies it, reads everything
    back, starts it, and waits for the first press as the center has verified it.
    """
    telling = Telling(language)
    began = time.monotonic()
    with opened(installation, passphrase(passphrase_file), bundle=bundle, press_s=press_wait) as (bench, firmware):
        place = Place(site=site, building=building, floor=floor, room=room)
        device = planned(bench, name, kind, place, address)
        files = firmware(device.kind)
        telling.step("find")
        port = port or the_board()
        if image is not None:
            telling.step("flash")
            flash(port, image)
        with Prompt(port) as prompt:
            press = enrol(
                bench,
                files,
                name,
                prompt,
                telling,
                lambda: click.echo(text(telling.language, "guide.press", name=name), err=True),
                replace=replace,
            )
        device = bench.inventory.get(name)
    found = {
        "name": name,
        "state": device.state,
        "serial": device.serial,
        "seconds": round(time.monotonic() - began, 2),
        "first_press": dataclasses.asdict(press),
    }
    pressed = text(telling.language, "guide.pressed", seconds=press.seconds, name=name)
    click.echo(json.dumps(found, sort_keys=True) if as_json else pressed)


def planned(bench: Bench, name: str, kind: str | None, place: Place, address: str) -> Device:
    """The device of the inventory; planned now if a kind is given.

    Raises:
        InputError: it is not there, and nothing says what it is.
        RecordError: no device can have that address.
    """
    try:
        known = bench.inventory.get(name)
    except UnknownDeviceError:
        if kind is None:
            raise InputError("unknown-device", device=name) from None
        known = Device(name, kind, place=place, address=address)
    else:
        given = {field: getattr(place, field) or getattr(known.place, field) for field in PLACE_FIELDS}
        known = dataclasses.replace(
            known, kind=kind or known.kind, place=Place(**given), address=address or known.address
        )
    if known.address not in {"", DHCP}:
        network_of(bench.installation.networks, known.address)
    bench.inventory.plan([known], bench.now_ms(), move=True)
    return bench.inventory.get(name)
