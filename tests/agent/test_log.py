"""One line per fact, and nobody has to listen."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from agent import log
from agent.log import Log

Told = Callable[[], list[str]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def lines() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return lines


def test_text_is_for_people(told: Told) -> None:
    out = Log()
    out.info("connected", broker="a:1", session=3)
    out.warning("slow")
    out.stage("sealed", seq=1)
    assert told() == ["dabyl: connected broker=a:1 session=3", "dabyl: slow"]


def test_the_systems_journal_learns_the_priority(told: Told) -> None:
    out = Log(journald=True)
    out.info("a")
    out.warning("b")
    out.error("c")
    assert told() == ["<6>dabyl: a", "<4>dabyl: b", "<3>dabyl: c"]


def test_json_is_for_programs(told: Told) -> None:
    out = Log(log.JSON)
    out.error("trouble", reason="no\nspace", extra=b"\x00")
    out.stage("sealed", seq=1)
    lines = told()
    assert [json.loads(line) for line in lines] == [
        {"level": "error", "message": "trouble", "reason": "no\nspace", "extra": "b'\\x00'"}
    ]


def test_trace_tells_each_stage_with_its_monotonic_time(told: Told) -> None:
    out = Log(log.TRACE)
    assert out.tracing
    out.stage("sealed", seq=1)
    out.stage("kept", seq=1)
    first, second = (json.loads(line) for line in told())
    assert (first["stage"], second["stage"]) == ("sealed", "kept")
    assert 0 < first["mono_ns"] <= second["mono_ns"]


@pytest.mark.parametrize("form", log.FORMATS)
def test_one_fact_is_one_line_whatever_it_holds(told: Told, form: str) -> None:
    Log(form).error("a\nb\r\x1b[31mc\u2028", name="x\ny")
    lines = told()
    assert len(lines) == 1
    assert "\x1b" not in lines[0]


class Gone(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("stream", [None, "closed", Gone()])
def test_nobody_has_to_listen(monkeypatch: pytest.MonkeyPatch, stream: object) -> None:
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    for form in log.FORMATS:
        Log(form).error("heard by nobody", n=1)
        Log(form).stage("sealed")


def test_a_process_started_without_stderr_goes_on() -> None:
    program = "from agent.log import Log; Log().error('x'); Log('trace').stage('y'); print('still here')"
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "still here\n"


def test_a_reader_that_has_stopped_reading_does_not_stop_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w", encoding="utf-8") as writer:
        monkeypatch.setattr(sys, "stderr", writer)
        log = Log()
        for number in range(20_000):  # far more than a pipe takes: this would wait for ever
            log.info("line", number=number)
        os.set_blocking(reader.fileno(), False)
        held = reader.read()
        assert held is not None
        log.info("afterwards")
        assert b"lines were left out, for nobody read them) dabyl: afterwards" in reader.read()
