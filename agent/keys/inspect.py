"""The thorough check of a device's or center's certificates, for ``dabyl agent check``: everything that is wrong, as sentences.

Uses the same verification as the operations center, but does not stop at the first reason. Imports x509; never in the running agent.
"""

from collections.abc import Sequence

from agent.keys.chain import age_warnings, load_roots, problems, read_path
from agent.keys.errors import ChainError, RevocationListError
from agent.keys.revocation import load_lists


def examine(
    chain_ders: Sequence[bytes], roots_pem: str, role: str, identity: str, now_ms: int, crls_pem: str = ""
) -> list[str]:
    """All problems of a chain; an empty list means that a center that trusts these roots accepts it now.

    Args:
        chain_ders: the certificates, leaf first.
        roots_pem: the trusted roots.
        role: the role it must prove.
        identity: the identity it must prove.
        now_ms: milliseconds since 1970 UTC.
        crls_pem: revocation lists, or nothing.
    """
    try:
        path = read_path(chain_ders, load_roots(roots_pem))
        crls = load_lists(crls_pem)
    except (ChainError, RevocationListError) as error:
        return [str(error)]
    found = [str(problem) for problem in problems(path, now_ms, crls, role=role, identity=identity)]
    found.extend(age_warnings(path, now_ms, crls))
    return found
