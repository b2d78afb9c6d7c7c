"""Who the center is: its own key counts only with a certificate that proves a center of this very name."""

from pathlib import Path

import pytest

from agent.keys.chain import load_roots
from center import config
from center.errors import ConfigurationError
from center.identity import own_key
from tests.center.scripted import NOW, Pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("identity"))
    for role, name in (("center", "center-1"), ("center", "center-2"), ("evidence", "center-3")):
        made.leaf(role, name)
    return made


def configuration(pki: Pki, name: str, certificate: str, key: str) -> config.Configuration:
    files = f'certificate = "{pki.directory}/{certificate}.pem"\nkey = "{pki.directory}/{key}.key"\n'
    text = (
        f'[center]\nid = "{name}"\ndatabase = "center.sqlite"\nroots = ["{pki.root}"]\n{files}'
        f'[broker]\nhosts = ["127.0.0.1:1"]\nca = "{pki.root}"\n{files}'
    )
    return config.parse(text, Path(pki.directory) / "center.toml")


def test_a_center_s_key_comes_with_its_chain(pki: Pki) -> None:
    key, chain = own_key(
        configuration(pki, "center-1", "center-1", "center-1"), load_roots(pki.authority.root_pem), (), NOW
    )
    assert key.kid == pki.signer("center-1").kid
    assert chain


@pytest.mark.parametrize(
    ("name", "certificate", "key"),
    [("center-1", "center-2", "center-2"), ("center-3", "center-3", "center-3"), ("center-1", "center-1", "center-2")],
    ids=["another name", "another role", "another key"],
)
def test_what_proves_no_center_of_this_name_is_refused(pki: Pki, name: str, certificate: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\[center\] certificate and key"):
        own_key(configuration(pki, name, certificate, key), load_roots(pki.authority.root_pem), (), NOW)


def test_another_authority_is_not_believed(pki: Pki, tmp_path: Path) -> None:
    foreign = Pki(tmp_path / "foreign")
    with pytest.raises(ConfigurationError, match=r"\[center\] certificate and key"):
        own_key(configuration(pki, "center-1", "center-1", "center-1"), load_roots(foreign.authority.root_pem), (), NOW)
