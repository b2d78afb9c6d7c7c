"""Whom the center trusts and who it is itself: roots, the identity in a certificate, and the key that signs receipts. From files."""

from collections.abc import Sequence
from pathlib import Path

from agent.keys.certificate import Certificate, read
from agent.keys.chain import load_roots, verify_chain
from agent.keys.credentials import check_leaf, load_chain
from agent.keys.errors import KeysError
from agent.keys.file import FileKey
from agent.keys.names import CENTER
from agent.keys.revocation import RevocationList
from center.config import Configuration
from center.errors import ConfigurationError
from center.files import read_limited

_ROOT_LIMIT = 65_536


def trusted_roots(paths: tuple[Path, ...]) -> tuple[Certificate, ...]:
    """The certificates of these root files.

    Raises:
        ConfigurationError: a file cannot be used.
    """
    roots: list[Certificate] = []
    for path in paths:
        try:
            roots += load_roots(read_limited(path, _ROOT_LIMIT, "the root certificate").decode("ascii", "replace"))
        except KeysError as error:
            raise ConfigurationError(f"the root certificate {path}: {error}") from None
    return tuple(roots)


def common_name(certificate: Path) -> str:
    """The identity of the first certificate in a PEM file: the MQTT client id that its holder may use.

    Raises:
        ConfigurationError: the file cannot be used, or names no identity.
    """
    try:
        leaf = read(load_chain(str(certificate))[0], "the certificate")
    except KeysError as error:
        raise ConfigurationError(f"{certificate}: {error}") from None
    if len(leaf.common_names) != 1:
        raise ConfigurationError(f"{certificate} has no common name: have one issued by your authority")
    return leaf.common_names[0]


def own_key(
    configuration: Configuration, roots: Sequence[Certificate], crls: Sequence[RevocationList], now_ms: int
) -> tuple[FileKey, list[bytes]]:
    """The center's key, and the chain of certificates that proves it.

    Raises:
        ConfigurationError: a file cannot be used, or the chain proves no center of this name.
    """
    try:
        key = FileKey.load(str(configuration.key))
        chain = load_chain(str(configuration.certificate))
        check_leaf(chain, key.public_der, str(configuration.certificate))
        verify_chain(chain, roots, now_ms, crls, role=CENTER, identity=configuration.id)
    except KeysError as error:
        raise ConfigurationError(f"[center] certificate and key: {error}") from None
    return key, chain
