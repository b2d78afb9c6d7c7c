"""What can go wrong with keys, credentials and certificate chains.

Every error of `agent.keys` derives from `KeysError`. The text names the file or field, says what is wrong and what to do about it.
"""


class KeysError(Exception):
    """Root of all errors of this package."""


class SignatureFormatError(KeysError):
    """A signature is not in the form it should have (raw ``r || s`` or DER)."""


class PublicKeyError(KeysError):
    """A public key is malformed or not a P-256 key."""


class IdentityError(KeysError):
    """A role or an identity does not follow the naming rules."""


class SecretFileError(KeysError):
    """A file that holds a secret is missing, unreadable, open to others, of the wrong kind or too long."""


class OpenToOthersError(SecretFileError):
    """A file that holds a secret can be read by others."""


class SecretUnwrittenError(SecretFileError):
    """A file that is to hold a secret cannot be written: ``path``, and what the system says, ``error``."""

    def __init__(self, said: str, path: str, error: OSError) -> None:
        super().__init__(said)
        self.path = path
        self.error = error


class KeyFileError(KeysError):
    """A private key file does not hold an unencrypted P-256 key in PKCS#8 PEM."""


class HsmUriError(KeysError):
    """A PKCS#11 URI is malformed, or asks for something that is not supported."""


class HsmError(KeysError):
    """The PKCS#11 token cannot be used: no library, no token, no key, a wrong PIN, or it went away."""


class CredentialsError(KeysError):
    """A certificate chain file is unusable, or does not belong to the signing key."""


class RevocationListError(KeysError):
    """A revocation list is malformed, or not signed by the authority that it names."""


class ChainError(KeysError):
    """Root of all reasons to refuse a certificate chain."""


class ChainMalformedError(ChainError):
    """A certificate cannot be read, or lacks or doubles a field that every certificate of Dabyl carries."""


class ChainTooLongError(ChainError):
    """The chain is empty or has more certificates than allowed."""


class ChainUntrustedError(ChainError):
    """The chain does not lead to a trusted root: an unknown issuer, a wrong name or a wrong signature."""


class ChainExpiredError(ChainError):
    """A certificate of the chain is past its end."""


class ChainNotYetValidError(ChainError):
    """A certificate of the chain is not valid yet."""


class ChainRevokedError(ChainError):
    """A certificate of the chain is on its issuer's revocation list."""


class ChainRoleError(ChainError):
    """The certificate is for another role or another identity than the one asked for."""


class ChainKeyTypeError(ChainError):
    """A certificate holds a key, or is signed with an algorithm, other than ECDSA P-256 with SHA-256."""


class ChainUsageError(ChainError):
    """A certificate is used for something that its extensions forbid (CA flag, path length, key usage, critical extension)."""
