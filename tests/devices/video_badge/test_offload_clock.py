"""Offloading while the badge's clock is unset: no certificate can be judged by a clock that says 1970, and all else still counts."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import BUILT_MS
from devices.video_badge.offload import OffloadError
from tests.center.evidence.site import Site, random_segment
from tests.center.scripted import Pki
from tests.devices.video_badge.offloading import Lying, Spool, answer

DAY_MS = 86_400_000
_NUMBERS = itertools.count(2)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("offload"))


@pytest.fixture
def spool(site: Site, tmp_path: Path) -> Iterator[Spool]:
    made = Spool(site, site.badge(f"video-{next(_NUMBERS):04}"), tmp_path / "spool")
    yield made
    for offloader in made.offloaders:
        offloader.stop()


def valid_from(pki: Pki, name: str, at_ms: int) -> str:
    """A server's certificate for 30 days from then on."""
    today, pki.now_ms = pki.now_ms, at_ms
    pki.leaf("evidence", name)
    pki.now_ms = today
    return name


@pytest.mark.parametrize(
    ("unix_s", "from_days", "message"),
    [
        (0, 0, "answers 503"),
        (BUILT_MS / 1000 - 1, 2, "answers 503"),
        (BUILT_MS / 1000, 2, "is not believed"),
        (BUILT_MS / 1000, 0, "answers 503"),
    ],
)
def test_only_a_clock_that_is_set_judges_the_servers_certificate(
    site: Site, spool: Spool, unix_s: float, from_days: int, message: str
) -> None:
    name = valid_from(site.pki, f"evidence-{next(_NUMBERS)}", site.pki.now_ms + from_days * DAY_MS)
    spool.put(random_segment(1, 1000))
    with Lying(site, lambda asked: answer(asked, 503, {}), name=name) as port:
        offloader = spool.offloader(port)
        offloader._unix_s = lambda: unix_s
        with pytest.raises(OffloadError, match=message):
            offloader.pass_over(0)
    assert spool.files() == ["000001.cose", "000001.seg"]


def test_what_had_ended_when_the_badge_was_built_is_not_believed_by_any_clock(
    tmp_path: Path, site: Site, spool: Spool
) -> None:
    old = Pki(tmp_path / "old", BUILT_MS - 31 * DAY_MS)
    old.leaf("evidence", "evidence-1")
    spool.put(random_segment(1, 1000))
    with Lying(site, lambda asked: answer(asked, 503, {}), pki=old) as port:
        offloader = spool.offloader(port)
        offloader._files = (str(old.root), *offloader._files[1:])
        offloader._unix_s = lambda: 0.0
        with pytest.raises(OffloadError, match="ended before this badge was built"):
            offloader.pass_over(0)


def test_another_authority_is_not_believed_by_any_clock(tmp_path: Path, site: Site, spool: Spool) -> None:
    foreign = Pki(tmp_path / "foreign", site.pki.now_ms)
    foreign.leaf("evidence", "evidence-1")
    spool.put(random_segment(1, 1000))
    with Lying(site, lambda asked: answer(asked, 503, {}), pki=foreign) as port:
        offloader = spool.offloader(port)
        offloader._unix_s = lambda: 0.0
        with pytest.raises(OffloadError, match="is not believed"):
            offloader.pass_over(0)
