"""A root's key in the wrong hands: chains and certificates that the real authority would never issue."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.keys.certificate import Certificate, read

NOW_MS = 1_790_000_000_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
DAY_MS = 86_400_000

Roots = tuple[Certificate, ...]


def usage(**on: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: on.get(name, False) for name in names.split()})


class Forge:
    """Builds certificates that the real authority would never issue."""

    def __init__(self) -> None:
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self.make("forge root", self.root_key, None, self.root_key, self.authority())

    @property
    def roots(self) -> Roots:
        return (read(self.root.public_bytes(Encoding.DER), "root"),)

    def authority(self, path_length: int | None = None) -> list[tuple[x509.ExtensionType, bool]]:
        return [
            (x509.BasicConstraints(ca=True, path_length=path_length), True),
            (usage(key_cert_sign=True, crl_sign=True), True),
        ]

    def leaf(self, *uris: str, **on: bool) -> list[tuple[x509.ExtensionType, bool]]:
        named = [x509.UniformResourceIdentifier(uri) for uri in uris or ("urn:dabyl:device:pillar-017",)]
        return [
            (usage(**(on or {"digital_signature": True})), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
            (x509.SubjectAlternativeName(named), False),
        ]

    def make(
        self,
        name: str,
        key: Any,
        issuer: x509.Certificate | None,
        issuer_key: Any,
        extensions: list[tuple[x509.ExtensionType, bool]],
        digest: Any = None,
        issuer_name: x509.Name | None = None,
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, part) for part in name.split("+")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer_name or (issuer.subject if issuer else subject))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(issuer_key, digest or hashes.SHA256())

    def direct(
        self, extensions: list[tuple[x509.ExtensionType, bool]], name: str = "pillar-017", **more: Any
    ) -> list[bytes]:
        """A chain of one certificate, issued by the root."""
        key = more.pop("key", None) or ec.generate_private_key(ec.SECP256R1())
        return [self.make(name, key, self.root, self.root_key, extensions, **more).public_bytes(Encoding.DER)]

    def through(self, *authorities: list[tuple[x509.ExtensionType, bool]], leaf_key: Any = None) -> list[bytes]:
        """A chain through authorities with these extensions, the root's side first."""
        chain: list[bytes] = []
        issuer, issuer_key = self.root, self.root_key
        for number, extensions in enumerate(authorities):
            key = ec.generate_private_key(ec.SECP256R1())
            issuer, issuer_key = self.make(f"middle {number}", key, issuer, issuer_key, extensions), key
            chain.insert(0, issuer.public_bytes(Encoding.DER))
        leaf_key = leaf_key or ec.generate_private_key(ec.SECP256R1())
        leaf = self.make("pillar-017", leaf_key, issuer, issuer_key, self.leaf())
        return [leaf.public_bytes(Encoding.DER), *chain]
