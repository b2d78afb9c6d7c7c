"""A key file and its certificate's, replaced together by a new pair that waits beside them (``.new``), so that no moment is without one.

A new key is made beside the old one; its certificate follows; when both are there the pair *waits*. Taking it moves the key, then the
certificate. Whoever falls between the two is finished by `settle` at the next start: the key is in its place, and the certificate that
waits belongs to it.
"""

import contextlib
import fcntl
import os

from agent.keys import credentials
from agent.keys.errors import CredentialsError, KeysError, SecretFileError
from agent.keys.file import KEY_LIMIT, FileKey
from agent.keys.secret_file import read_secret, sync_directory, write_secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def new(path: str) -> str:
    """Where what will replace ``path`` waits."""
    return path + ".new"


@contextlib.contextmanager
def held(key: str) -> "Iterator[None]":
    """Nobody else changes the pair meanwhile.

    Raises:
        SecretFileError: somebody does already, or the folder is not there.
    """
    folder = os.path.dirname(key) or "."
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SecretFileError(
            f"the folder of the key, {folder}, cannot be opened: {error.strerror}; make it first"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SecretFileError(f"another enrolment is at work in {folder}: wait until it has ended") from None
        yield
    finally:
        os.close(descriptor)


def waits(key: str, certificate: str) -> bool:
    """Whether a whole new pair waits."""
    return os.path.exists(new(key)) and os.path.exists(new(certificate))


def fresh_key(key: str) -> FileKey:
    """The new key that waits, made now if there is none.

    Raises:
        KeysError: it cannot be made or read.
    """
    if os.path.exists(new(key)):
        try:
            return FileKey.load(new(key))
        except KeysError:  # a fall while it was written
            os.unlink(new(key))
    return FileKey.generate(new(key))


def same_key(key: str) -> FileKey:
    """The key that there is, waiting as the new one, too: what it has signed is believed again with a new certificate.

    Raises:
        KeysError: it cannot be read or copied.
    """
    contents = read_secret(key, KEY_LIMIT, "the private key")
    found = FileKey.load(key)
    if os.path.exists(new(key)):
        os.unlink(new(key))
    write_secret(new(key), contents, "the private key")
    return found


def keep_certificate(certificate: str, chain_pem: str) -> None:
    """The chain of the new key waits beside it from now on, whole and durable.

    Raises:
        CredentialsError: the disk refuses.
    """
    replace_certificate(new(certificate), chain_pem)


def replace_certificate(path: str, chain_pem: str) -> None:
    """Put a chain into a file, whole and durable, in the place of what is there.

    Raises:
        CredentialsError: the disk refuses.
    """
    half = path + ".half"
    try:
        with open(half, "w", encoding="ascii") as file:
            file.write(chain_pem)
            file.flush()
            os.fsync(file.fileno())
        _move(half, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(half)
        raise CredentialsError(f"{path} cannot be written: {error.strerror}; check space and owner") from None


def take(key: str, certificate: str) -> None:
    """Put the pair that waits in the place of the old one.

    Raises:
        CredentialsError: the disk refuses; `settle` finishes what was begun.
    """
    try:
        _move(new(key), key)
        _move(new(certificate), certificate)
    except OSError as error:
        raise CredentialsError(f"{key} cannot be replaced: {error.strerror}; check owner and mount options") from None


def drop(key: str, certificate: str) -> None:
    """Throw away what waits."""
    for path in (new(certificate), new(key)):
        with contextlib.suppress(OSError):
            os.unlink(path)


def settle(key: str, certificate: str) -> bool:
    """Finish the taking of a pair in which somebody fell; whether there was one. Changes nothing otherwise, is quiet where it cannot."""
    if os.path.exists(new(key)) or not os.path.exists(new(certificate)):
        return False
    try:
        chain = credentials.load_chain(new(certificate))
        credentials.check_leaf(chain, FileKey.load(key).public_der, new(certificate))
        _move(new(certificate), certificate)
    except (KeysError, OSError):
        return False
    return True


def _move(source: str, target: str) -> None:
    os.replace(source, target)
    sync_directory(os.path.dirname(target) or ".")
