"""A complete identity in a directory, for simulators and tests: acts as the device, makes its key there and asks for a certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from provisioning.authority.authority import LEAF_DAYS, Authority, Issued
from provisioning.authority.state_files import make_directory, replace_public


@dataclass(frozen=True)
class IdentityFiles:
    """Where the parts are: private key (0600), chain (leaf first), trusted root; and what was issued."""

    key: Path
    chain: Path
    root: Path
    issued: Issued


def make_identity(
    directory: Path,
    authority: Authority,
    role: str,
    identity: str,
    now_ms: int,
    *,
    days: int = LEAF_DAYS,
    hosts: Sequence[str] = (),
) -> IdentityFiles:
    """Make a key, have it certified, and lay out ``key.pem``, ``chain.pem`` and ``root.pem`` in a new or empty directory.

    Raises:
        AuthorityError: as `Authority.issue`, or the directory cannot be written.
        KeysError: the identity breaks the naming rule, or the key cannot be written.
    """
    make_directory(directory)
    files = directory / "key.pem", directory / "chain.pem", directory / "root.pem"
    signer = FileKey.generate(str(files[0]))
    issued = authority.issue(role, certificate_request(signer, identity), identity, now_ms, days, hosts=hosts)
    replace_public(files[1], issued.chain_pem.encode("ascii"))
    replace_public(files[2], authority.root_pem.encode("ascii"))
    return IdentityFiles(*files, issued)
