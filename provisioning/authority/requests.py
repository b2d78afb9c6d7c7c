"""Certificate signing requests (PKCS#10, RFC 2986) as the authority takes them: bytes in, a public key or a documented error out. Pure."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from agent.keys import p256, pem
from agent.keys.certificate import READ_ERRORS, check_signature_ends
from agent.keys.errors import PublicKeyError
from provisioning.authority.errors import RequestError

_LIMIT = 16384


def requested_key(text: str, identity: str) -> EllipticCurvePublicKey:
    """The public key of a request that was made for ``identity`` by the holder of that key.

    Extensions that the request asks for are ignored: the authority's profiles decide.

    Args:
        text: the request in PEM.
        identity: who the certificate will be for; the request must have it as its only common name.

    Raises:
        RequestError: not PEM or malformed, longer than 16 KiB, signature wrong, key not P-256, or another common name.
    """
    if len(text) > _LIMIT:
        raise RequestError(f"the request is longer than {_LIMIT} bytes")
    try:
        found = pem.blocks(text, 1)
    except ValueError as error:
        raise RequestError(f"the request is not PEM: {error}") from None
    if [label for label, _ in found] not in (["CERTIFICATE REQUEST"], ["NEW CERTIFICATE REQUEST"]):
        raise RequestError("the request must be one CERTIFICATE REQUEST block in PEM")
    try:
        request = x509.load_der_x509_csr(found[0][1])
        check_signature_ends(found[0][1], request.signature)
        return _checked(request, identity)
    except READ_ERRORS as error:
        raise RequestError(f"the request cannot be read: {str(error)[:200] or type(error).__name__}") from None


def serial_number_of(text: str) -> str:
    """The serial number of the board in the subject of a request that `requested_key` has accepted; empty if it has none.

    Raises:
        RequestError: it has several.
    """
    request = x509.load_der_x509_csr(pem.blocks(text, 1)[0][1])
    found = [str(attribute.value) for attribute in request.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    if len(found) > 1:
        raise RequestError("the request's subject has several serial numbers")
    return found[0] if found else ""


def _checked(request: x509.CertificateSigningRequest, identity: str) -> EllipticCurvePublicKey:
    key = request.public_key()
    if not isinstance(key, EllipticCurvePublicKey):
        raise RequestError(
            "the request's key is not P-256: make the key with `dabyl`, or with openssl genpkey and P-256"
        )
    try:
        key = p256.public_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except PublicKeyError as error:
        raise RequestError(f"the request's key: {error}") from None
    if not isinstance(request.signature_hash_algorithm, SHA256 | SHA384 | SHA512):
        raise RequestError("the request is signed with a weak digest: use SHA-256")
    if not request.is_signature_valid:
        raise RequestError("the request's signature is wrong: it was altered, or its maker does not hold the key")
    common_names = [str(attribute.value) for attribute in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if common_names != [identity]:
        raise RequestError(
            f"the request is for {', '.join(common_names)[:120]!r}, not for {identity!r}: its common name must be the identity"
        )
    return key
