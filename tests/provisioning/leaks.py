"""Looks for secrets where they must not be: in files that others may read, in temporary files, in logs, in what was said."""

import base64
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from agent.keys import pem

MARK = b"PRIVATE KEY-----"


def keys_of(*folders: Path) -> dict[Path, bytes]:
    """The scalar of each unencrypted P-256 key (PKCS#8) in these folders."""
    found = {}
    for file in _files(folders):
        content = file.read_bytes()
        if content.startswith(b"-----BEGIN PRIVATE"):
            found[file] = pem.blocks(content.decode("ascii"), 1)[0][1][36:68]
    return found


def open_to_others(*folders: Path) -> list[Path]:
    """Files with a private key, encrypted or not, that group or others may touch."""
    return [file for file in _files(folders) if MARK in file.read_bytes() and stat.S_IMODE(file.stat().st_mode) & 0o077]


def leaks(secrets: Mapping[Path, bytes] | Collection[bytes], folders: Iterable[Path], said: str = "") -> list[str]:
    """Where a secret stands beside its own file: as it is, in hexadecimal, in base64 at any of its three places."""
    owned = secrets.items() if isinstance(secrets, Mapping) else [(Path(), secret) for secret in secrets]
    forms = [(own, form) for own, secret in owned for form in _forms(secret)]
    contents = [(str(file), file, file.read_bytes()) for file in _files(folders)] + [
        ("said", Path("said"), said.encode())
    ]
    return [
        f"{name}: {form[:12]!r}"
        for name, file, content in contents
        for own, form in forms
        if file != own and form in content
    ]


def _forms(secret: bytes) -> list[bytes]:
    bases = [base64.b64encode(bytes(shift) + secret)[(0, 4, 4)[shift] : -4] for shift in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *bases]


def _files(folders: Iterable[Path]) -> list[Path]:
    return [file for folder in folders for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
