# ruff: noqa: INP001, T201, E501  a script beside its output; one case a line
"""Makes the test vectors of the wire contract: ``python docs/wire/vectors/make.py``. The same bytes each time."""

import json
from pathlib import Path

from bad_messages import refused_envelopes, refused_payloads
from certificates import certificate_cases
from evidence_receipts import evidence_cases
from good_messages import (
    AT,
    BADGE,
    DESK,
    DEVICE,
    ORDER_TO_TEST,
    SOS,
    STRANGER,
    TABLE_OF,
    TABLES,
    Case,
    accepted,
    an_event,
    diagnostic,
)

from agent.wire import cbor, chain, command, event, topics

HERE = Path(__file__).resolve().parent


def cbor_cases() -> Case:
    """Encodings that are the one encoding of their value, and encodings that are not."""
    good = (
        "00 01 17 1818 18ff 190100 19ffff 1a00010000 1affffffff 1b0000000100000000 1bffffffffffffffff 20 37 3818 38ff 390100 3affffffff "
        "3bffffffffffffffff 40 4100 60 6161 62d0b6 63e282ac 64f09f9880 80 8101 820102 a0 a10102 a1206161 a3010020006161f6 "
        "f4 f5 f6 83f4f5f6 a261620162616102"
    )
    listed = [
        *good.split(),
        "81" * 12 + "00",
        "a16161" * 12 + "00",
        "5818" + "00" * 24,
        "7818" + "61" * 24,
        "63efbfbf",
        "64f48fbfbf",
        "62c280",
        "63efbbbf",
        "a1695f5f70726f746f5f5f01",
    ]
    bad = {
        "": "no bytes", "1800": "24 not needed", "1817": "24 not needed", "190017": "not shortest", "1900ff": "not shortest",
        "1a0000ffff": "not shortest", "1b00000000ffffffff": "not shortest", "3817": "not shortest", "3900ff": "not shortest",
        "5800": "not shortest", "580100": "not shortest", "7800": "not shortest", "780161": "not shortest", "9800": "not shortest",
        "b800": "not shortest", "1c": "reserved head", "1d": "reserved head", "1e": "reserved head", "3c": "reserved head",
        "1f": "reserved head", "5f4101ff": "indefinite bytes", "7f6161ff": "indefinite text", "9f01ff": "indefinite array",
        "bf616101ff": "indefinite map", "ff": "break alone", "f90000": "float", "fa00000000": "float", "fb0000000000000000": "float",
        "f97e00": "not a number", "e0": "simple value", "f3": "simple value", "f7": "undefined", "f820": "simple value", "fc": "reserved",
        "c000": "tag", "c11a514b67b0": "tag 1, a time", "c249010000000000000000": "tag 2, a big integer", "d8184100": "tag 24", "d9d9f700": "tag",
        "d81c80": "tag 28, shared", "d9010280": "tag 258, a set", "8181c100": "tag inside", "0000": "bytes after", "a0a0": "bytes after",
        "18": "cut", "1900": "cut", "1a000000": "cut", "1b00000000000000": "cut", "41": "cut", "4200": "cut", "6261": "cut", "81": "cut",
        "8201": "cut", "a1": "cut", "a101": "cut", "a16161": "cut", "5bffffffffffffffff": "huge", "7bffffffffffffffff": "huge",
        "9bffffffffffffffff": "huge", "bbffffffffffffffff": "huge", "5affffffff00": "huge", "9affffffff00": "huge",
        "a2616201616102": "keys not in order", "a2616101616102": "key twice", "a201000100": "key twice", "a26161010102": "integer after text",
        "a220000100": "negative before positive", "a262616101616202": "longer key first", "a1410101": "byte string as key",
        "a18001": "array as key", "a1a001": "map as key", "a1f501": "boolean as key", "a1f601": "null as key", "a1f9000001": "float as key",
        "a1180101": "key not shortest", "a178016101": "key not shortest", "61ff": "UTF-8", "6180": "UTF-8", "61c3": "UTF-8 cut",
        "62c328": "UTF-8", "62c080": "UTF-8 longer form", "63e08080": "UTF-8 longer form", "64f0808080": "UTF-8 longer form",
        "63eda080": "UTF-8 surrogate", "66eda080edb080": "UTF-8 surrogate pair", "64f4908080": "UTF-8 past the last code point",
        "65f888808080": "UTF-8 of five bytes", "64f09f9828": "UTF-8", "a161ff01": "UTF-8 in a key", "a162c08001": "UTF-8 in a key",
        "81" * 13 + "00": "nested too deep", "a16161" * 13 + "00": "nested too deep", "81" * 5000: "nested too deep",
    }  # fmt: skip
    return {
        "accepted": [{"hex": item, "diagnostic": diagnostic(cbor.loads(bytes.fromhex(item)))} for item in listed],
        "refused": [{"hex": item, "why": why} for item, why in bad.items()],
    }


