"""How the center's commands end: each ending has its exit code and its sentence, whatever happens inside."""

import os
import subprocess
import sys

import click
import pytest

from agent.keys.errors import KeyFileError
from center.command_line import carry_out
from center.errors import DatabaseFullError


def ended(end: BaseException | None, *, error_code: int | None = None) -> int:
    @click.command()
    def command() -> None:
        if end is not None:
            raise end

    return carry_out(command, "dabyl some", [], stopped=7, error_code=error_code)


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (None, 0, ""),
        (SystemExit(5), 5, ""),
        (SystemExit("text"), 1, ""),
        (click.UsageError("not so"), 2, "not so"),
        (DatabaseFullError("no room; make some"), 3, "error: no room; make some"),
        (KeyFileError("no key"), 2, "error: no key"),
        (KeyboardInterrupt(), 7, ""),
        (click.Abort(), 7, ""),
        (ValueError("unthought of"), 1, "error: dabyl some failed: ValueError: unthought of; please report this"),
    ],
)
def test_each_ending_has_its_code_and_its_sentence(
    end: BaseException | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(end) == code
    heard = capsys.readouterr().err
    assert said in heard if said else not heard.strip()
    assert "Traceback" not in heard


def test_a_verifier_keeps_the_code_of_not_proven_for_what_is_not_proven() -> None:
    assert ended(DatabaseFullError("no room"), error_code=2) == 2


TALKS = """
import sys, click
from center.command_line import carry_out

@click.command()
def command():
    for _ in range(100_000):
        click.echo("all is well")

sys.exit(carry_out(command, "dabyl some", [], stopped=7))
"""


def test_a_reader_who_has_enough_ends_it_quietly() -> None:
    reads, writes = os.pipe()
    with subprocess.Popen([sys.executable, "-c", TALKS], stdout=writes, stderr=subprocess.PIPE) as talker:
        os.close(writes)
        os.read(reads, 10)
        os.close(reads)
        assert talker.stderr is not None
        assert talker.stderr.read() == b""
    assert talker.returncode == 1


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    command = click.Command("some", help="What it does.")
    assert carry_out(command, "dabyl some", ["--help"], stopped=7) == 0
    assert "Usage: dabyl some" in capsys.readouterr().out
