"""Getting a certificate: a key made here, a request, an answer that is verified, and a pair of files that is whole or not there."""

import os
import time

from agent.config import Config
from agent.durable import PUBLIC, replace_file
from agent.enrolment.board import serial_number
from agent.enrolment.claim import Claim
from agent.enrolment.errors import EnrolmentError
from agent.enrolment.est import Server
from agent.keys import names, pair, pem
from agent.keys.chain import load_roots, verify_chain
from agent.keys.credentials import load_chain
from agent.keys.errors import ChainError, CredentialsError
from agent.keys.request import certificate_request
from agent.keys.validity import validity

_ROOT_MAX = 65_536


def enrol(settings: Config, claim: Claim, *, server: str, board: str, replace: bool) -> None:
    """The device's first certificate, or a first one again after its time. Repeated after an interruption, it goes on.

    Args:
        settings: whose name, and which files.
        claim: what stands on the label.
        server: the server's address; empty: as claim or configuration say.
        board: the board's serial number; empty: as configuration or machine say.
        replace: an identity that is there is replaced, its key too. One whose time is over gets a new certificate for its key anyway.

    Raises:
        EnrolmentError: refused, or something has to be set right first.
        UnreachableError: no answer; try again.
        KeysError: the files cannot be written.
    """
    name, (key, certificate) = settings.device["id"], files(settings)
    if claim.name not in {None, name}:
        raise EnrolmentError(f"the claim is for {claim.name}, this device is {name}: take its own label")
    office = Server(server or claim.server or settings.enrolment["server"])
    with pair.held(key):
        if pair.settle(key, certificate):
            return  # all but the last step was done before
        ended = _has_ended(certificate)
        if not replace and not ended and (os.path.exists(key) or os.path.exists(certificate)):
            raise EnrolmentError(
                f"{key} or {certificate} is there already: this device is enrolled; --replace makes it anew"
            )
        root = _root(settings, office, claim)
        signer = pair.same_key(key) if ended and not replace else pair.fresh_key(key)
        text = certificate_request(signer, name, serial_number(board or settings.enrolment["board"]))
        request = pem.blocks(text, 1)[0][1]
        leaf = office.enrol(root, name, claim.code, request)
        pair.keep_certificate(certificate, _chain(leaf, office.authorities(root), root, name, signer.public_der))
        pair.take(key, certificate)


def renew(settings: Config) -> None:
    """A new key and its certificate wait beside the old ones afterwards; whoever takes them tries them first.

    The certificate of a token's signing key, if there is one, is renewed with them.

    Where the present certificate has ended already, the key stays: the center would believe nothing any more that it has signed meanwhile.

    Raises as ``enrol``.
    """
    name, (key, certificate) = settings.device["id"], files(settings)
    if not settings.enrolment["server"]:
        raise EnrolmentError("no server is configured ([enrolment] server)")
    office = Server(settings.enrolment["server"])
    with pair.held(key):
        pair.settle(key, certificate)
        root = _read(settings.resolve(settings.enrolment["ca"]))
        if settings.keys["signing"] and settings.keys["signing_certificate"]:
            _renew_signing(settings, office, root)
        signer = pair.same_key(key) if _has_ended(certificate) else pair.fresh_key(key)
        request = pem.blocks(certificate_request(signer, name), 1)[0][1]
        leaf = office.renew(root, certificate, key, request)
        pair.keep_certificate(certificate, _chain(leaf, office.authorities(root), root, name, signer.public_der))


def _renew_signing(settings: Config, office: Server, root: str) -> None:
    """A token keeps its key, which is no other with its new certificate: there is nothing to try."""
    from agent.keys.hsm import Pkcs11Key  # noqa: PLC0415  only devices with a token have its library

    name, (key, certificate) = settings.device["id"], files(settings)
    path = settings.resolve(settings.keys["signing_certificate"])
    token = Pkcs11Key(settings.keys["signing"])
    try:
        request = pem.blocks(certificate_request(token, name), 1)[0][1]
    finally:
        token.close()
    leaf = office.renew(root, certificate, key, request)
    pair.replace_certificate(path, _chain(leaf, office.authorities(root), root, name, token.public_der))


def files(settings: Config) -> "tuple[str, str]":
    """Key file and certificate file."""
    return settings.resolve(settings.keys["key"]), settings.resolve(settings.keys["certificate"])


def _has_ended(certificate: str) -> bool:
    try:
        return validity(load_chain(certificate)[0])[1] < _now_ms()
    except CredentialsError:
        return False  # there is none


def _chain(leaf: bytes, authorities: "list[bytes]", root_pem: str, name: str, public_der: bytes) -> str:
    """The chain to show, after a look that it is ours and that brokers and the center will believe it."""
    try:
        roots = load_roots(root_pem)
        above = [der for der in authorities if all(der != root.der for root in roots)]
        who = verify_chain([leaf, *above], roots, _now_ms(), role=names.DEVICE, identity=name)
    except ChainError as error:
        raise EnrolmentError(f"the certificate that the server gave cannot be used: {error}") from None
    if who.public_der != public_der:
        raise EnrolmentError("the certificate that the server gave is for another key")
    return "".join(pem.encoded("CERTIFICATE", der) for der in (leaf, *above))


def _root(settings: Config, office: Server, claim: Claim) -> str:
    """The root to believe: the file that is there, else the one whose digest the label tells, which is then kept."""
    if not settings.enrolment["ca"]:
        raise EnrolmentError(
            "no root certificate is configured ([enrolment] ca): name the file, it may be missing if the label tells it"
        )
    path = settings.resolve(settings.enrolment["ca"])
    if claim.root is None or os.path.exists(path):
        return _read(path)
    text = office.root(claim.root)
    try:
        replace_file(path, text.encode("ascii"), PUBLIC)
    except OSError as error:
        raise EnrolmentError(f"{path} cannot be written: {error.strerror}; check space and owner") from None
    return text


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(_ROOT_MAX)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not PEM text"
        raise EnrolmentError(
            f"{path}: no root certificate can be read from it: {reason}; copy it to the device"
        ) from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
