# ruff: noqa: E501  public vectors, unbroken so that they can be searched for
"""The envelope agrees with the public COSE examples and with an independent library, and each rule of ``verify`` is needed."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE, COSEAlgs, COSEHeaders, COSEKey

from agent.keys import p256
from agent.keys.file import FileKey
from agent.wire import cbor, cose, event
from agent.wire.errors import ForgedError, MalformedError, OversizedError, UnknownKeyError, WireError

# The public examples of the COSE working group (repository cose-wg/Examples, folders sign1-tests and ecdsa-examples). All are signed by
# one P-256 key over "This is the content." and have a key identifier of two bytes, unprotected, so they stop short of `verify`.
PUBLIC_X = "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8"
PUBLIC_Y = "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"
CONTENT = b"This is the content."
TAIL = "A10442313154546869732069732074686520636F6E74656E742E5840"
SIGNATURE = "8EB33E4CA31D1C465AB05AAC34CC6B23D58FEF5C083106C4D25A91AEF0B0117E2AF9A291AA32E14AB834DC56ED2A223444547E01F11D3B0916E5A4C345CACB36"
SIGNATURE_WITH_TYPE = "6520BBAF2081D7E0ED0F95F76EB0733D667005F7467CEC4B87B9381A6BA1EDE8E00DF29F32A37230F39A842A54821FDD223092819D7728EFB9D3A0080B75380B"
SIGNATURE_BARE = "87DB0D2E5571843B78AC33ECB2830DF7B6E0A4D5B7376DE336B23C591C90C425317E56127FBE04370097CE347087B233BF722B64072BEB4486BDA4031D27244F"
SIGNATURE_EXTERNAL = "10729CD711CB3813D8D8E944A8DA7111E7B258C9BDCA6135F7AE1ADBEE9509891267837E1E33BD36C150326AE62755C6BD8E540C3E8F92D7D225E8DB72B8820B"
PLAIN_TBS = "846A5369676E61747572653143A101264054546869732069732074686520636F6E74656E742E"

Verify = Callable[[bytes, bytes], bool]


@pytest.fixture(scope="module")
def public_check() -> Verify:
    x, y = (int.from_bytes(base64.urlsafe_b64decode(text + "="), "big") for text in (PUBLIC_X, PUBLIC_Y))
    return p256.verifier(p256.spki_of_point(x, y))


@pytest.mark.parametrize(
    ("message", "aad", "signed"),
    [
        pytest.param("D28443A10126" + TAIL + SIGNATURE, "", PLAIN_TBS, id="sign-pass, tagged"),
        pytest.param(
            "D28443A10126" + TAIL + SIGNATURE_EXTERNAL,
            "11AA22BB33CC44DD55006699",
            "846A5369676E61747572653143A101264C11AA22BB33CC44DD5500669954546869732069732074686520636F6E74656E742E",
            id="sign-pass-02",
        ),
        pytest.param(
            "D28445A201260300" + TAIL + SIGNATURE_WITH_TYPE,
            "",
            "846A5369676E61747572653145A2012603004054546869732069732074686520636F6E74656E742E",
            id="ecdsa-sig-01",
        ),
    ],
)
def test_public_examples_that_pass(message: str, aad: str, signed: str, public_check: Verify) -> None:
    parts = cose.parse(bytes.fromhex(message))
    tbs = cose.to_be_signed(parts.protected, bytes.fromhex(aad), parts.payload)

    assert parts.payload == CONTENT
    assert tbs == bytes.fromhex(signed)
    assert public_check(parts.signature, tbs)


def test_public_example_with_no_protected_header_is_signed_as_empty_bytes(public_check: Verify) -> None:
    # sign-pass-01: the header stands there as an empty map, which has two encodings; the contract takes the other one (RFC 9052 §3).
    tbs = cose.to_be_signed(b"", b"", CONTENT)
    assert tbs == bytes.fromhex("846A5369676E617475726531404054546869732069732074686520636F6E74656E742E")
    assert public_check(bytes.fromhex(SIGNATURE_BARE), tbs)
    with pytest.raises(MalformedError):
        cose.parse(bytes.fromhex("D28441A0A2012604423131" + TAIL[10:] + SIGNATURE_BARE))


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("8443A10126" + TAIL + SIGNATURE, id="sign-pass-03, without the tag that the contract demands"),
        pytest.param("D903E68443A10126" + TAIL + SIGNATURE, id="sign-fail-01, another tag"),
    ],
)
def test_public_examples_that_are_no_message_of_ours(message: str) -> None:
    with pytest.raises(MalformedError):
        cose.parse(bytes.fromhex(message))


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("D28443A10126" + TAIL.replace("742E5840", "742F5840") + SIGNATURE, id="sign-fail-02, payload"),
        pytest.param("D28445A1013903E6" + TAIL + SIGNATURE, id="sign-fail-03, algorithm"),
        pytest.param("D2844AA10167756E6B6E6F776E" + TAIL + SIGNATURE, id="sign-fail-04, algorithm in words"),
        pytest.param("D28445A201260300" + TAIL + SIGNATURE, id="sign-fail-06, header added"),
        pytest.param("D28443A10126" + TAIL + SIGNATURE_WITH_TYPE, id="sign-fail-07, header removed"),
    ],
)
def test_public_examples_that_fail(message: str, public_check: Verify) -> None:
    parts = cose.parse(bytes.fromhex(message))
    assert not public_check(parts.signature, cose.to_be_signed(parts.protected, b"", parts.payload))


PRIVATE = ec.derive_private_key(0x0DAB11, ec.SECP256R1())
SIGNER = FileKey(PRIVATE)
CHECK = p256.verifier(SIGNER.public_der)
PAYLOAD = event.Event("sos-0001", "sos-button", "test.passed", 1, 2, 0, 0, 5, bytes(16), {"by": "user"}).encode()
OUR_HEADERS: dict[object, object] = {cose.ALG: cose.ESP256, cose.KID: SIGNER.kid}


def ours_for_cwt(alg: str, *, private: bool) -> object:
    if private:
        pem = PRIVATE.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    else:
        pem = PRIVATE.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return COSEKey.from_pem(pem, alg=alg, kid=SIGNER.kid)


@pytest.mark.parametrize("alg", ["ESP256", "ES256"])
def test_what_we_seal_an_independent_library_verifies(alg: str) -> None:
    if alg == "ESP256":
        message = cose.sign(PAYLOAD, event.CONTEXT, SIGNER)
    else:
        message = assembled(headers={cose.ALG: cose.ES256, cose.KID: SIGNER.kid})
    key = ours_for_cwt(alg, private=False)

    assert COSE.new().decode(message, key, external_aad=event.CONTEXT) == PAYLOAD
    with pytest.raises(Exception, match="verify"):
        COSE.new().decode(message, key, external_aad=b"dabyl/v1/presence")


@pytest.mark.parametrize("alg", ["ESP256", "ES256"])
def test_what_an_independent_library_seals_we_verify(alg: str) -> None:
    message = COSE.new(deterministic_header=True).encode_and_sign(
        PAYLOAD,
        ours_for_cwt(alg, private=True),
        protected={COSEHeaders.ALG: COSEAlgs[alg], COSEHeaders.KID: SIGNER.kid},
        external_aad=event.CONTEXT,
    )
    assert isinstance(message, bytes)

    assert cose.verify(message, event.CONTEXT, {SIGNER.kid: CHECK}.get).payload == PAYLOAD
    with pytest.raises(ForgedError):
        cose.verify(message, b"dabyl/v1/command", {SIGNER.kid: CHECK}.get)


# Each rule of `verify`. All messages below are genuinely signed by the trusted key over what they carry, so nothing but the rule itself
# stands between them and being believed.


def assembled(
    headers: dict[object, object] | None = None,
    unprotected: dict[object, object] | None = None,
    context: bytes = event.CONTEXT,
    trim: int = 64,
) -> bytes:
    protected = cbor.dumps(OUR_HEADERS if headers is None else headers)
    signature = SIGNER.sign(cose.to_be_signed(protected, context, PAYLOAD))
    signature = signature[:trim] + bytes(max(0, trim - 64))
    return b"\xd2\x84" + b"".join(cbor.dumps(x) for x in (protected, unprotected or {}, PAYLOAD, signature))


def lenient(_signature: bytes, _data: bytes) -> bool:
    """A verifier that says yes to all: what is refused now is refused by a rule before it."""
    return True


def believe(message: bytes, check: Verify = CHECK) -> cose.Sign1:
    return cose.verify(
        message, event.CONTEXT, lambda kid: check if kid[:8] == SIGNER.kid[:8] or len(kid) != 8 else None
    )


def test_a_genuine_message_is_believed() -> None:
    assert believe(assembled()).payload == PAYLOAD
    assert believe(assembled({**OUR_HEADERS, "x": 1}, {"y": 2})).unprotected == {"y": 2}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(MalformedError, assembled({**OUR_HEADERS, cose.CRIT: [1]}), id="critical header"),
        pytest.param(MalformedError, assembled(unprotected={cose.CRIT: [1]}), id="critical header, unprotected"),
        pytest.param(
            MalformedError, assembled({cose.ALG: -9}, {cose.KID: SIGNER.kid}), id="identifier unprotected only"
        ),
        pytest.param(MalformedError, assembled({cose.ALG: -9, cose.KID: SIGNER.kid[:7]}), id="identifier too short"),
        pytest.param(MalformedError, assembled({cose.ALG: -9, cose.KID: SIGNER.kid + b"0"}), id="identifier too long"),
        pytest.param(MalformedError, assembled({cose.ALG: -9, cose.KID: "12345678"}), id="identifier is text"),
        pytest.param(MalformedError, assembled(unprotected={cose.KID: SIGNER.kid}), id="a header in both maps"),
        pytest.param(UnknownKeyError, assembled({cose.ALG: -9, cose.KID: bytes(8)}), id="key not in the table"),
        pytest.param(ForgedError, assembled({cose.KID: SIGNER.kid}), id="no algorithm"),
        pytest.param(ForgedError, assembled({cose.KID: SIGNER.kid}, {cose.ALG: -9}), id="algorithm unprotected only"),
        pytest.param(ForgedError, assembled({**OUR_HEADERS, cose.ALG: -8}), id="another algorithm"),
        pytest.param(ForgedError, assembled({**OUR_HEADERS, cose.ALG: True}), id="an algorithm that is no algorithm"),
        pytest.param(ForgedError, assembled(trim=63), id="signature too short"),
        pytest.param(ForgedError, assembled(trim=65), id="signature too long"),
        pytest.param(MalformedError, assembled() + b"\x00", id="bytes after the end"),
        pytest.param(OversizedError, assembled() + bytes(65536), id="too large"),
    ],
)
def test_each_rule_alone_keeps_a_message_out(error: type[WireError], message: bytes) -> None:
    with pytest.raises(error) as refused:
        believe(message, lenient)
    assert type(refused.value) is error


def test_the_signature_is_checked_over_the_class_and_the_bytes_that_arrived() -> None:
    with pytest.raises(ForgedError):
        believe(assembled(context=b"dabyl/v1/presence"))
    message = assembled()
    for at in (9, 20, len(message) // 2, len(message) - 1):
        with pytest.raises(WireError):
            believe(message[:at] + bytes((message[at] ^ 1,)) + message[at + 1 :])


def test_the_short_way_of_reading_our_own_header_finds_what_the_long_way_finds() -> None:
    message = assembled()
    parts = cose.parse(message)
    general = cose.parse(assembled(unprotected={"a": 0}))

    assert parts.headers == general.headers == cbor.loads(parts.protected) == OUR_HEADERS
    assert (parts.protected, parts.payload) == (general.protected, general.payload)
    assert parts.unprotected == {}
    for view in (bytearray(message), memoryview(message)):
        again = cose.parse(view)  # type: ignore[arg-type]  # a board hands its receive buffer
        assert (type(again.payload), again.payload) == (bytes, PAYLOAD)


def test_a_message_of_the_largest_size_passes_and_one_byte_more_does_not() -> None:
    overhead = len(cose.sign(bytes(60000), b"", SIGNER)) - 60000
    assert cose.parse(cose.sign(bytes(65536 - overhead), b"", SIGNER)).payload == bytes(65536 - overhead)
    with pytest.raises(OversizedError):
        cose.sign(bytes(65537 - overhead), b"", SIGNER)


def test_a_certificate_chain_travels_unprotected_and_is_only_a_claim() -> None:
    for chain in ([b"leaf"], [b"leaf", b"issuer"], [b"a", b"b", b"c", b"d"]):
        message = cose.sign(PAYLOAD, event.CONTEXT, SIGNER, cose.x5chain(chain))
        assert cose.certificate_chain(believe(message)) == chain
    assert cose.certificate_chain(believe(assembled())) == []


@pytest.mark.parametrize("bad", [[], [b"one"], [b"x"] * 5, "text", 7, {}, [b"leaf", "text"], True])
def test_a_chain_of_another_shape_is_refused(bad: object) -> None:
    with pytest.raises(MalformedError):
        cose.certificate_chain(believe(assembled(unprotected={cose.X5CHAIN: bad})))
