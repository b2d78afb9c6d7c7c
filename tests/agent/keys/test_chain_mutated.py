"""Chains with bytes changed, missing or made up: each ends in a documented error."""

import random

import pytest
from cryptography import x509

from agent.keys import errors
from agent.keys.chain import verify_chain
from tests.agent.keys.conftest import Issue
from tests.agent.keys.forge import NOW_MS, Roots


def test_a_mutated_chain_ends_in_a_documented_error(issue: Issue, roots: Roots) -> None:
    chain = issue()
    seeded = random.Random(3)
    seen = set()
    for round_number in range(2500):
        changed = [bytearray(der) for der in chain]
        victim = changed[seeded.randrange(2)]
        kind = round_number % 5
        at = seeded.randrange(len(victim))
        if kind == 0:
            victim[at] ^= 1 << seeded.randrange(8)
        elif kind == 1:
            victim[at] = (victim[at] + seeded.randint(1, 255)) % 256
        elif kind == 2:
            del victim[at : at + seeded.randint(1, 40)]
        elif kind == 3:
            victim[at:at] = seeded.randbytes(seeded.randint(1, 8))
        else:
            victim.extend(seeded.randbytes(seeded.randint(1, 8)))
        with pytest.raises(errors.ChainError) as caught:
            verify_chain([bytes(der) for der in changed], roots, NOW_MS)
        seen.add(type(caught.value))
    assert {errors.ChainMalformedError, errors.ChainUntrustedError} <= seen


def test_unused_bits_in_the_signature_are_refused_though_no_signature_covers_them(issue: Issue, roots: Roots) -> None:
    for _ in range(8):
        leaf, issuing = issue()
        signature = x509.load_der_x509_certificate(leaf).signature
        changed = bytearray(leaf)
        changed[-len(signature) - 1] = 1
        with pytest.raises(errors.ChainMalformedError):
            verify_chain([bytes(changed), issuing], roots, NOW_MS)


def test_random_bytes_are_malformed_and_large_ones_are_not_even_parsed(roots: Roots) -> None:
    seeded = random.Random(5)
    for size in (0, 1, 2, 50, 4096, 4097, 70000):
        with pytest.raises(errors.ChainMalformedError):
            verify_chain([seeded.randbytes(size)], roots, NOW_MS)
    with pytest.raises(errors.ChainMalformedError, match="more than 4096"):
        verify_chain([b"\x30" * 4097], roots, NOW_MS)
