"""Only a certificate's own alternative names make it a broker's: not what stands elsewhere in it, and nothing damaged."""

import datetime as dt
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.firmware.role import is_broker
from tests.devices.firmware.boards import MICROPYTHON, ROOT

BROKER = "urn:dabyl:broker:broker-1"
KEY = ec.generate_private_key(ec.SECP256R1())
NOW = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
URI = x509.UniformResourceIdentifier
Add = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


def certificate(
    *names: x509.GeneralName, critical: bool = False, cn: str = "broker-1", more: Add | None = None
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
    )
    if more is not None:
        builder = more(builder)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=critical)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def other_extension(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    """The very bytes of the right extension's value, under another name."""
    value = x509.SubjectAlternativeName([URI(BROKER)]).public_bytes()
    return builder.add_extension(
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), value), critical=False
    )


def issuer_names(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.add_extension(x509.IssuerAlternativeName([URI(BROKER)]), critical=False)


def constraints(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)


@pytest.mark.parametrize(
    "der",
    [
        certificate(URI(BROKER)),
        certificate(URI(BROKER), critical=True),
        certificate(x509.DNSName("mqtt.example"), URI(BROKER)),
        certificate(URI("https://example"), URI(BROKER), x509.DNSName("mqtt.example")),
        certificate(URI(BROKER), more=constraints),
        certificate(*[x509.DNSName(f"mqtt-{n}.example") for n in range(60)], URI(BROKER)),
    ],
    ids=["alone", "critical", "after a host", "among others", "after constraints", "in a long list"],
)
def test_a_broker_is_known_by_its_name(der: bytes) -> None:
    assert is_broker(der)


@pytest.mark.parametrize(
    "der",
    [
        certificate(URI("urn:dabyl:device:sos-0001")),
        certificate(URI("urn:dabyl:broker-1")),
        certificate(URI("x-" + BROKER)),
        certificate(x509.DNSName(BROKER)),
        certificate(x509.RFC822Name("urn:dabyl:broker:a@example")),
        certificate(cn=BROKER),
        certificate(URI("urn:dabyl:device:sos-0001"), cn=BROKER),
        certificate(more=other_extension),
        certificate(URI("urn:dabyl:device:sos-0001"), more=other_extension),
        certificate(URI("urn:dabyl:device:sos-0001"), more=issuer_names),
        certificate(),
        certificate(more=constraints),
    ],
    ids=[
        "a device", "nearly", "in the middle", "as a host", "as a mailbox", "as the subject", "as a device's subject",
        "in a foreign extension", "in a device's foreign extension", "as the issuer's name", "no extensions", "no names",
    ],
)  # fmt: skip
def test_nothing_else_makes_a_broker(der: bytes) -> None:
    assert not is_broker(der)


WHOLE = certificate(x509.DNSName("mqtt.example"), URI(BROKER))


def damaged() -> list[bytes]:
    """A broker's and a device's certificate, cut everywhere and with single bytes changed."""
    made = [WHOLE[:n] for n in range(len(WHOLE))]
    dice = random.Random(5)
    for der in (WHOLE, certificate(URI("urn:dabyl:device:sos-0001"))):
        for _ in range(3000):
            changed = bytearray(der)
            changed[dice.randrange(len(der))] = dice.choice(
                (0, 1, 0x30, 0x7F, 0x80, 0x81, 0x84, 0xA3, 0xFF, dice.randrange(256))
            )
            made.append(bytes(changed))
    return made


def test_damaged_certificates_raise_nothing_and_no_cut_one_is_believed() -> None:
    made = damaged()
    verdicts = [is_broker(der) for der in made]
    assert not any(verdicts[: len(WHOLE)])
    assert not any(verdicts[-3000:])
    assert any(verdicts)


@pytest.mark.micropython
def test_boards_give_the_same_verdicts(tmp_path: Path) -> None:
    made = [*damaged()[::7], certificate(URI(BROKER))]
    (tmp_path / "list").write_text("\n".join(der.hex() for der in made), encoding="ascii")
    (tmp_path / "run.py").write_text(
        "import sys\nfrom devices.firmware.role import is_broker\n"
        "for line in open(sys.argv[1]):\n    print(int(is_broker(bytes.fromhex(line.strip()))))\n",
        encoding="ascii",
    )
    done = subprocess.run(
        [str(MICROPYTHON), str(tmp_path / "run.py"), str(tmp_path / "list")],
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:]
    assert [line == b"1" for line in done.stdout.split()] == [is_broker(der) for der in made]
