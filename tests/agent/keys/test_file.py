"""A key in a file: made with 0600 whatever the umask, read only if nobody else can, and every wrong file named."""

import os
import random
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from agent.keys import p256, pem
from agent.keys.errors import KeyFileError, KeysError, SecretFileError
from agent.keys.file import FileKey
from agent.keys.secret_file import write_secret

OPENSSL = shutil.which("openssl") or "openssl"
_PKCS8 = serialization.PrivateFormat.PKCS8
_PEM = serialization.Encoding.PEM


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def written(path: Path, contents: bytes, mode: int = 0o600) -> str:
    path.write_bytes(contents)
    path.chmod(mode)
    return str(path)


def test_a_made_key_is_0600_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    FileKey.generate(str(tmp_path / "key.pem"))
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


@given(*[st.integers(0, 256).flatmap(lambda bits: st.integers(1, min(p256.ORDER - 1, 1 << bits)))] * 2)
def test_a_signature_has_64_bytes_however_short_its_numbers_are(r: int, s: int) -> None:
    key = FileKey(ec.derive_private_key(1, ec.SECP256R1()))
    key._sign = lambda _data, _algorithm: encode_dss_signature(r, s)  # type: ignore[assignment]  # one in 65,536 is this short
    assert key.sign(b"") == r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_a_made_key_is_read_again_and_signs(tmp_path: Path) -> None:
    path = str(tmp_path / "key.pem")
    made = FileKey.generate(path)
    read = FileKey.load(path)
    assert (read.kid, read.public_der) == (made.kid, made.public_der)
    assert len(read.sign(b"data")) == 64
    assert p256.verifier(made.public_der)(read.sign(b"data"), b"data")


def test_openssl_reads_the_made_key_and_writes_it_the_same(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    FileKey.generate(str(path))
    assert subprocess.run([OPENSSL, "pkey", "-in", path], check=True, capture_output=True).stdout == path.read_bytes()


def test_a_key_that_openssl_made_is_read(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    command = [OPENSSL, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.chmod(0o400)
    public = subprocess.run(
        [OPENSSL, "pkey", "-in", path, "-pubout"], check=True, capture_output=True, text=True
    ).stdout
    assert FileKey.load(str(path)).public_der == p256.public_from_pem(public)


def test_a_key_without_its_public_half_is_read(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = FileKey.generate(str(path))
    subprocess.run(
        [OPENSSL, "ec", "-in", path, "-no_public", "-out", tmp_path / "sec1.pem"], check=True, capture_output=True
    )
    bare = subprocess.run(
        [OPENSSL, "pkcs8", "-topk8", "-nocrypt", "-in", tmp_path / "sec1.pem"], check=True, capture_output=True
    ).stdout
    assert FileKey.load(written(tmp_path / "bare.pem", bare)).public_der == made.public_der


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / "key.pem", b"precious")
    with pytest.raises(SecretFileError, match="not overwritten"):
        FileKey.generate(path)
    assert Path(path).read_bytes() == b"precious"


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "key.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SecretFileError):
        FileKey.generate(str(tmp_path / "key.pem"))
    assert not (tmp_path / "elsewhere").exists()


def test_the_key_is_synced_with_its_directory_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    FileKey.generate(str(tmp_path / "key.pem"))
    assert synced == [False, True]


def test_a_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SecretFileError, match="No space left"):
        write_secret(str(tmp_path / "key.pem"), b"secret", "the key")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_key_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    FileKey.generate(str(path))
    path.chmod(mode)
    with pytest.raises(SecretFileError, match=f"mode {mode:04o}.*chmod 600"):
        FileKey.load(str(path))


def wrong_files() -> dict[str, tuple[bytes, str]]:
    none = serialization.NoEncryption()
    secret = serialization.BestAvailableEncryption(b"secret")
    p256_key = ec.generate_private_key(ec.SECP256R1())
    good = p256_key.private_bytes(_PEM, _PKCS8, none)
    der = pem.blocks(good.decode(), 1)[0][1]
    damaged = bytearray(der)
    damaged[40] ^= 1
    beyond = der[:36] + b"\xff" * 32 + der[68:]
    return {
        "der": (der, "not PEM"),
        "text": (b"hello\n", "must hold one PRIVATE KEY"),
        "public": (
            p256_key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            "found PUBLIC KEY",
        ),
        "two": (good + good, "found PRIVATE KEY, PRIVATE KEY"),
        "encrypted": (p256_key.private_bytes(_PEM, _PKCS8, secret), "encrypted"),
        "encrypted sec1": (
            p256_key.private_bytes(_PEM, serialization.PrivateFormat.TraditionalOpenSSL, secret),
            "encrypted|not PEM",
        ),
        "sec1": (p256_key.private_bytes(_PEM, serialization.PrivateFormat.TraditionalOpenSSL, none), "openssl pkcs8"),
        "p384": (ec.generate_private_key(ec.SECP384R1()).private_bytes(_PEM, _PKCS8, none), "secp384r1"),
        "k1": (ec.generate_private_key(ec.SECP256K1()).private_bytes(_PEM, _PKCS8, none), "secp256k1"),
        "rsa": (rsa.generate_private_key(65537, 2048).private_bytes(_PEM, _PKCS8, none), "RSA"),
        "ed25519": (ed25519.Ed25519PrivateKey.generate().private_bytes(_PEM, _PKCS8, none), "25519"),
        "damaged": (pem.encoded("PRIVATE KEY", bytes(damaged)).encode(), "does not fit"),
        "out of range": (pem.encoded("PRIVATE KEY", beyond).encode(), "out of range"),
        "cut": (good[: len(good) // 2], "not closed"),
        "broken base64": (good.replace(b"M", b"*"), "base64"),
    }


@pytest.mark.parametrize(("contents", "said"), wrong_files().values(), ids=wrong_files().keys())
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, contents: bytes, said: str) -> None:
    path = written(tmp_path / "wrong.pem", contents)
    with pytest.raises(KeyFileError, match=said) as caught:
        FileKey.load(path)
    assert path in str(caught.value)


def test_files_that_are_no_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name, said in (("missing", "does not exist"), ("fifo", "not a regular file"), (".", "not a regular file")):
        with pytest.raises(SecretFileError, match=said):
            FileKey.load(str(tmp_path / name))


def test_empty_and_endless_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="empty"):
        FileKey.load(written(tmp_path / "empty", b""))
    with pytest.raises(SecretFileError, match="longer than"):
        FileKey.load(written(tmp_path / "long", b"x" * 8193))


def test_an_unreadable_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(SecretFileError, match=r"Permission denied.*chown"):
        FileKey.load(str(tmp_path / "key.pem"))


def test_mutated_keys_end_in_a_documented_error_or_in_a_key_that_works(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    FileKey.generate(str(path))
    good = path.read_bytes()
    der = pem.blocks(good.decode(), 1)[0][1]
    seeded = random.Random(7)
    for _ in range(400):
        changed = bytearray(der if seeded.random() < 0.6 else good)
        text = len(changed) == len(good)
        for _ in range(seeded.randint(1, 3)):
            changed[seeded.randrange(len(changed))] = seeded.randrange(256)
        path.write_bytes(bytes(changed) if text else pem.encoded("PRIVATE KEY", bytes(changed)).encode())
        try:
            key = FileKey.load(str(path))
        except KeysError:
            continue
        assert p256.verifier(key.public_der)(key.sign(b"x"), b"x")
