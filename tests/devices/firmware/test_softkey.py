"""A key in the board's flash: made of true randomness only, proved before it counts, and never taken for sound when it is not."""

import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.serialization import load_der_private_key

from agent.keys import p256 as agent_p256
from agent.keys import pem
from agent.keys.errors import KeysError
from agent.keys.file import FileKey
from agent.keys.request import certificate_request as agent_request
from agent.wire.errors import MalformedError
from devices.firmware import keys, p256
from devices.firmware.curve import N
from devices.firmware.keys import BoardKeyError, certificate_request
from devices.firmware.softkey import SoftKey
from provisioning.authority.authority import Authority

NOW_MS = 1_790_000_000_000
SCALAR = 0x1F2E3D4C5B6A79881122334455667788990A0B0C0D0E0F102132435465768798


def contents(scalar: int) -> bytes:
    number = scalar.to_bytes(32, "big")
    return number + hashlib.sha256(number).digest()[:8]


def drawing(*draws: bytes) -> Callable[[int], bytes]:
    rest = list(draws)
    return lambda _: rest.pop(0)


def info(request: bytes) -> bytes:
    """The part of a certificate request that is signed: the first element of the outer one."""
    inner = request[2 + (request[1] & 0x7F if request[1] & 0x80 else 0) :]
    size = int.from_bytes(inner[2 : 2 + (inner[1] & 0x7F)], "big") if inner[1] & 0x80 else inner[1]
    assert len(inner) > size > 100
    return inner[: size + 2 + (inner[1] & 0x7F if inner[1] & 0x80 else 0)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device.key"


@pytest.fixture
def stored(path: Path) -> Path:
    path.write_bytes(contents(SCALAR))
    return path


class TestGenerating:
    """Making a key."""

    def test_a_key_is_made_kept_and_found_again(self, path: Path, generator: str) -> None:
        made = SoftKey.generate(str(path), generator, os.urandom)
        again = SoftKey.load(str(path), generator)

        assert (again.kid, again.public_der) == (made.kid, made.public_der)
        assert agent_p256.verifier(made.public_der)(again.sign(b"event"), b"event")
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]
        assert path.stat().st_size == 40

    def test_two_keys_differ(self, tmp_path: Path, generator: str) -> None:
        made = [SoftKey.generate(str(tmp_path / name), generator, os.urandom).kid for name in "ab"]
        assert made[0] != made[1]

    def test_an_existing_key_is_never_overwritten(self, stored: Path, generator: str) -> None:
        with pytest.raises(BoardKeyError, match="there is a key"):
            SoftKey.generate(str(stored), generator, os.urandom)
        assert stored.read_bytes() == contents(SCALAR)

    @pytest.mark.parametrize("bad", [bytes(32), N.to_bytes(32, "big"), (N + 5).to_bytes(32, "big"), b"\xff" * 32])
    def test_what_is_out_of_range_is_drawn_again_and_never_reduced(
        self, path: Path, generator: str, bad: bytes
    ) -> None:
        SoftKey.generate(str(path), generator, drawing(b"first" * 6 + b"12", bad, (SCALAR).to_bytes(32, "big")))
        assert path.read_bytes() == contents(SCALAR)

    @pytest.mark.parametrize("edge", [1, N - 1])
    def test_the_ends_of_the_range_are_keys(self, path: Path, generator: str, edge: int) -> None:
        SoftKey.generate(str(path), generator, drawing(bytes(32), edge.to_bytes(32, "big")))
        assert path.read_bytes() == contents(edge)

    @pytest.mark.parametrize("stuck", [b"\x55" * 32, bytes(32), b"\xff" * 32, b"", b"\x12" * 31, b"\x12" * 33])
    def test_a_random_source_that_is_stuck_or_short_makes_no_key(
        self, path: Path, generator: str, stuck: bytes
    ) -> None:
        with pytest.raises(BoardKeyError, match="random source"):
            SoftKey.generate(str(path), generator, lambda _: stuck)
        assert list(path.parent.iterdir()) == []

    @pytest.mark.parametrize("size", [0, 1, 31, 33])
    def test_draws_of_another_length_make_no_key(self, path: Path, generator: str, size: int) -> None:
        with pytest.raises(BoardKeyError, match="random source"):
            SoftKey.generate(str(path), generator, lambda _: os.urandom(size))

    def test_a_key_that_does_not_verify_what_it_signs_is_not_kept(
        self, path: Path, generator: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = p256.sign
        monkeypatch.setattr(p256, "sign", lambda *given: bytes((real(*given)[0] ^ 1,)) + real(*given)[1:])

        with pytest.raises(BoardKeyError, match="does not fit"):
            SoftKey.generate(str(path), generator, os.urandom)

        assert list(path.parent.iterdir()) == []

    def test_a_power_cut_before_the_key_is_in_place_leaves_no_key_and_no_obstacle(
        self, path: Path, generator: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.rename

        def cut(old: str, new: str) -> None:
            if new == str(path):
                raise KeyboardInterrupt
            real(old, new)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", cut)
            with pytest.raises(KeyboardInterrupt):
                SoftKey.generate(str(path), generator, os.urandom)
        with pytest.raises(BoardKeyError, match="no key"):
            SoftKey.load(str(path), generator)

        SoftKey.generate(str(path), generator, os.urandom)
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    def test_without_room_there_is_no_key(self, tmp_path: Path, generator: str) -> None:
        with pytest.raises(OSError, match="No such file"):
            SoftKey.generate(str(tmp_path / "nowhere" / "device.key"), generator, os.urandom)

    def test_while_flash_cannot_be_read_the_key_says_that_it_does_not_sign(
        self, tmp_path: Path, generator: str
    ) -> None:
        table = tmp_path / "own.comb"
        table.write_bytes(Path(generator).read_bytes())
        key = SoftKey.generate(str(tmp_path / "device.key"), str(table), os.urandom)
        table.rename(tmp_path / "away")
        with pytest.raises(KeysError, match="flash cannot be read"):  # what Outgoing waits for
            key.sign(b"an alarm")
        (tmp_path / "away").rename(table)
        assert len(key.sign(b"an alarm")) == 64


class TestLoading:
    """Reading a key."""

    def test_the_key_is_the_one_that_openssl_knows_by_this_scalar(self, stored: Path, generator: str) -> None:
        key = SoftKey.load(str(stored), generator)
        theirs = FileKey(derive_private_key(SCALAR, SECP256R1()))
        assert (key.public_der, key.kid) == (theirs.public_der, theirs.kid)
        assert keys.SPKI_PREFIX == agent_p256.SPKI_PREFIX + b"\x04"

    def test_every_damaged_byte_is_noticed(self, stored: Path, generator: str) -> None:
        good = stored.read_bytes()
        for at in range(len(good)):
            stored.write_bytes(good[:at] + bytes((good[at] ^ 4,)) + good[at + 1 :])
            with pytest.raises(BoardKeyError, match="damaged"):
                SoftKey.load(str(stored), generator)

    def test_every_other_length_is_noticed(self, stored: Path, generator: str) -> None:
        good = stored.read_bytes()
        for data in [*(good[:size] for size in range(40)), good + b"\x00", good * 50]:
            stored.write_bytes(data)
            with pytest.raises(BoardKeyError, match="damaged"):
                SoftKey.load(str(stored), generator)

    @pytest.mark.parametrize("scalar", [0, N, N + 1, (1 << 256) - 1])
    def test_a_sound_file_with_a_number_that_is_no_key_is_refused(
        self, path: Path, generator: str, scalar: int
    ) -> None:
        path.write_bytes(contents(scalar))
        with pytest.raises(BoardKeyError, match="damaged"):
            SoftKey.load(str(path), generator)

    def test_a_missing_file_is_told(self, path: Path, generator: str) -> None:
        with pytest.raises(BoardKeyError, match=r"no key in .*device\.key: enrol"):
            SoftKey.load(str(path), generator)

    def test_tls_gets_the_same_key(self, stored: Path, generator: str) -> None:
        key = SoftKey.load(str(stored), generator)
        private = load_der_private_key(key.private_der(), None)
        assert isinstance(private, EllipticCurvePrivateKey)
        assert private.private_numbers().private_value == SCALAR
        assert FileKey(private).public_der == key.public_der


class TestRequests:
    """Certificate requests."""

    def test_openssl_verifies_the_request(self, stored: Path, generator: str) -> None:
        key = SoftKey.load(str(stored), generator)
        request = stored.parent / "request.der"
        request.write_bytes(certificate_request(key, "sos-0042"))
        openssl = shutil.which("openssl")
        assert openssl is not None

        done = subprocess.run(
            [openssl, "req", "-inform", "DER", "-in", str(request), "-verify", "-noout", "-subject"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

        assert done.returncode == 0, done.stderr
        assert "verify OK" in done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].replace(" ", "") == "subject=CN=sos-0042"

    @pytest.mark.parametrize("name", ["abc", "sos-0042", "a" * 63])
    def test_it_asks_for_what_the_agent_asks(self, stored: Path, generator: str, name: str) -> None:
        ours = certificate_request(SoftKey.load(str(stored), generator), name)
        ((_, theirs),) = pem.blocks(agent_request(FileKey(derive_private_key(SCALAR, SECP256R1())), name), 1)
        assert info(ours) == info(theirs)

    def test_signatures_of_every_shape_become_der(self) -> None:
        rng = random.Random(11)

        class Fixed:
            kid = bytes(8)
            public_der = agent_p256.spki_of_point(1, 2)

            def __init__(self, raw: bytes) -> None:
                self._raw = raw

            def sign(self, _data: bytes) -> bytes:
                return self._raw

        for r in (1, 127, 128, 255, 256, 1 << 247, (1 << 248) - 1, 1 << 255, N - 1):
            raw = r.to_bytes(32, "big") + rng.randrange(1, N).to_bytes(32, "big")
            assert certificate_request(Fixed(raw), "abc").endswith(b"\x00" + agent_p256.der_from_raw(raw))

    @pytest.mark.parametrize("name", ["", "ab", "Sos-1", "a b c", "-abc", "a" * 64, "ünïcode"])
    def test_a_name_that_is_no_identity_is_refused(self, stored: Path, generator: str, name: str) -> None:
        with pytest.raises(MalformedError):
            certificate_request(SoftKey.load(str(stored), generator), name)


class TestPublicKeys:
    """Which public keys are taken."""

    def test_there_and_back(self) -> None:
        der = FileKey(derive_private_key(SCALAR, SECP256R1())).public_der
        assert keys.spki_of_point(*keys.point_of_spki(der)) == der
        assert keys.kid_of(der) == agent_p256.kid_of(der)

    def test_only_the_one_form_with_a_point_on_the_curve(self) -> None:
        der = FileKey(derive_private_key(SCALAR, SECP256R1())).public_der
        bad = [
            der[:-1],
            der + b"\x00",
            b"",
            bytes(91),
            der[:26] + b"\x02" + der[27:],
            der[:27] + bytes(64),
            der[:27] + b"more" + der[27:],
        ]
        bad += [der[:at] + bytes((der[at] ^ 1,)) + der[at + 1 :] for at in range(91)]
        for wrong in bad:
            with pytest.raises(BoardKeyError):
                keys.point_of_spki(wrong)


BOARD = """
from devices.firmware import comb, curve
from devices.firmware.keys import BoardKeyError, certificate_request
from devices.firmware.softkey import SoftKey

generator = comb.make_sure("g.comb", *curve.G)
draws = [b"\\x01" * 32, bytes(32), b"\\xff" * 32, b"\\x37" * 32]
key = SoftKey.generate("device.key", generator, lambda n: draws.pop(0))
print(key.kid, key.public_der)
key = SoftKey.load("device.key", generator)
print(key.sign(b"event"), certificate_request(key, "sos-0042"))
for at in (0, 31, 32, 39):
    with open("device.key", "rb") as file:
        good = file.read()
    with open("damaged.key", "wb") as file:
        file.write(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
    for path in ("damaged.key", "missing.key"):
        try:
            SoftKey.load(path, generator)
            print("loaded")
        except BoardKeyError as error:
            print(error)
try:
    SoftKey.generate("device.key", generator, lambda n: bytes(n))
except BoardKeyError as error:
    print(error)
try:
    SoftKey.generate("other.key", generator, lambda n: bytes(n))
except BoardKeyError as error:
    print(error)
"""


TLS = """
import tls
from binascii import unhexlify
from devices.firmware import comb, curve
from devices.firmware.softkey import SoftKey

with open("device.key", "wb") as file:
    file.write(unhexlify("%s"))
key = SoftKey.load("device.key", comb.make_sure("g.comb", *curve.G))
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.load_cert_chain(unhexlify("%s"), key.private_der())
try:
    context.load_cert_chain(unhexlify("%s"), key.private_der()[:-1])
except ValueError:
    print("refused when it is torn")
"""


@pytest.mark.micropython
def test_the_authority_certifies_the_key_and_a_boards_tls_takes_both(
    stored: Path, generator: str, on_micropython: Callable[[str], str]
) -> None:
    request = certificate_request(SoftKey.load(str(stored), generator), "sos-0042")
    authority = Authority.create(stored.parent / "ca", "Test", NOW_MS)
    issued = authority.issue_device(pem.encoded("CERTIFICATE REQUEST", request), "sos-0042", NOW_MS)
    certificate = pem.blocks(issued.chain_pem, 4)[0][1].hex()

    told = on_micropython(TLS % (contents(SCALAR).hex(), certificate, certificate))

    assert told == "refused when it is torn\n"


@pytest.mark.micropython
def test_a_board_makes_the_same_key_of_the_same_draws(both_interpreters: Callable[[str], str]) -> None:
    lines = both_interpreters(BOARD).splitlines()
    assert sum("damaged: erase" in line for line in lines) == 4
    assert sum("no key in missing.key" in line for line in lines) == 4
    assert "there is a key" in lines[-2]
    assert "random source" in lines[-1]
