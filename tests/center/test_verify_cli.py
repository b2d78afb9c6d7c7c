"""``dabyl verify``: captured messages are proven or refused with one word, and nothing that is read can make it stumble."""

import base64
import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from center import verify_cli
from tests.center.scripted import Device, Message, Pki

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def now_pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("now"), time.time_ns() // 1_000_000)


@pytest.fixture
def sos(now_pki: Pki) -> Device:
    return now_pki.device(f"sos-{len(now_pki.issued):04}")


@pytest.fixture
def run(now_pki: Pki, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str, crl: bool = False) -> tuple[int, str, str]:
        code = verify_cli.main(
            ["--root", str(now_pki.root), *(["--crl", str(now_pki.crl)] if crl else []), *map(str, arguments)]
        )
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call


def line(message: Message, *, hexadecimal: bool = False) -> str:
    if hexadecimal:
        return json.dumps({"topic": message.topic, "payload_hex": message.envelope.hex()})
    return json.dumps({"topic": message.topic, "payload": base64.b64encode(message.envelope).decode()})


def test_a_capture_is_proven_whatever_its_order_and_form(run: Run, sos: Device, tmp_path: Path) -> None:
    made = [sos.press(), sos.event(), sos.press(), sos.event()]
    greeting = sos.greeting()
    lines = [line(made[2]), "", line(made[0], hexadecimal=True), line(greeting), line(made[3])]
    lines.append(json.dumps({"topic": made[1].topic, "payload": made[1].envelope.hex(), "tst": "2026", "qos": 1}))
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join(lines) + "\n")
    code, out, _ = run(str(file))
    assert code == 0, out
    assert out.count(": proven: ") == 5
    assert f"chain of {sos.name}: whole" in out


def test_raw_files_need_no_topic(run: Run, sos: Device, tmp_path: Path) -> None:
    names = []
    for number, message in enumerate([sos.press(), sos.event(), sos.greeting()]):
        names.append(tmp_path / f"{number}.cose")
        names[-1].write_bytes(message.envelope)
    assert run(*names)[0] == 0


def test_a_certificate_file_stands_in_for_a_presence(run: Run, sos: Device, now_pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "press.cose").write_bytes(sos.press().envelope)
    code, out, _ = run(str(tmp_path / "press.cose"))
    assert (code, "refused unknown-key" in out) == (1, True)
    assert run("--cert", str(now_pki.directory / f"{sos.name}.pem"), str(tmp_path / "press.cose"))[0] == 0


def test_one_altered_message_among_many_is_found(run: Run, sos: Device, tmp_path: Path) -> None:
    made = [sos.greeting(), *(sos.event() for _ in range(5))]
    made[3].envelope = made[3].envelope[:-1] + bytes([made[3].envelope[-1] ^ 1])
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join(line(message) for message in made))
    code, out, _ = run("--json", str(file))
    told = [json.loads(one) for one in out.splitlines()]
    assert code == 1
    assert [one["verdict"] for one in told[:6]] == ["proven"] * 3 + ["forged"] + ["proven"] * 2
    assert told[6]["boots"][0]["missing"] == [[3, 3]]


def test_a_message_that_was_left_out_is_noticed_but_a_capture_may_begin_in_the_middle(
    run: Run, sos: Device, tmp_path: Path
) -> None:
    made = [sos.event() for _ in range(6)]
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join(map(line, [sos.greeting(), *made[2:]])))
    code, out, _ = run(str(file))
    assert (code, "sound, but does not begin at the beginning" in out) == (0, True)
    file.write_text("\n".join(map(line, [sos.greeting(), *made[2:4], made[5]])))
    code, out, _ = run(str(file))
    assert (code, "missing (5, 5)" in out) == (1, True)


def test_a_cloned_device_is_found(run: Run, sos: Device, tmp_path: Path) -> None:
    first = sos.press()
    assert first.made is not None
    first.made.data = {"level": "another"}
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join(map(line, [sos.greeting(), first, sos.sealed(first.made)])))
    code, out, _ = run(str(file))
    assert (code, "two events at 1" in out) == (1, True)


def test_a_revoked_device_proves_nothing(run: Run, sos: Device, now_pki: Pki, tmp_path: Path) -> None:
    now_pki.revoke(sos.name)
    file = tmp_path / "capture.jsonl"
    file.write_text(line(sos.greeting()))
    assert "refused revoked" in run(str(file), crl=True)[1]


def test_standard_input_is_a_dash(run: Run, sos: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(map(line, [sos.press(), sos.greeting()])).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run("-")[0] == 0


@pytest.mark.parametrize(
    "contents",
    [b"", b"\n\n", b"\xd2", b"{", b"[" * 100_000, b'{"topic":1}', b'{"topic":"a/b"}', b'{"topic":"a","payload":"%%"}',
     b'{"topic":"a","payload_hex":"zz"}', b"\xff" * 5000, b"x" * 400_000, b"\xd2\x84" + bytes(100_000)],
    ids=range(12),
)  # fmt: skip
def test_nonsense_is_not_proven_and_ends_in_a_sentence(run: Run, tmp_path: Path, contents: bytes) -> None:
    file = tmp_path / "nonsense"
    file.write_bytes(contents)
    assert run(str(file))[0] == 1


def test_random_damage_never_ends_in_a_traceback(run: Run, sos: Device, tmp_path: Path) -> None:
    draw = random.Random(3)
    whole = "\n".join(map(line, [sos.greeting(), sos.press(), sos.event()])).encode()
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        (tmp_path / "damaged").write_bytes(bytes(damaged))
        assert run(str(tmp_path / "damaged"))[0] in (0, 1)


def test_wrong_usage_ends_with_two(run: Run, tmp_path: Path, now_pki: Pki) -> None:
    assert run()[0] == 2
    assert run("--no-such-option", "x")[0] == 2
    assert run(str(tmp_path / "none"))[0] == 2
    assert run(str(tmp_path))[0] == 2
    (tmp_path / "root").write_text("no root")
    assert verify_cli.main(["--root", str(tmp_path / "root"), str(now_pki.root)]) == 2
