"""Content Credentials (C2PA) of an exported clip: what it is and where it comes from, signed into the file by whoever exports it.

The device's own signature, in the stream, says what the camera saw; this one says who has handed it out, as a plain copy, and from what.
Players and validators of others understand it. Loads the library of C2PA, which is large.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import c2pa

from agent import __version__
from agent.keys import pem
from agent.keys.certificate import Certificate
from agent.keys.chain import verify_chain
from agent.keys.credentials import check_leaf, load_chain
from agent.keys.errors import KeysError
from agent.keys.file import FileKey
from agent.keys.names import DOCUMENT_SIGNING, EXPORTER
from center.evidence.errors import EvidenceError

FORMAT = "video/mp4"
ASSERTION = "org.dabyl.evidence"
"""The label of what is told of the recording."""
TRUSTED = "Trusted"
_CAPTURED = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


class CredentialsError(EvidenceError):
    """The exporter's certificate or key cannot be used, or the clip cannot be signed."""


class Exporter:
    """Whoever hands out copies: a certificate of the role exporter, and its key.

    Raises:
        CredentialsError: they cannot be used.
    """

    def __init__(self, certificate: Path, key: Path, roots: Sequence[Certificate], now_ms: int) -> None:
        try:
            self._key = FileKey.load(str(key))
            chain = load_chain(str(certificate))
            check_leaf(chain, self._key.public_der, str(certificate))
            self.name = verify_chain(chain, roots, now_ms, role=EXPORTER).identity
        except KeysError as error:
            raise CredentialsError(f"{certificate} and {key}: {error}") from None
        self._chain = _pem(chain)
        self._roots = roots

    def sign(self, source: Path, target: Path, title: str, told: Mapping[str, object]) -> None:
        """Write ``source`` to ``target`` with a signed manifest that tells ``told``, and read it again as others will.

        Raises:
            CredentialsError: the library does not take it, or does not trust what it has signed.
        """
        manifest = {
            "claim_generator_info": [{"name": "dabyl", "version": __version__}],
            "title": title,
            "format": FORMAT,
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {
                        "actions": [
                            {"action": "c2pa.created", "digitalSourceType": _CAPTURED},
                            {"action": "c2pa.repackaged"},
                        ]
                    },
                },
                {"label": ASSERTION, "data": dict(told)},
            ],
        }
        try:
            context = c2pa.Context(c2pa.Settings.from_dict({"verify": {"verify_after_sign": False}}))
            signer = c2pa.Signer.from_callback(self._key.sign, c2pa.C2paSigningAlg.ES256, self._chain)
            with (
                context,
                c2pa.Builder(json.dumps(manifest), context) as builder,
                signer,
                source.open("rb") as plain,
                target.open("w+b") as signed,
            ):
                builder.sign(signer, FORMAT, plain, signed)
        except c2pa.C2paError as error:
            raise CredentialsError(f"the clip cannot be signed: {error}") from None
        found = read(target, self._roots)
        if found.state != TRUSTED:
            raise CredentialsError(f"the clip was signed, and C2PA calls it {found.state}: {'; '.join(found.problems)}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a clip's content credentials say. ``state`` is C2PA's own word: Trusted, Valid (of an unknown signer) or Invalid."""

    state: str
    signer: str
    told: dict[str, object]
    problems: list[str]


def read(path: Path, roots: Sequence[Certificate]) -> Credentials:
    """A clip's content credentials, as others' readers see them that trust ``roots``.

    Raises:
        CredentialsError: it has none, or cannot be read.
    """
    settings = {
        "trust": {"trust_anchors": _pem(root.der for root in roots), "trust_config": DOCUMENT_SIGNING + "\n"},
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        with context, path.open("rb") as file, c2pa.Reader(FORMAT, file, context=context) as reader:
            manifest = reader.get_active_manifest() or {}
            state, results = reader.get_validation_state(), reader.get_validation_results() or {}
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from None
    except c2pa.C2paError as error:
        raise CredentialsError(f"{path} has no content credentials that can be read: {error}") from None
    told: dict[str, object] = next(
        (one["data"] for one in manifest.get("assertions", []) if one["label"] == ASSERTION), {}
    )
    failures = (results.get("activeManifest") or {}).get("failure", [])
    problems = [f"{one.get('code')}: {one.get('explanation', '')}" for one in failures]
    return Credentials(str(state), str((manifest.get("signature_info") or {}).get("common_name")), told, problems)


def _pem(ders: Iterable[bytes]) -> str:
    return "".join(pem.encoded("CERTIFICATE", der) for der in ders)
