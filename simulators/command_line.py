"""What the commands of simulations have in common: a folder that is gone afterwards, and how they end."""

import asyncio
import contextlib
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Iterator

import click

from simulators.errors import SimulatorError


@contextlib.contextmanager
def workplace() -> Iterator[pathlib.Path]:
    """A folder with a short path, removed in the end. SIGTERM ends as Ctrl-C does, so that it is removed then too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dabyl-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def carry_out(command: click.Command, argv: list[str]) -> int:
    """Run a command line after the command's own name; the exit code."""
    name = command.name
    try:
        code = command.main(args=argv, prog_name=name, standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except SimulatorError as error:
        click.echo(f"{name}: {error}", err=True)
        return 3
    except (KeyboardInterrupt, click.Abort, asyncio.CancelledError):
        click.echo(f"{name}: stopped", err=True)
        return 130
    return int(code or 0)
