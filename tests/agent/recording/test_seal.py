"""Sealing for a custodian: the badge writes what it cannot read; a cut file gives back its whole chunks; nothing altered opens."""

import pathlib
import random
import struct

import pytest
from cryptography.cobblestone import Cobblestone128Decryptor
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.keys.errors import KeysError
from agent.recording.seal import CHUNK, FIXED, Custodian, Header, HeaderError, Sealer
from agent.recording.unseal import UnsealError, open_segment

RECORDING = bytes(range(16))
PREV = bytes(range(32))
PLAIN = random.Random(5).randbytes(5 * CHUNK + 99)


@pytest.fixture(scope="module")
def private() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


@pytest.fixture(scope="module")
def sealed(private: EllipticCurvePrivateKey) -> bytes:
    sealer = Sealer(Custodian(private.public_key()), RECORDING, 3, PREV)
    return (
        sealer.header
        + b"".join(sealer.update(PLAIN[at : at + 7777]) for at in range(0, len(PLAIN), 7777))
        + sealer.finish()
    )


def test_the_custodian_reads_what_was_sealed(sealed: bytes, private: EllipticCurvePrivateKey) -> None:
    opened = open_segment(sealed, private)
    assert (opened.recording, opened.n, opened.plaintext, opened.whole) == (RECORDING, 3, PLAIN, True)
    assert Header(sealed).prev == PREV
    assert PLAIN[1000:1032] not in sealed


def test_whole_chunks_leave_the_sealer_at_once(private: EllipticCurvePrivateKey) -> None:
    sealer = Sealer(Custodian(private.public_key()), RECORDING, 1, PREV)
    written = sealer.header + sealer.update(PLAIN[: 2 * CHUNK])
    opened = open_segment(written, private)
    assert opened.plaintext == PLAIN[: 2 * CHUNK]
    assert not opened.whole


def test_a_file_cut_anywhere_gives_back_its_whole_chunks(sealed: bytes, private: EllipticCurvePrivateKey) -> None:
    header = Header(sealed).size
    for cut in [header, header + 1, header + 56, header + 57, *random.Random(1).sample(range(header, len(sealed)), 20)]:
        opened = open_segment(sealed[:cut], private)
        assert not opened.whole
        whole = max(0, cut - header - 56) // (CHUNK + 16)
        assert opened.plaintext == PLAIN[: whole * CHUNK]


def test_what_is_altered_does_not_open(sealed: bytes, private: EllipticCurvePrivateKey) -> None:
    for at in [*range(Header(sealed).size), *random.Random(2).sample(range(len(sealed)), 40)]:
        damaged = bytearray(sealed)
        damaged[at] ^= 1
        try:
            opened = open_segment(bytes(damaged), private)
        except UnsealError:
            continue
        assert not opened.whole
        assert PLAIN.startswith(opened.plaintext)
        assert at >= Header(sealed).size or opened.plaintext == b""


def test_chunks_do_not_move_between_segments(private: EllipticCurvePrivateKey) -> None:
    custodian = Custodian(private.public_key())
    one, two = Sealer(custodian, RECORDING, 1, PREV), Sealer(custodian, RECORDING, 2, PREV)
    body = one.update(PLAIN) + one.finish()
    swapped = open_segment(two.header + body, private)
    assert not swapped.whole
    assert swapped.plaintext == b""


def test_the_file_is_what_the_page_says(sealed: bytes, private: EllipticCurvePrivateKey) -> None:
    magic, recording, n, prev, kid, length = struct.unpack_from(">8s16sI32s8sH", sealed)
    assert (magic, recording, n, prev, kid) == (b"DABYLSEG", RECORDING, 3, PREV, Custodian(private.public_key()).kid)
    suite = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
    info = b"dabyl/v1/segment" + RECORDING + (3).to_bytes(4, "big")
    key = suite.decrypt(sealed[70 : 70 + length], private, info=info)
    cipher = Cobblestone128Decryptor(key, sealed[: 70 + length])
    assert cipher.update(sealed[70 + length :]) + cipher.finalize() == PLAIN


def test_another_key_opens_nothing(sealed: bytes) -> None:
    with pytest.raises(UnsealError, match="another custodian"):
        open_segment(sealed, generate_private_key(SECP256R1()))


def test_what_is_no_segment_is_told_so(sealed: bytes, private: EllipticCurvePrivateKey) -> None:
    for junk in (b"", b"DABYLSEG", b"x" * 500, sealed[: FIXED.size], sealed[: FIXED.size + 5]):
        with pytest.raises(UnsealError):
            open_segment(junk, private)
        with pytest.raises(HeaderError):
            Header(junk)
    for length in (0, 513, 65535):
        lying = bytearray(sealed[:700])
        struct.pack_into(">H", lying, FIXED.size - 2, length)
        with pytest.raises(HeaderError):
            Header(bytes(lying))


def test_a_custodian_comes_from_a_pem_file(tmp_path: pathlib.Path, private: EllipticCurvePrivateKey) -> None:
    path = tmp_path / "custodian.pem"
    path.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert Custodian.load(str(path)).kid == Custodian(private.public_key()).kid
    for wrong in (
        b"",
        b"junk",
        b"\xff" * 9,
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN",
    ):
        path.write_bytes(wrong)
        with pytest.raises(KeysError, match=r"custodian\.pem"):
            Custodian.load(str(path))
    with pytest.raises(KeysError, match="cannot be read"):
        Custodian.load(str(tmp_path / "none.pem"))
