"""What commands that run boards ask for alike."""

import pathlib

import click


def _whole(_context: click.Context, _option: click.Parameter, folder: pathlib.Path | None) -> pathlib.Path | None:
    if folder is not None and not (folder / "main.py").is_file():
        raise click.BadParameter(f"there is no main.py in {folder}: name the folder flash that scripts/firmware makes")
    return folder


BUNDLE = click.option(
    "--bundle",
    type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False),
    callback=_whole,
    help="Folder with the firmware, as it lies at the root of a board's flash; compiled from this tree if left out.",
)
