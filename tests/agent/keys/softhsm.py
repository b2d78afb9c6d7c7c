"""A SoftHSM token for a test: its own directory, its own configuration."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.keys.errors import HsmError
from agent.keys.hsm import module_path
from agent.keys.hsm_uri import HsmUri

_URI = "pkcs11:token=dabyl;object=device?module-name=softhsm2&pin-source=file:"


def softhsm_library() -> str | None:
    try:
        return module_path(HsmUri("pkcs11:token=t;object=o?module-name=softhsm2&pin-source=file:/nowhere"))
    except HsmError:
        return None


class Token:
    """A SoftHSM token in a directory of its own, that can be taken out and put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tokens = folder / "tokens"
        self.away = folder / "away"
        self.pin = folder / "pin"
        self.uri = f"{_URI}{self.pin}"

    def take_out(self) -> None:
        self.tokens.rename(self.away)
        self.tokens.mkdir()

    def put_back(self) -> None:
        self.tokens.rmdir()
        self.away.rename(self.tokens)

    def initialise(self) -> None:
        command = [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            "dabyl",
            "--so-pin",
            "567890",
            "--pin",
            "123456",
        ]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def initialised(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Token]:
    """A token with nothing in it; SoftHSM knows no other until the end."""
    made = Token(folder)
    made.tokens.mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {made.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    made.pin.write_text("123456\n")
    made.pin.chmod(0o600)
    made.initialise()
    import pkcs11  # noqa: PLC0415 - only where the library is there

    library = softhsm_library()
    assert library is not None
    pkcs11.lib(library).reinitialize()  # the library reads its configuration when it starts
    try:
        yield made
    finally:
        pkcs11.lib(library).finalize()
