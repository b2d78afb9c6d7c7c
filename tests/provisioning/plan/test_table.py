"""Tables as people send them: read, or refused with every problem's row and column, and nothing touched."""

import contextlib
import pathlib
import random

import pytest
from openpyxl import Workbook

from provisioning.addresses import Addressing, networks
from provisioning.errors import InputError
from provisioning.inventory.record import DHCP
from provisioning.plan.check import MAX_PROBLEMS, TableError, read

KINDS = ("panic-button", "sos-button")
GOOD = "name,kind,room\nsos-1,sos-button,1\nsos-2,panic-button,Спортзал\n"


def table(folder: pathlib.Path, text: str | bytes) -> pathlib.Path:
    file = folder / "devices.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def problems(folder: pathlib.Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(TableError) as caught:
        read(table(folder, text), KINDS)
    return [(one.row, one.column, one.key) for one in caught.value.problems]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace(",", ";").replace("\n", "\r\n").encode(),
        GOOD.replace(",", "\t").encode(),
        ("\ufeff" + GOOD).encode("utf-16-le"),
        ("\n\n" + GOOD.replace("name", " Name ")).encode(),
        b'name,kind,room\nsos-1,sos-button,1\n,,\n"sos-2","panic-button","\xd0\xa1\xd0\xbf\xd0\xbe\xd1\x80\xd1\x82\xd0\xb7\xd0\xb0\xd0\xbb"\n',
    ],
)
def test_every_way_in_which_spreadsheets_save_a_table_is_read(tmp_path: pathlib.Path, content: bytes) -> None:
    first, second = read(table(tmp_path, content), KINDS)
    assert (first.name, first.kind, first.place.room) == ("sos-1", "sos-button", "1")
    assert (second.name, second.place.room) == ("sos-2", "Спортзал")


def test_an_xlsx_is_read_and_whole_numbers_lose_their_fraction(tmp_path: pathlib.Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["name", "kind", "building", "floor", "room", "latitude", "longitude"])
    sheet.append(["sos-1", "sos-button", "Әуезов мектебі", 2.0, 212, 43.2389, 76.8897])
    file = tmp_path / "devices.xlsx"
    book.save(file)
    (device,) = read(file, KINDS)
    assert (device.place.floor, device.place.room, device.place.building) == ("2", "212", "Әуезов мектебі")
    assert device.place.latitude == 43.2389


def test_degrees_with_a_comma_are_degrees(tmp_path: pathlib.Path) -> None:
    text = "name;kind;room;latitude;longitude\nsos-1;sos-button;1;43,2389;76,8897\n"
    assert read(table(tmp_path, text), KINDS)[0].place.longitude == 76.8897


def test_every_problem_of_every_row_is_named_at_once(tmp_path: pathlib.Path) -> None:
    text = (
        "name;kind;room;serial;latitude;longitude;district\n"
        "sos-1;sos-button;;aa;;;\n"
        "sos-1;bell;=1+1;aa;north;1;\n"
        "Имя;sos-button;2;;91;1;район\n"
        ";;3;;;;\n"
        "sos-2;sos-button;4;;1;;\n"
    )
    assert problems(tmp_path, text) == [
        (2, "room", "empty"),
        (3, "name", "twice"), (3, "serial", "twice"), (3, "kind", "unknown-kind"), (3, "latitude", "number"), (3, "room", "formula"),
        (4, "district", "code"), (4, "latitude", "degrees"), (4, "name", "name"),
        (5, "name", "empty"), (5, "kind", "empty"),
        (6, "longitude", "half-position"),
    ]  # fmt: skip


def test_columns_that_are_missing_unknown_or_double_are_named(tmp_path: pathlib.Path) -> None:
    assert problems(tmp_path, "name,room,room,colour\na-1,1,1,red\n") == [
        (1, "room", "duplicate-column"),
        (1, "colour", "unknown-column"),
        (1, "kind", "missing"),
    ]
    assert problems(tmp_path, "") == [(1, "name", "empty-table")]
    assert problems(tmp_path, "name,kind,room\n") == [(1, "name", "empty-table")]


