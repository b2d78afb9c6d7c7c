"""The custodian's private key, which alone opens recordings. It is kept away from badges and from the evidence server."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.keys.errors import KeysError
from agent.keys.secret_file import read_secret
from center.evidence.errors import EvidenceError

_LIMIT = 8192


class CustodianKeyError(EvidenceError):
    """The custodian's key cannot be used."""

    exit_code = 2


def load(path: Path) -> EllipticCurvePrivateKey:
    """Read the key: P-256, PKCS#8 or SEC 1 in PEM, mode 0600, not encrypted.

    Raises:
        CustodianKeyError: it cannot be read, others may read it, or it is no such key.
    """
    try:
        key = load_pem_private_key(read_secret(str(path), _LIMIT, "the custodian's key"), None)
    except KeysError as error:
        raise CustodianKeyError(str(error)) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CustodianKeyError(f"the custodian's key {path} is no unencrypted private key in PEM") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise CustodianKeyError(f"the custodian's key {path} is not on P-256")
    return key
