"""How each command of the center ends: with a documented exit code, and a sentence where something is wrong. Never with a traceback."""

import click

from agent.keys.errors import KeysError
from center.errors import CenterError, ConfigurationError


def carry_out(
    command: click.Command, name: str, argv: list[str], *, stopped: int, error_code: int | None = None
) -> int:
    """Run a command line; the exit code.

    Args:
        command: what it means.
        name: what comes before ``argv``, for help and messages.
        argv: the arguments.
        stopped: the exit code of one that was stopped by Ctrl-C.
        error_code: that of the center's errors, if they have not each their own.
    """
    try:
        command.main(args=argv, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return stopped
    except CenterError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code if error_code is None else error_code
    except KeysError as error:
        click.echo(f"error: {error}", err=True)
        return ConfigurationError.exit_code
    except SystemExit as end:  # by click itself, too, where the reader of the output had enough
        return end.code if isinstance(end.code, int) else 1
    except Exception as error:  # noqa: BLE001  the last line of defence: a person gets a sentence, never a traceback
        click.echo(f"error: {name} failed: {type(error).__name__}: {str(error)[:300]}; please report this", err=True)
        return 1
    return 0
