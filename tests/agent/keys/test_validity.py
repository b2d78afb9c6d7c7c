"""When a certificate begins and ends, as X.509 code says it."""

import random

import pytest

from agent.keys.certificate import read
from agent.keys.errors import CredentialsError
from agent.keys.validity import _days, due_ms, validity
from tests.agent.keys.conftest import Issue
from tests.agent.keys.forge import DAY_MS, NOW_MS


def test_begin_and_end_are_those_that_x509_reads(issue: Issue) -> None:
    for days in (
        1,
        30,
        7000,
    ):  # 7000 days from 2026: 2045, still in two digits; the root's 25 years, past 2050, in four
        for der in issue("device", "device-1", days=days):
            facts = read(der, "it")
            assert validity(der) == (facts.not_before_ms, facts.not_after_ms)


def test_it_is_due_with_a_third_of_its_life_left(issue: Issue) -> None:
    leaf = issue("device", "device-1", days=90)[0]
    assert abs(due_ms(leaf) - (NOW_MS + 60 * DAY_MS)) < 3_600_000


def test_days_are_counted_as_the_calendar_does() -> None:
    for date, days in (((1970, 1, 1), 0), ((2000, 2, 29), 11016), ((2100, 3, 1), 47541), ((1950, 1, 1), -7305)):
        assert _days(*date) == days


def test_what_is_no_certificate_ends_in_the_documented_error(issue: Issue) -> None:
    der = issue("device", "device-1")[0]
    seeded = random.Random(7)
    refused = 0
    for at in range(160):
        for changed in (der[:at], der[:at] + bytes((seeded.randrange(256),)) + der[at + 1 :]):
            try:
                validity(changed)
            except CredentialsError:
                refused += 1
    assert refused > 160
    for data in (b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x00"):
        with pytest.raises(CredentialsError, match="enrol the device again"):
            validity(data)
