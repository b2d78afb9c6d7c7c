"""A signing key in a PKCS#11 token (TPM 2.0, smart card, SoftHSM) through python-pkcs11. Imported only where one is configured.

The private key is made in the token, cannot be extracted, and signs there. If the session is lost or the token was taken out and put
back, one signature opens the token again; if that does not help, it ends in `HsmError`. A token that comes back with another key is
refused. The PIN is read from its file (0600) each time the token is opened and kept nowhere.
"""

import contextlib
import glob
import os
from hashlib import sha256

from agent.keys import p256
from agent.keys.errors import HsmError, PublicKeyError
from agent.keys.hsm_uri import HsmUri
from agent.keys.secret_file import read_secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

_PIN_LIMIT = 256
_KNOWN_MODULES = ("libtpm2_pkcs11.so.1", "libtpm2_pkcs11.so", "opensc-pkcs11.so", "libsofthsm2.so")
_MODULE_FOLDERS = ("/usr/lib", "/usr/lib/*-linux-*", "/usr/lib64", "/usr/local/lib")
_MODULE_SUBFOLDERS = ("", "pkcs11", "softhsm")
# DER of the OID prime256v1, as CKA_EC_PARAMS wants it.
_P256_PARAMETERS = bytes.fromhex("06082a8648ce3d030107")
_OCTET_STRING_OF_POINT = bytes((0x04, p256.POINT_SIZE))


