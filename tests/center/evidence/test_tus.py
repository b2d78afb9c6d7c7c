"""The tus protocol without I/O: whatever the headers hold, there is a bounded upload or a refusal with its status."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from center.evidence import tus
from center.evidence.tus import RefusedError, Upload

GOOD = Upload("ab" * 16, 17, "cd" * 32, 300_000)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["tus-resumable", "upload-length", "upload-metadata", "upload-offset", "upload-checksum", "content-type", "content-length"]
    ),
    st.one_of(st.text(max_size=60), st.integers().map(str), st.sampled_from(["1.0.0", "application/offset+octet-stream", "sha256 "])),
)  # fmt: skip


def announced(**changed: str) -> dict[str, str]:
    told = {"recording": "ab" * 16, "n": "17", "sha256": "cd" * 32} | changed
    pairs = [f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items() if value]
    return {"upload-length": "300000", "upload-metadata": ", ".join(pairs)}


def test_an_announcement_and_its_name_are_the_same_upload() -> None:
    assert tus.creation(announced()) == GOOD
    assert tus.named(GOOD.name) == GOOD
    assert tus.creation({"upload-length": "300000", "upload-metadata": GOOD.metadata}) == GOOD


@pytest.mark.parametrize("tail", ["x", "0" * 9, "\n", "/", "/../x", " ", ".seg"])
def test_a_name_with_a_tail_is_another(tail: str) -> None:
    with pytest.raises(RefusedError):
        tus.named(GOOD.name + tail)


@pytest.mark.parametrize(
    "told",
    [
        {"n": "0"}, {"n": "1000000"}, {"n": "-1"}, {"n": "017"}, {"n": "1" * 30}, {"n": ""}, {"recording": "AB" * 16},
        {"recording": "../.."},
        {"sha256": "cd" * 31}, {"sha256": "g" * 64}, {"more": "1"}, {"recording": "ab" * 16 + "\n"},
    ],
    ids=str,
)  # fmt: skip
def test_other_announcements_are_refused(told: dict[str, str]) -> None:
    with pytest.raises(RefusedError) as refused:
        tus.creation(announced(**told))
    assert refused.value.status == 400


def answered(call: Callable[[], object]) -> int:
    """The status of the refusal, 0 if there is none."""
    try:
        call()
    except RefusedError as refused:
        return refused.status
    return 0


def shaped(n: int, length: int) -> str:
    return f"{'a' * 32}-{n:06d}-{'b' * 64}-{length}"


@given(st.one_of(st.text(max_size=200), st.builds(shaped, st.integers(0, 10**7), st.integers(0, 10**10))))
def test_every_name_is_an_upload_or_not_found(name: str) -> None:
    status = answered(lambda: tus.named(name))
    assert status in (0, 404, 413)
    if not status:
        found = tus.named(name)
        assert found.name == name
        assert 1 <= found.n <= tus.MAX_N
        assert 1 <= found.length <= tus.MAX_SEGMENT
        assert "/" not in name


@given(HEADERS)
def test_whatever_headers_say_is_answered(headers: dict[str, str]) -> None:
    for read in (tus.check_version, tus.creation, tus.patch):
        assert answered(lambda read=read: read(headers)) in (0, 400, 412, 413, 415)  # type: ignore[misc]


@given(st.binary(max_size=300), st.sampled_from(tus.ALGORITHMS))
def test_a_chunk_is_taken_with_its_own_checksum_only(chunk: bytes, algorithm: str) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, chunk).digest()).decode()
    about = {"content-type": "application/offset+octet-stream", "upload-offset": "5"}
    wanted = tus.patch({**about, "upload-checksum": f"{algorithm} {digest}"})
    wanted.check(chunk)
    assert wanted.offset == 5
    for other in (chunk + b"x", chunk[1:] if chunk else b"y"):
        with pytest.raises(RefusedError) as refused:
            wanted.check(other)
        assert refused.value.status == 460
