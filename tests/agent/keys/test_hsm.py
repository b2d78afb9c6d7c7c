"""A key in a PKCS#11 token, against SoftHSM: made there, never readable, and back after the session or the token went away."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.keys import p256
from agent.keys.errors import HsmError, HsmUriError, SecretFileError
from agent.keys.hsm import Pkcs11Key, module_path
from agent.keys.hsm_uri import HsmUri
from agent.keys.request import certificate_request
from tests.agent.keys.softhsm import Token, initialised, softhsm_library

needs_softhsm = [
    pytest.mark.softhsm,
    pytest.mark.skipif(
        softhsm_library() is None, reason="libsofthsm2.so is missing: install the Debian package softhsm2"
    ),
]


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Token]:
    with initialised(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.softhsm
@needs_softhsm[1]
class TestToken:
    """What needs a token."""

    def test_a_key_made_in_the_token_signs(self, token: Token) -> None:
        key = Pkcs11Key.generate(token.uri)
        check = p256.verifier(key.public_der)
        assert key.kid == p256.kid_of(key.public_der)
        assert check(key.sign(b"data"), b"data")
        assert not check(key.sign(b"data"), b"other")

    def test_the_private_key_cannot_be_read(self, token: Token) -> None:
        import pkcs11  # noqa: PLC0415 - only where the library is there

        key = Pkcs11Key.generate(token.uri)
        assert key._key[pkcs11.Attribute.EXTRACTABLE] is False
        assert key._key[pkcs11.Attribute.SENSITIVE] is True
        with pytest.raises(pkcs11.PKCS11Error):
            _ = key._key[pkcs11.Attribute.VALUE]

    def test_the_same_key_is_found_again(self, token: Token) -> None:
        made = Pkcs11Key.generate(token.uri)
        again = Pkcs11Key(token.uri)
        assert again.public_der == made.public_der
        assert p256.verifier(made.public_der)(again.sign(b"x"), b"x")

    def test_openssl_accepts_a_request_that_the_token_signed(self, token: Token) -> None:
        request = certificate_request(Pkcs11Key.generate(token.uri), "pillar-017")
        command = ["openssl", "req", "-verify", "-noout"]
        assert subprocess.run(command, input=request, text=True, check=False, capture_output=True).returncode == 0

    def test_a_second_key_of_the_same_name_is_not_made(self, token: Token) -> None:
        Pkcs11Key.generate(token.uri)
        with pytest.raises(HsmError, match="already"):
            Pkcs11Key.generate(token.uri)

    def test_a_lost_session_is_opened_again(self, token: Token) -> None:
        key = Pkcs11Key.generate(token.uri)
        key._session.close()
        assert p256.verifier(key.public_der)(key.sign(b"x"), b"x")

    def test_a_token_taken_out_is_an_error_and_put_back_works_again(self, token: Token) -> None:
        key = Pkcs11Key.generate(token.uri)
        token.take_out()
        for _ in range(2):
            with pytest.raises(HsmError):
                key.sign(b"x")
        token.put_back()
        assert p256.verifier(key.public_der)(key.sign(b"x"), b"x")

    def test_another_token_in_its_place_is_refused(self, token: Token) -> None:
        key = Pkcs11Key.generate(token.uri)
        token.take_out()
        token.initialise()
        with pytest.raises(HsmError):
            key.sign(b"x")
        Pkcs11Key.generate(token.uri)
        with pytest.raises(HsmError, match="another"):
            key.sign(b"x")

    def test_a_wrong_pin_a_missing_key_and_a_missing_token_are_told_apart(self, token: Token) -> None:
        with pytest.raises(HsmError, match="no private key 'device' on token 'dabyl'"):
            Pkcs11Key(token.uri)
        with pytest.raises(HsmError, match="token 'other' cannot be opened"):
            Pkcs11Key(token.uri.replace("dabyl", "other"))
        token.pin.write_text("999999")
        with pytest.raises(HsmError, match="refuses the PIN"):
            Pkcs11Key(token.uri)

    def test_a_pin_file_open_to_others_is_refused(self, token: Token) -> None:
        token.pin.chmod(0o644)
        with pytest.raises(SecretFileError, match="chmod 600"):
            Pkcs11Key(token.uri)


def test_a_missing_library_is_named() -> None:
    with pytest.raises(HsmError, match="does not exist"):
        module_path(HsmUri("pkcs11:token=t;object=o?module-path=/nowhere/lib.so&pin-source=file:/p"))
    with pytest.raises(HsmError, match="no PKCS#11 library found"):
        module_path(HsmUri("pkcs11:token=t;object=o?module-name=nonesuch&pin-source=file:/p"))


def test_a_uri_is_read_with_its_escapes() -> None:
    uri = HsmUri(
        "pkcs11:token=Dabyl%20HSM;object=%D0%B4;id=%01%FF?pin-source=file:///etc/dabyl/pin&module-path=/a%2Fb.so"
    )
    assert (uri.token, uri.object, uri.id) == ("Dabyl HSM", "д", b"\x01\xff")
    assert (uri.pin_file, uri.module_path) == ("/etc/dabyl/pin", "/a/b.so")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "begins with"),
        ("file:/key", "begins with"),
        ("pkcs11:", "must name token"),
        ("pkcs11:token=t?pin-source=file:/p", "must name token"),
        ("pkcs11:object=o?pin-source=file:/p", "must name token"),
        ("pkcs11:token=t;object=o", "file of the PIN"),
        ("pkcs11:token=t;object=o?pin-value=1234", "PIN must not stand"),
        ("pkcs11:token=t;object=o;pin=1234", "PIN must not stand"),
        ("pkcs11:token=t;object=o?pin-source=pin", "absolute"),
        ("pkcs11:token=t;object=o?pin-source=file://host/pin", "absolute"),
        ("pkcs11:token=t;token=u;object=o?pin-source=file:/p", "twice"),
        ("pkcs11:token=t;colour=red;object=o?pin-source=file:/p", "unknown attribute"),
        ("pkcs11:token;object=o?pin-source=file:/p", "unknown attribute"),
        ("pkcs11:token=;object=o?pin-source=file:/p", "empty"),
        ("pkcs11:token=%00;object=o?pin-source=file:/p", "zero"),
        ("pkcs11:token=%ff;object=o?pin-source=file:/p", "UTF-8"),
        ("pkcs11:token=t;object=o;type=cert?pin-source=file:/p", "private"),
        ("pkcs11:token=" + "t" * 2000, "longer"),
    ],
)
def test_a_wrong_uri_says_what_is_wrong(uri: str, said: str) -> None:
    with pytest.raises(HsmUriError, match=said) as caught:
        HsmUri(uri)
    assert "1234" not in str(caught.value)
