"""How the commands of simulations end, and that nothing of theirs stays behind."""

import asyncio
import os
import pathlib
import signal

import click
import pytest

from simulators.command_line import carry_out, workplace
from simulators.errors import DemoError


def ended(end: BaseException | int | None) -> int:
    @click.command(name="dabyl some")
    def command() -> int | None:
        if isinstance(end, BaseException):
            raise end
        return end

    return carry_out(command, [])


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (None, 0, ""),
        (1, 1, ""),
        (click.UsageError("not so"), 2, "Error: not so"),
        (DemoError("the center ended"), 3, "dabyl some: the center ended"),
        (KeyboardInterrupt(), 130, "dabyl some: stopped"),
        (asyncio.CancelledError(), 130, "dabyl some: stopped"),
    ],
)
def test_each_ending_has_its_code_and_its_sentence(
    end: BaseException | int | None, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(end) == code
    assert said in capsys.readouterr().err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert carry_out(click.Command("dabyl some", help="What it does."), ["--help"]) == 0
    assert "Usage: dabyl some" in capsys.readouterr().out


def test_the_workplace_is_gone_afterwards_also_where_it_was_ended() -> None:
    before = signal.getsignal(signal.SIGTERM)
    made: list[pathlib.Path] = []

    def work() -> None:
        with workplace() as folder:
            made.append(folder)
            (folder / "file").write_text("of the site")
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not made[0].exists()