class Pkcs11Key:
    """A signer whose key is in a token. ``kid`` is 8 bytes, ``public_der`` the SubjectPublicKeyInfo. Not for several threads at once."""

    def __init__(self, uri: str) -> None:
        """Open the token, log in and find the key.

        Raises:
            HsmUriError: the URI is wrong.
            SecretFileError: the PIN's file is missing or open to others.
            HsmError: no library, no such token or key, a wrong PIN, or the key is not P-256.
        """
        self._pkcs11 = _bindings()
        self._uri = HsmUri(uri)
        self._session, self._key, self.public_der = self._opened()
        self.kid = p256.kid_of(self.public_der)

    @classmethod
    def generate(cls, uri: str) -> "Self":
        """Make a P-256 key in the token, sensitive and not extractable, under the URI's object label and id, and open it.

        Raises:
            HsmUriError, SecretFileError, HsmError: as the constructor, or such a key exists already, or the token makes no EC keys.
        """
        pkcs11 = _bindings()
        where = HsmUri(uri)
        session = _session(pkcs11, where, True)
        try:
            if list(session.get_objects(_template(pkcs11, where, pkcs11.ObjectClass.PRIVATE_KEY))):
                raise HsmError(
                    f"there is a {where.name} already: choose another object label, or use the key that is there"
                )
            curve = session.create_domain_parameters(
                pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: _P256_PARAMETERS}, local=True
            )
            curve.generate_keypair(
                id=where.id if where.id is not None else os.urandom(8),
                label=where.object,
                store=True,
                capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
                private_template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
            )
        except pkcs11.PKCS11Error as error:
            raise HsmError(
                f"the token made no {where.name}: {_reason(error)}; it must support EC P-256 and have room"
            ) from None
        finally:
            _close(pkcs11, session)
        return cls(uri)

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 with SHA-256 over ``data``: 64 bytes ``r || s``. The digest is made here, the signature in the token.

        Raises:
            HsmError: the token does not sign, even after it was opened again.
        """
        digest = sha256(data).digest()
        try:
            return self._signed(digest)
        except self._pkcs11.PKCS11Error:
            self._reopen()
        try:
            return self._signed(digest)
        except self._pkcs11.PKCS11Error as error:
            raise HsmError(
                f"the {self._uri.name} does not sign: {_reason(error)}; check that the token is plugged in"
            ) from None

    def close(self) -> None:
        """Log out and close the session. Closing twice is harmless."""
        _close(self._pkcs11, self._session)

    def _signed(self, digest: bytes) -> bytes:
        signature = bytes(self._key.sign(digest, mechanism=self._pkcs11.Mechanism.ECDSA))
        if len(signature) != p256.SIGNATURE_SIZE:
            raise HsmError(
                f"the {self._uri.name} gave a signature of {len(signature)} bytes instead of {p256.SIGNATURE_SIZE}"
            )
        return signature

    def _reopen(self) -> None:
        _close(self._pkcs11, self._session)
        try:
            session, key, public_der = self._opened()
        except HsmError:
            # A library may have listed its tokens once, at its start: start it again before giving up.
            _restart(self._pkcs11, self._uri)
            session, key, public_der = self._opened()
        if public_der != self.public_der:
            _close(self._pkcs11, session)
            raise HsmError(
                f"the token came back with another {self._uri.name}: put the right token in, or enrol the device again"
            )
        self._session, self._key = session, key

    def _opened(self) -> "tuple[Any, Any, bytes]":
        session = _session(self._pkcs11, self._uri, False)
        try:
            key = _one(self._pkcs11, session, self._uri, self._pkcs11.ObjectClass.PRIVATE_KEY)
            public_der = _public_der(self._pkcs11, session, self._uri)
        except self._pkcs11.PKCS11Error as error:
            _close(self._pkcs11, session)
            raise HsmError(f"cannot read the {self._uri.name}: {_reason(error)}") from None
        except HsmError:
            _close(self._pkcs11, session)
            raise
        return session, key, public_der


def module_path(uri: HsmUri) -> str:
    """The PKCS#11 library that the URI names (``module-path``, ``module-name``), or the first known one on this machine.

    Raises:
        HsmError: there is none.
    """
    if uri.module_path is not None:
        if not os.path.isfile(uri.module_path):
            raise HsmError(f"the PKCS#11 library {uri.module_path} does not exist: install it, or correct module-path=")
        return uri.module_path
    if uri.module_name is None:
        names: tuple[str, ...] = _KNOWN_MODULES
    else:
        if "/" in uri.module_name:
            raise HsmError("module-name= is a bare name; give a path with module-path=")
        names = (uri.module_name, f"{uri.module_name}.so", f"lib{uri.module_name}.so")
    for name in names:
        for folder in _MODULE_FOLDERS:
            for sub in _MODULE_SUBFOLDERS:
                found = sorted(glob.glob(os.path.join(folder, sub, glob.escape(name))))
                if found:
                    return found[0]
    raise HsmError(
        f"no PKCS#11 library found (looked for {', '.join(names)}): install one, or give its path with module-path="
    )


def _bindings() -> "Any":
    try:
        import pkcs11  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise HsmError("the PKCS#11 bindings are not installed: run `pip install 'dabyl[hsm]'`") from None
    return pkcs11


def _library(pkcs11: "Any", uri: HsmUri) -> "Any":
    path = module_path(uri)
    try:
        return pkcs11.lib(path)
    except (pkcs11.PKCS11Error, OSError) as error:
        raise HsmError(f"the PKCS#11 library {path} cannot be loaded or started: {_reason(error)}") from None


def _restart(pkcs11: "Any", uri: HsmUri) -> None:
    library = _library(pkcs11, uri)
    try:
        library.reinitialize()
    except pkcs11.PKCS11Error as error:
        raise HsmError(f"the PKCS#11 library cannot be started again: {_reason(error)}") from None


def _session(pkcs11: "Any", uri: HsmUri, writable: bool) -> "Any":
    pin = _pin(uri)
    library = _library(pkcs11, uri)
    try:
        token = library.get_token(token_label=uri.token, token_serial=uri.serial)
        try:
            return token.open(rw=writable, user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:
            return token.open(rw=writable)  # the log-in belongs to the whole process (PKCS#11 section 2.6)
    except pkcs11.PinIncorrect:
        raise HsmError(
            f"token {uri.token!r} refuses the PIN in {uri.pin_file}: correct it before the token locks itself"
        ) from None
    except pkcs11.PinLocked:
        raise HsmError(
            f"token {uri.token!r} is locked after wrong PINs: unlock it with its security officer PIN"
        ) from None
    except pkcs11.MultipleTokensReturned:
        raise HsmError(f"several tokens are called {uri.token!r}: add serial= to the PKCS#11 URI") from None
    except pkcs11.PKCS11Error as error:
        raise HsmError(
            f"token {uri.token!r} cannot be opened: {_reason(error)}; check that it is plugged in and its label"
        ) from None


def _pin(uri: HsmUri) -> str:
    contents = read_secret(uri.pin_file, _PIN_LIMIT, "the PIN file")
    try:
        pin = contents.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise HsmError(f"the PIN file {uri.pin_file} is not UTF-8 text") from None
    if not pin:
        raise HsmError(f"the PIN file {uri.pin_file} holds no PIN")
    return pin


def _template(pkcs11: "Any", uri: HsmUri, kind: "Any") -> "dict[Any, Any]":
    template = {pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC}
    if uri.object is not None:
        template[pkcs11.Attribute.LABEL] = uri.object
    if uri.id is not None:
        template[pkcs11.Attribute.ID] = uri.id
    return template


def _one(pkcs11: "Any", session: "Any", uri: HsmUri, kind: "Any") -> "Any":
    found = list(session.get_objects(_template(pkcs11, uri, kind)))
    half = "public" if kind == pkcs11.ObjectClass.PUBLIC_KEY else "private"
    if not found:
        raise HsmError(f"there is no {half} {uri.name}: make it, or correct object= and id= in the PKCS#11 URI")
    if len(found) > 1:
        raise HsmError(f"there are {len(found)} {half} keys that match {uri.name}: add id= to the PKCS#11 URI")
    return found[0]


def _public_der(pkcs11: "Any", session: "Any", uri: HsmUri) -> bytes:
    key = _one(pkcs11, session, uri, pkcs11.ObjectClass.PUBLIC_KEY)
    if bytes(key[pkcs11.Attribute.EC_PARAMS]) != _P256_PARAMETERS:
        raise HsmError(f"the {uri.name} is not on P-256: make a P-256 key")
    point = bytes(key[pkcs11.Attribute.EC_POINT])
    if point.startswith(_OCTET_STRING_OF_POINT) and len(point) == p256.POINT_SIZE + 2:
        point = point[2:]  # PKCS#11 wraps the point into an OCTET STRING; some tokens do not
    public_der = p256.SPKI_PREFIX + point
    try:
        p256.public_key(public_der)
    except PublicKeyError as error:
        raise HsmError(f"the public {uri.name} is unusable: {error}") from None
    return public_der


def _close(pkcs11: "Any", session: "Any") -> None:
    with contextlib.suppress(pkcs11.PKCS11Error):  # it may be gone already
        session.close()


def _reason(error: Exception) -> str:
    """python-pkcs11 often raises with no text; then the class name says it."""
    return f"{type(error).__name__} {error}".strip()
