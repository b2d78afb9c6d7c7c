"""The content of a board's flash: a firmware bundle, and what enrolment adds to it for one device of a simulated site."""

import json
import pathlib
import shutil

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from devices.firmware.softkey import key_file
from simulators.board.board import HOME
from simulators.board.kinds import Wiring
from simulators.site import HOST, Site


def enrolled(
    folder: pathlib.Path, bundle: pathlib.Path, wiring: Wiring, site: Site, device: str, *, port: int | None = None
) -> pathlib.Path:
    """Lay out the flash of one board in the new `folder`.

    Args:
        folder: made.
        bundle: what lies at the root of the flash of every board.
        wiring: of the kind.
        site: its broker, its center.
        device: one of the site's.
        port: the broker's on this machine, if it is not the site's own.
    """
    shutil.copytree(bundle, folder)
    identity = site.devices[device].identity
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    private = load_pem_private_key(identity.key.read_bytes(), None)
    assert isinstance(private, EllipticCurvePrivateKey)
    (keys / "device.key").write_bytes(key_file(private.private_numbers().private_value))
    chain = x509.load_pem_x509_certificates(identity.chain.read_bytes())
    for name, certificate in zip(("device.der", "issuer.der"), chain, strict=True):
        (keys / name).write_bytes(certificate.public_bytes(Encoding.DER))
    root = x509.load_pem_x509_certificate(site.root.read_bytes())
    (keys / "root.der").write_bytes(root.public_bytes(Encoding.DER))
    center = load_pem_public_key(site.center_key.read_bytes())
    (keys / "centers.der").write_bytes(center.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    (folder / "device.json").write_text(
        json.dumps({
            "device": {"id": device, "kind": wiring.kind},
            "wifi": [{"ssid": HOME.ssid, "key": HOME.key}],
            "brokers": [{"host": HOST, "port": port or site.broker.port}],
            "link": {"keepalive_s": 20, "retry_min_ms": 250, "retry_max_ms": 3000},
            "settings": dict(wiring.settings),
        })
    )  # fmt: skip
    return folder
