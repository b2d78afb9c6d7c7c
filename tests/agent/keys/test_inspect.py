"""What the check of a chain tells its installer: every problem at once."""

from agent.keys.inspect import examine
from provisioning.authority.authority import Authority
from tests.agent.keys.conftest import Issue
from tests.agent.keys.forge import DAY_MS, NOW_MS


def test_the_check_finds_nothing_wrong_with_a_good_chain(authority: Authority, issue: Issue) -> None:
    crl = authority.crl_pem(NOW_MS)
    assert examine(issue(), authority.root_pem, "device", "pillar-017", NOW_MS, crl) == []


def test_the_check_names_every_problem_at_once(authority: Authority, issue: Issue) -> None:
    found = examine(issue(days=1), authority.root_pem, "center", "center-1", NOW_MS + 2 * DAY_MS)
    assert len(found) == 3
    assert "expired on" in found[0]
    assert "a center is needed" in found[1]
    assert "center-1 is needed" in found[2]


def test_the_check_reports_what_cannot_be_read(authority: Authority, issue: Issue) -> None:
    assert "cannot be read" in examine([b"x"], authority.root_pem, "device", "pillar-017", NOW_MS)[0]
    assert "trusted root" in examine(issue(), "", "device", "pillar-017", NOW_MS)[0]
    assert (
        "not PEM" in examine(issue(), authority.root_pem, "device", "pillar-017", NOW_MS, "-----BEGIN X509 CRL-----")[0]
    )
