"""The name under which a directory of revocation lists holds a list: the hash of its issuer, as OpenSSL and Erlang compute it."""

import hashlib

from cryptography import x509
from cryptography.x509.oid import NameOID

from provisioning.brokers.errors import BrokerFilesError

_UTF8 = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)


def hashed_name(crl_pem: bytes) -> str:
    """``6f4a1e2b.r0`` for a revocation list.

    Raises:
        BrokerFilesError: no revocation list, or its issuer's name has parts that Dabyl's authority never writes.
    """
    try:
        issuer = x509.load_pem_x509_crl(crl_pem).issuer
    except ValueError:
        raise BrokerFilesError("the revocation list is not one in PEM: take the authority's crl.pem") from None
    if any(attribute.oid not in _UTF8 for attribute in issuer):
        raise BrokerFilesError(
            f"the revocation list's issuer {issuer.rfc4514_string()!r} is not one of Dabyl's authority"
        )
    # Canonical: lower case, single spaces, UTF8String, without the outer header.
    canonical = x509.Name(
        [x509.NameAttribute(one.oid, " ".join(str(one.value).split()).lower()) for one in issuer]
    ).public_bytes()
    header = 2 if canonical[1] < 0x80 else 2 + (canonical[1] & 0x7F)
    digest = hashlib.sha1(canonical[header:], usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}.r0"
