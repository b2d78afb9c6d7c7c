"""The authority's files: private keys (PKCS#8, 0600, optionally under a passphrase) and public files replaced atomically.

Everything is on the disk when a call returns. A private key file is never overwritten.
"""

import contextlib
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from agent.durable import PUBLIC, replace_file
from agent.keys.errors import SecretFileError, SecretUnwrittenError
from agent.keys.secret_file import read_secret, write_secret
from provisioning.authority.errors import (
    AuthorityAbsentError,
    AuthorityDiskError,
    AuthorityStateError,
    PassphraseError,
)

_KEY_LIMIT = 8192


def make_directory(directory: Path) -> None:
    """An empty directory of mode 0700, whatever the umask.

    Raises:
        AuthorityStateError: it exists and is not empty, or cannot be made.
    """
    try:
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700, parents=True)
            directory.chmod(0o700)
        if any(directory.iterdir()):
            raise AuthorityStateError(
                f"{directory} is not empty: choose a new directory, an authority is never overwritten"
            )
        directory.chmod(0o700)
    except OSError as error:
        raise AuthorityStateError(f"{directory} cannot be made: {error.strerror}") from None


def save_key(path: Path, key: EllipticCurvePrivateKey, passphrase: str | None) -> None:
    """Keep a private key in a new file of mode 0600.

    Raises:
        AuthorityStateError: the file exists or cannot be written.
        PassphraseError: the passphrase is empty or too long.
    """
    protection: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        protection = BestAvailableEncryption(_passphrase_bytes(passphrase))
    contents = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    try:
        write_secret(str(path), contents, "the authority's key")
    except SecretUnwrittenError as error:
        raise AuthorityDiskError(str(error), path, error.error) from None
    except SecretFileError as error:
        raise AuthorityStateError(str(error)) from None


def load_key(path: Path, passphrase: str | None) -> EllipticCurvePrivateKey:
    """Read a private key.

    Raises:
        AuthorityStateError: missing, open to others, damaged or not P-256.
        PassphraseError: wrong, missing, or given for a key without one.
    """
    try:
        contents = read_secret(str(path), _KEY_LIMIT, "the authority's key")
    except SecretFileError as error:
        raise AuthorityStateError(str(error)) from None
    encrypted = b"BEGIN ENCRYPTED PRIVATE KEY" in contents
    if encrypted and passphrase is None:
        raise PassphraseError(f"{path} is protected by a passphrase: give it with --passphrase-file")
    if not encrypted and passphrase is not None:
        raise PassphraseError(f"{path} has no passphrase: leave out --passphrase-file")
    try:
        key = load_pem_private_key(contents, None if passphrase is None else _passphrase_bytes(passphrase))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if encrypted:
            raise PassphraseError(f"{path}: the passphrase is wrong, or the file is damaged") from None
        raise AuthorityStateError(f"{path} is damaged: restore the authority's directory from its backup") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise AuthorityStateError(f"{path} is not a P-256 key")
    return key


def replace_public(path: Path, contents: bytes) -> None:
    """Replace a public file (mode 0644) in one step: readers see the old contents or the new, never a part.

    Raises:
        AuthorityStateError: it cannot be written.
    """
    try:
        replace_file(str(path), contents, PUBLIC)
    except OSError as error:
        raise AuthorityDiskError(
            f"{path} cannot be written: {error.strerror}; check space and permissions", file=path, error=error
        ) from None


def read_public(path: Path, limit: int) -> str:
    """The text of a public file.

    Raises:
        AuthorityStateError: missing, unreadable, longer than ``limit`` bytes or not ASCII.
    """
    try:
        with path.open("rb") as file:
            contents = file.read(limit + 1)
        text = contents.decode("ascii")
    except FileNotFoundError:
        raise AuthorityAbsentError(
            f"{path} does not exist: this is no authority's directory, make one with `dabyl authority init`",
            folder=path.parent,
        ) from None
    except OSError as error:
        raise AuthorityStateError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AuthorityStateError(f"{path} is damaged: restore the authority's directory from its backup") from None
    if len(contents) > limit:
        raise AuthorityStateError(f"{path} is longer than {limit} bytes: this is the wrong file")
    return text


def _passphrase_bytes(passphrase: str) -> bytes:
    encoded = passphrase.encode("utf-8")
    if not 1 <= len(encoded) <= 1023:  # OpenSSL's limit
        raise PassphraseError("a passphrase has 1 to 1023 bytes")
    return encoded