def test_a_table_of_errors_ends_with_a_bounded_list(tmp_path: pathlib.Path) -> None:
    found = problems(tmp_path, "name,kind,room\n" + "x,y,\n" * 1000)
    assert MAX_PROBLEMS <= len(found) < MAX_PROBLEMS + 10


def test_the_row_is_the_one_that_a_person_sees_when_a_cell_has_lines(tmp_path: pathlib.Path) -> None:
    assert problems(tmp_path, 'name,kind,room\nsos-1,sos-button,"a\nb"\nsos-2,bell,1\n') == [
        (2, "room", "words"),
        (4, "kind", "unknown-kind"),
    ]


def test_addresses_are_checked_against_the_networks_and_one_another(tmp_path: pathlib.Path) -> None:
    school = {"ssid": "school", "netmask": "255.255.255.0", "gateway": "10.1.2.1"}
    text = (
        "name;kind;room;address\n"
        "sos-1;sos-button;1;10.1.2.7\n"
        "sos-2;sos-button;2;10.1.2.7\n"
        "sos-3;sos-button;;10.1.2\n"
        "sos-4;sos-button;=4;10.1.3.4\n"
        "sos-5;sos-button;5;10.1.2.1\n"
        "cross-1;crosswalk;6;10.1.2.8\n"
        "sos-7;bell;7;10.1.2.9\n"
        "sos-8;sos-button;8;\n"
    )
    file = table(tmp_path, text)
    with pytest.raises(TableError) as caught:
        read(file, (*KINDS, "crosswalk"), Addressing(networks([school], ""), KINDS))
    assert [(one.row, one.column, one.key) for one in caught.value.problems] == [
        (3, "address", "twice"),
        (4, "room", "empty"), (4, "address", "address"),
        (5, "room", "formula"), (5, "address", "address-outside"),
        (6, "address", "address-reserved"),
        (7, "address", "address-linux"),
        (8, "kind", "unknown-kind"),
    ]  # fmt: skip
    assert "row 3, address: 10.1.2.7 stands in row 2 already" in str(caught.value)
    with pytest.raises(TableError) as caught:
        read(
            table(tmp_path, GOOD.replace("room", "room,address").replace("1\n", "1,10.1.2.7\n")),
            KINDS,
            Addressing((), KINDS),
        )
    assert [one.key for one in caught.value.problems] == ["address-dhcp"]


def test_good_addresses_are_read_and_may_be_left_out(tmp_path: pathlib.Path) -> None:
    school = {"ssid": "school", "netmask": "255.255.255.0", "gateway": "10.1.2.1"}
    text = "name;kind;room;address\nsos-1;sos-button;1;10.1.2.7\nsos-2;sos-button;2;\ncross-1;crosswalk;3;\n"
    text += "sos-4;sos-button;4;DHCP\nsos-5;sos-button;5;dhcp\n"
    known = Addressing(networks([school], ""), KINDS)
    devices = read(table(tmp_path, text), (*KINDS, "crosswalk"), known)
    assert [one.address for one in devices] == ["10.1.2.7", "", "", DHCP, DHCP]
    assert read(table(tmp_path, text), (*KINDS, "crosswalk")) == devices, "also where the networks are not known yet"


@pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b"name\xff\xfe\xfa", b'name,"kind\n', b"\x00" * 50])
def test_what_is_no_table_is_refused(tmp_path: pathlib.Path, content: bytes) -> None:
    with pytest.raises(InputError):
        read(table(tmp_path, content), KINDS)


def test_an_xlsx_that_is_none_is_told_so(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "devices.xlsx"
    file.write_bytes(GOOD.encode())
    with pytest.raises(InputError, match="it is no XLSX"):
        read(file, KINDS)


def test_rubbish_ends_in_devices_or_in_our_errors(tmp_path: pathlib.Path) -> None:
    seeded = random.Random(6)
    good = GOOD.encode()
    for _ in range(300):
        rubbish = bytearray(good)
        for _ in range(seeded.randrange(1, 8)):
            rubbish[seeded.randrange(len(rubbish))] = seeded.randrange(256)
        with contextlib.suppress(InputError):
            assert read(table(tmp_path, bytes(rubbish)), KINDS)
