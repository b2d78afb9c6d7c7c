"""``dabyl evidence``: verify recordings from files and a root certificate, without any server, and show what was found.

Exit codes: 0 all is proven; 1 something is not; 2 usage, or a file that cannot be used. Never a traceback, whatever is read.
"""

# ruff: noqa: D301  click keeps the lines of a paragraph apart where it finds a \b
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from center.command_line import carry_out
from center.errors import ConfigurationError
from center.evidence import custodian, picture, report
from center.evidence.clip import verify_clip
from center.evidence.export_cli import chain_of_custody, credentials, export
from center.evidence.recording import Recording, folders, load
from center.evidence.timeline import Verdict
from center.evidence.trust import Trust
from center.evidence.verify import verify_folder
from center.identity import trusted_roots
from center.service import load_crls

_KEY_IN_FOLDER = "custodian.key.pem"


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """What verify and show take both."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--manifests", type=path, help="For a clip: the exported folder of its recording."),
        click.option("--custodian-key", "key", type=path, help="Private key that opens the recording, PEM."),
        click.option("--crl", "crls", multiple=True, type=path, help="Revocation list, PEM."),
        click.option("--root", "roots", multiple=True, required=True, type=path, help="Trusted root, PEM."),
        click.argument("source", type=path),
    ):
        command = option(command)
    return command


@click.group(name="dabyl evidence")
def _group() -> None:
    """Recordings as evidence: what is proven, altered or missing, second by second."""


@_group.command(epilog="\b\nExit codes: 0 all proven, 1 something is not, 2 usage or a file that cannot be used.")
@_common
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def verify(as_json: bool, **given: Any) -> None:
    """Verify an exported folder of recordings, or a video file.

    \b
    dabyl evidence verify DIR --root DIR/root.pem --custodian-key custodian.key.pem
    dabyl evidence verify clip.mp4 --root root.pem --manifests DIR
    """
    verdicts = _verdicts(**given)
    if as_json:
        click.echo(json.dumps(report.as_json(verdicts), indent=1, ensure_ascii=False))
    else:
        for line in report.as_text(verdicts):
            click.echo(line)
    sys.exit(0 if report.all_proven(verdicts) else 1)


@_group.command(epilog="\b\nExit codes as of verify: the picture is made whatever the verdict.")
@_common
@click.option("--png", type=click.Path(path_type=Path), help="Write the timeline as a picture.")
@click.option("--html", type=click.Path(path_type=Path), help="Write the timeline as a page.")
def show(png: Path | None, html: Path | None, **given: Any) -> None:
    """Show the timeline of an exported folder of recordings, or of a video file.

    \b
    dabyl evidence show DIR --root DIR/root.pem --png timeline.png --html timeline.html
    """
    if png is None and html is None:
        raise click.UsageError("say where to: --png FILE, --html FILE, or both")
    verdicts = _verdicts(**given)
    for path, draw in ((png, picture.png), (html, picture.html)):
        if path is not None:
            try:
                path.write_bytes(draw(verdicts))
            except OSError as error:
                raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
            click.echo(f"{path} written")
    sys.exit(0 if report.all_proven(verdicts) else 1)


_group.add_command(export, "export")
_group.add_command(credentials, "credentials")
_group.add_command(chain_of_custody, "custody")


def main(argv: list[str]) -> int:
    """Run ``dabyl evidence`` with these arguments; returns the exit code. Never raises, never shows a traceback."""
    return carry_out(_group, "dabyl evidence", argv, stopped=1, error_code=2)


def _verdicts(
    source: Path, roots: tuple[Path, ...], crls: tuple[Path, ...], key: Path | None, manifests: Path | None
) -> list[Verdict]:
    trust = Trust(trusted_roots(roots), load_crls(crls), time.time_ns() // 1_000_000)
    if not source.is_dir():
        if not source.exists():
            raise ConfigurationError(f"{source} is not there")
        recordings: list[Recording] = []
        if manifests is not None:
            recordings = [load(folder, trust) for folder in folders(manifests)]
        return [verify_clip(source, trust, recordings)]
    if manifests is not None:
        raise click.UsageError("--manifests is for a clip; a folder has its own")
    found = source / _KEY_IN_FOLDER
    if key is None and found.exists():
        key = found
    return list(verify_folder(source, trust, None if key is None else custodian.load(key)))