def chain_cases() -> Case:
    """A device's first three boots, a forgotten tail in the second; and the numbers of new boots."""
    steps: list[Case] = []

    def walk(boot: int, prev: bytes, kinds: list[tuple[str, dict[str, object]]]) -> list[bytes]:
        links = [prev]
        for seq, (kind, data) in enumerate(kinds, 1):
            payload = an_event(kind, data, boot=boot, seq=seq, prev=links[-1], at=AT + len(steps)).encode()
            links.append(chain.link(payload))
            steps.append(
                {"boot": boot, "seq": seq, "prev": links[-2].hex(), "payload": payload.hex(), "link": links[-1].hex()}
            )
        return links

    volatile = chain.VOLATILE | 0x1234567
    first = walk(
        volatile, chain.ZERO, [("device.reset", {"version": "0.1.0", "last": None}), ("test.passed", {"by": "user"})]
    )
    second = walk(1, first[-1], [
        ("device.booted", {"version": "0.1.0", "cause": "restart", "last": [volatile, 2, first[-1]]}),
        ("alarm.raised", {"level": "sos", "age_ms": 30, "silent": False, "tamper": False}),
        ("alarm.escalated", {"alarm": [1, 2], "count": 2, "exact": True}),
    ])  # fmt: skip
    walk(2, second[2], [("device.booted", {"version": "0.1.0", "cause": "power", "last": [1, 2, second[2]]})])
    boots = []
    for last, floor, draw in (
        (0, None, 5),
        (0, None, 2**32 - 1),
        (0, 0, 5),
        (0, 7, 5),
        (7, None, 5),
        (7, 0, 5),
        (7, 9, 5),
        (9, 7, 5),
    ):
        boots.append({"last_regular": last, "floor": floor, "draw": draw, "boot": chain.next_boot(last, floor, draw)})
    return {
        "note": "(1, 3) is the unkept tail: the device lost power before it was kept, and goes on from (1, 2).",
        "events": steps,
        "next_boot": boots,
    }


def refusals() -> list[Case]:
    """Whether a genuine command is carried out. ``command`` has n 12, issued at AT, good for 3600 s."""
    end = AT + 3_600_000
    table: list[tuple[int, int | None]] = [
        (0, AT),
        (11, AT),
        (12, AT),
        (13, AT),
        (12, None),
        (11, None),
        (11, end),
        (11, end + 1),
        (11, 0),
    ]
    return [
        {"last_n": last, "now_ms": now, "refusal": command.refusal(ORDER_TO_TEST, last, now)} for last, now in table
    ]


def topic_cases() -> Case:
    """Topics with the device and class in their last two levels, and topics without."""
    good = [
        "dabyl/v1/sos-0001/alarm",
        "city/north/dabyl/v1/sos-0001/event",
        "abc/presence",
        "x/abc/receipt",
        f"dabyl/v1/{'a' * 63}/command",
        "/abc/alarm",
    ]
    bad = [
        "",
        "alarm",
        "/alarm",
        "ab/alarm",
        "a" * 64 + "/alarm",
        "-ab/alarm",
        "ABC/alarm",
        "abc/Alarm",
        "abc/alarm/",
        "abc/will",
        "abc/alarm/x",
        "a+c/alarm",
        "#/alarm",
        "жжж/alarm",
        "sos-0001\n/alarm",
        "sos-0001/alarm\n",
    ]
    kinds = {
        "alarm": 0,
        "alarm.raised": 0,
        "alarms.raised": 1,
        "health.report": 2,
        "count.hourly": 2,
        "counter.x": 1,
        "state.alarm": 1,
        "test.passed": 1,
    }
    for kind, rank in kinds.items():
        assert event.rank_of(kind) == rank
    return {
        "accepted": [{"topic": t, "device": topics.split(t)[0], "leaf": topics.split(t)[1]} for t in good],
        "refused": bad,
        "types": [
            {
                "type": kind,
                "rank": rank,
                "leaf": topics.leaf_of(kind),
                "verified_topic": topics.verified_topic(DEVICE, kind),
            }
            for kind, rank in kinds.items()
        ],
    }


def keys() -> Case:
    """The keys, private halves too: they sign nothing but these vectors."""
    return {
        "warning": "TEST KEYS. Anyone can derive them: scalar = SHA-256('dabyl test vectors only: ' + name) mod n. Never trust them.",
        "keys": [
            {"name": k.name, "scalar": f"{k.scalar:064x}", "spki": k.spki.hex(), "kid": k.kid.hex()}
            for k in (SOS, BADGE, DESK, STRANGER)
        ],
        "tables": {name: [key.name for key in members] for name, members in TABLES.items()},
        "table_of_class": TABLE_OF,
    }


def vectors() -> dict[str, object]:
    """Each file's content by its name."""
    return {
        "keys.json": keys(),
        "messages.json": accepted(),
        "messages-refused.json": refused_envelopes(),
        "payloads-refused.json": refused_payloads(),
        "cbor.json": cbor_cases(),
        "chain.json": chain_cases(),
        "commands.json": {"command": ORDER_TO_TEST.encode().hex(), "cases": refusals()},
        "topics.json": topic_cases(),
        "evidence.json": evidence_cases(),
        "certificates.json": certificate_cases(),
    }


def text_of(content: object) -> str:
    """One case a line, so that a change shows as a change of its case."""
    if isinstance(content, list):
        return "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in content) + "\n]\n"
    assert isinstance(content, dict)
    blocks = []
    for name, item in content.items():
        body = text_of(item).rstrip("\n") if isinstance(item, list) else json.dumps(item, ensure_ascii=False)
        blocks.append(f"{json.dumps(name)}: {body}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    for file_name, made in vectors().items():
        (HERE / file_name).write_text(text_of(made), encoding="utf-8")
        print(f"{file_name}: {len(text_of(made))} characters")
