"""The data of recording.segment: what is said is what is read, and nothing else is taken."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.recording import manifest
from agent.recording.manifest import Contents, Manifest, ManifestError
from agent.wire import cbor, event

H = bytes(range(32))
CONTENTS = Contents(1_700_000_000_000, 2000, H, 60, 0, {"video": H, "times": [3000] * 60})
WHOLE = Manifest(bytes(range(16)), 7, 1_000_000, H, H, "button", b"custodia", b"k" * 97, CONTENTS)


@pytest.mark.parametrize(
    "told",
    [
        WHOLE,
        dataclasses.replace(WHOLE, last=True),
        dataclasses.replace(WHOLE, contents=None, trigger="recovered"),
        dataclasses.replace(WHOLE, contents=dataclasses.replace(CONTENTS, missing=3)),
    ],
)
def test_what_is_said_is_what_is_read(told: Manifest) -> None:
    data = cbor.loads(cbor.dumps(told.data()))
    assert Manifest.of(data) == told


def test_a_manifest_with_everything_fits_an_event_with_room_to_spare() -> None:
    largest = dataclasses.replace(WHOLE, key=b"k" * manifest.KEY_MAX, last=True)
    made = event.Event("badge-0001", "video-badge", manifest.TYPE, 1, 1, 1, 2, 1, bytes(16), largest.data())
    assert len(made.encode()) < 1500


@pytest.mark.parametrize("name", sorted(WHOLE.data()))
def test_each_key_is_required_and_of_its_type(name: str) -> None:
    without = WHOLE.data()
    del without[name]
    with pytest.raises(ManifestError, match=name):
        Manifest.of(without)
    wrong: Any
    for wrong in (None, -1, 1 << 60, b"short", "text", [], True):
        if type(wrong) is type(WHOLE.data()[name]) and name == "key":
            continue
        with pytest.raises(ManifestError, match=name):
            Manifest.of(WHOLE.data() | {name: wrong})


@pytest.mark.parametrize("n", [0, manifest.SEGMENTS_MAX + 1])
def test_a_number_that_no_segment_has_is_refused(n: int) -> None:
    with pytest.raises(ManifestError, match="'n'"):
        Manifest.of(WHOLE.data() | {"n": n})


@given(
    st.dictionaries(
        st.sampled_from([*WHOLE.data(), "last", "missing"]),
        st.one_of(st.integers(), st.binary(max_size=40), st.booleans()),
    )
)
def test_other_data_is_refused_in_one_way(changes: dict[str, Any]) -> None:
    try:
        read = Manifest.of(WHOLE.data() | changes)
    except ManifestError:
        return
    assert Manifest.of(read.data()) == read


def test_the_digest_of_a_segment_depends_on_every_key() -> None:
    seen = {manifest.digest(WHOLE.data())}
    for name in WHOLE.data():
        changed = dict(WHOLE.data())
        changed[name] = b"another"
        seen.add(manifest.digest(changed))
    assert len(seen) == len(WHOLE.data()) + 1
