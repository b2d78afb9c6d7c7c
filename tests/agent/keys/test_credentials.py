"""Chains as files: which are taken, and that a chain of another key is noticed without parsing X.509."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.keys import credentials, pem
from agent.keys.certificate import Certificate, read
from agent.keys.errors import CredentialsError
from agent.keys.file import FileKey


def as_pem(chain: list[bytes]) -> str:
    return "".join(pem.encoded("CERTIFICATE", der) for der in chain)


def test_a_chain_is_read_leaf_first(tmp_path: Path, issue: Callable[..., list[bytes]]) -> None:
    chain = issue()
    (tmp_path / "chain.pem").write_text("comment\n" + as_pem(chain))
    assert credentials.load_chain(str(tmp_path / "chain.pem")) == chain


def test_the_leaf_must_be_for_the_signing_key(
    issue: Callable[..., list[bytes]], new_key: Callable[[], FileKey]
) -> None:
    chain = issue()
    credentials.check_leaf(chain, read(chain[0], "leaf").public_der, "chain.pem")
    with pytest.raises(CredentialsError, match="does not belong to the signing key"):
        credentials.check_leaf(chain, new_key().public_der, "chain.pem")
    with pytest.raises(CredentialsError, match="does not belong"):
        credentials.check_leaf(chain[::-1], read(chain[0], "leaf").public_der, "chain.pem")
    with pytest.raises(CredentialsError, match="no certificate"):
        credentials.check_leaf([], b"", "chain.pem")


def test_wrong_chain_files_are_named(
    tmp_path: Path, issue: Callable[..., list[bytes]], roots: tuple[Certificate, ...]
) -> None:
    text = as_pem(issue())
    wrong = {
        "": "no certificate",
        "nothing here": "no certificate",
        text * 3: "more than 4",
        text.replace("CERTIFICATE", "PRIVATE KEY"): "keep keys in their own file",
        text[:-30]: "not closed",
        text.replace("MI", "M*", 1): "base64",
        pem.encoded("CERTIFICATE", b"x" * 4097): "more than 4096",
        "x" * 40000: "longer than",
        "ж": "not PEM text",
    }
    path = tmp_path / "chain.pem"
    for contents, said in wrong.items():
        path.write_text(contents, encoding="utf-8")
        with pytest.raises(CredentialsError, match=said) as caught:
            credentials.load_chain(str(path))
        assert str(path) in str(caught.value)
    for name, said in (("missing.pem", "cannot be opened"), (".", "not a regular file")):
        with pytest.raises(CredentialsError, match=said):
            credentials.load_chain(str(tmp_path / name))


@given(st.text(alphabet=st.sampled_from(list("-BEGINCRTFAKDnd =/+\n0aZ")), max_size=300))
def test_any_text_gives_a_chain_or_the_documented_error(text: str) -> None:
    try:
        chain = credentials.chain_from_pem(text, "text")
    except CredentialsError:
        return
    assert chain


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
def test_pem_gives_back_what_was_put_in(ders: list[bytes]) -> None:
    assert credentials.chain_from_pem(as_pem(ders), "text") == ders
