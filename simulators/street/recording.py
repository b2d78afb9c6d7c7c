"""A recording of all that came to a controller, with the truth beside it, and its replay through fresh decoders and logic.

A gzip file of JSON lines. The first is an object: ``street`` the version of this format (2), ``plan`` and ``settings`` as they were, and
what else helps to make it again. Then one array for each arrival, ``[time_ms, line, "hex"]`` for bytes and ``[time_ms, pin, 0 or 1]`` for
levels, in the order of their times. The last is an object: ``truth``, as in ``simulators.street.truth``, and ``end_ms``.
"""

import dataclasses
import gzip
import json
import math
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from simulators.errors import SimulatorError
from simulators.street.controller import Controller
from simulators.street.rig import Said
from simulators.street.run import Run, reported
from simulators.street.truth import Call, Truth
from simulators.street.world import Plan

VERSION = 2
LINE_MAX = 16_000_000


class RecordingError(SimulatorError, ValueError):
    """A file is no recording of this version, or a damaged one. The message says which and where."""


def record(path: pathlib.Path, plan: Plan, settings: Mapping[str, object], until_ms: int) -> Run:
    """Run a street and keep what came to its controller in a new file."""
    with gzip.open(path, "wt", encoding="ascii", compresslevel=6) as file:

        def heard(now_ms: int, said: Said) -> None:
            value: object = said.data.hex() if said.data else int(said.level)
            file.write(json.dumps([now_ms, said.name, value], separators=(",", ":")) + "\n")

        head = {"street": VERSION, "plan": dataclasses.asdict(plan), "settings": dict(settings)}
        file.write(json.dumps(head) + "\n")
        run = Run(plan, settings, heard)
        run.until(until_ms)
        file.write(json.dumps({"truth": run.witness.truth.plain(), "end_ms": until_ms}) + "\n")
    return run


@dataclasses.dataclass(slots=True)
class Replayed:
    """What fresh decoders and logic made of a recording."""

    plan: Plan
    truth: Truth
    calls: list[Call]
    reports: list[tuple[int, int]] = dataclasses.field(default_factory=list)


def replay(path: pathlib.Path, **settings: object) -> Replayed:
    """Play a recording to a fresh controller; ``settings`` stand in place of the recorded ones.

    Raises:
        RecordingError: it is none, or damaged.
        OSError: the file cannot be read.
    """
    lines = _lines(path)
    head = next(lines, None)
    if not isinstance(head, dict) or head.get("street") != VERSION:
        raise RecordingError(f"{path} is no recording of a street in version {VERSION}: record it again")
    try:
        return _play(path, head, lines, settings)
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path} is damaged ({type(error).__name__}: {error}): record it again") from error


def _play(path: pathlib.Path, head: dict[str, Any], lines: Iterator[Any], settings: Mapping[str, object]) -> Replayed:
    made = Replayed(Plan(**head["plan"]), Truth(), [])

    def told(now_ms: int, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "crossing.started":
            made.calls.append(Call(data["by"], now_ms))
        elif kind == "crossing.ended":
            made.calls[-1].until_ms = now_ms
        elif kind == "violation.observed":
            made.reports.append(reported(now_ms, data))

    controller = Controller({**head["settings"], **settings}, lambda _line, _data: None, told)
    for line in lines:
        if isinstance(line, dict):
            _pass_time(controller, line["end_ms"])
            made.truth = Truth.of(line["truth"])
            return made
        now_ms, name, value = line
        _pass_time(controller, now_ms)
        said = Said(name, bytes.fromhex(value)) if isinstance(value, str) else Said(name, level=bool(value))
        controller.take(said, now_ms)
    raise RecordingError(f"{path} ends before its truth: the recording was cut short; record it again")


def _pass_time(controller: Controller, now_ms: int) -> None:
    while controller.due_ms < now_ms:
        due_ms = math.ceil(controller.due_ms)
        controller.tick(due_ms)
        if controller.beacon.due_ms <= due_ms:
            controller.beacon.step(due_ms)


def _lines(path: pathlib.Path) -> Iterator[Any]:
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            while line := file.readline(LINE_MAX):
                yield json.loads(line)
    except (gzip.BadGzipFile, EOFError, ValueError) as error:
        raise RecordingError(f"{path} is damaged ({error}): record it again") from error
