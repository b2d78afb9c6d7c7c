"""The store: bytes count once they are durable, nothing is written over, and a disk that is full loses nothing."""

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from center.evidence import store as stores
from center.evidence.errors import NoRoomError, StoreError
from center.evidence.store import Limits, Store
from center.evidence.tus import RefusedError, Upload
from tests.center.evidence.site import Segment, random_segment

BADGE = "badge-0001"


def upload_of(segment: Segment) -> Upload:
    return Upload(segment.recording.hex(), segment.n, segment.sha256.hex(), len(segment.file))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", Limits(quota=1_000_000, keep_free=1))


def status_of(refused: "pytest.ExceptionInfo[RefusedError]") -> int:
    return refused.value.status


def test_chunks_are_kept_as_they_come_and_found_again(store: Store) -> None:
    segment = random_segment(length=5_000)
    upload = upload_of(segment)
    assert store.offset(BADGE, upload) is None
    store.create(BADGE, upload)
    assert store.append(BADGE, upload, 0, segment.file[:3_000]) == 3_000
    again = Store(store.folder, Limits())
    again.create(BADGE, upload)
    assert again.offset(BADGE, upload) == 3_000
    assert again.append(BADGE, upload, 3_000, segment.file[3_000:]) == 5_000
    again.put_in_place(BADGE, upload)
    assert again.segment(BADGE, upload).read_bytes() == segment.file
    assert again.offset(BADGE, upload) == 5_000
    again.put_in_place(BADGE, upload)
    assert oct(again.segment(BADGE, upload).stat().st_mode & 0o777) == "0o600"


def test_a_chunk_is_on_the_disk_before_it_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = random_segment(length=100)
    upload = upload_of(segment)
    store.create(BADGE, upload)
    synced: list[int] = []
    really = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        really(descriptor)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    store.append(BADGE, upload, 0, segment.file[:60])
    store.append(BADGE, upload, 60, segment.file[60:])
    assert synced == [60, 100]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", ["fdatasync", "write"])
def test_a_disk_that_refuses_leaves_the_upload_where_it_stood(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int, call: str
) -> None:
    segment = random_segment(length=4_000)
    upload = upload_of(segment)
    store.create(BADGE, upload)
    store.append(BADGE, upload, 0, segment.file[:1_000])
    really = os.write

    def refuse(descriptor: int, data: bytes = b"") -> int:
        if data:
            really(descriptor, data[:500])  # a full disk takes a part first
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(NoRoomError if code in (errno.ENOSPC, errno.EDQUOT) else StoreError):
            store.append(BADGE, upload, 1_000, segment.file[1_000:])
    assert store.offset(BADGE, upload) == 1_000
    assert store.append(BADGE, upload, 1_000, segment.file[1_000:]) == 4_000
    store.put_in_place(BADGE, upload)


def test_what_would_leave_too_little_free_is_not_begun(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    store = Store(tmp_path / "store", Limits(keep_free=disk.f_bavail * disk.f_frsize + (1 << 40)))
    with pytest.raises(NoRoomError, match="would stay free"):
        store.create(BADGE, upload_of(random_segment()))


def test_what_a_device_may_have_unfinished_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_OPEN", 3)
    uploads = [upload_of(random_segment(n, 10_000)) for n in range(1, 5)]
    for upload in uploads[:3]:
        store.create(BADGE, upload)
        store.create(BADGE, upload)
    with pytest.raises(NoRoomError, match="3 uploads"):
        store.create(BADGE, uploads[3])
    store.create("badge-0002", uploads[3])
    with pytest.raises(NoRoomError, match="not kept yet"):
        store.create("badge-0002", upload_of(random_segment(1, 995_000)))


def test_what_a_power_cut_has_emptied_is_asked_for_again(store: Store) -> None:
    """The length was on the disk, the bytes were not."""
    segment = random_segment(length=2_000)
    upload = upload_of(segment)
    store.create(BADGE, upload)
    store.append(BADGE, upload, 0, segment.file[:1_000])
    (path,) = (store.folder / ".incoming" / BADGE).iterdir()
    path.write_bytes(bytes(2_000))
    assert store.offset(BADGE, upload) == 2_000
    with pytest.raises(RefusedError) as refused:
        store.put_in_place(BADGE, upload)
    assert status_of(refused) == 404
    assert store.offset(BADGE, upload) is None
    assert not store.segment(BADGE, upload).exists()


def test_a_segment_in_place_is_never_written_over(store: Store) -> None:
    first, second = (random_segment(1, 500, b"R" * 16) for _ in range(2))
    for segment in (first, second):
        store.create(BADGE, upload_of(segment))
        store.append(BADGE, upload_of(segment), 0, segment.file)
    store.put_in_place(BADGE, upload_of(first))
    for call in (store.put_in_place, store.offset, store.create):
        with pytest.raises(RefusedError) as refused:
            call(BADGE, upload_of(second))
        assert status_of(refused) == 409
    assert store.segment(BADGE, upload_of(first)).read_bytes() == first.file


def test_links_are_not_followed(store: Store, tmp_path: Path) -> None:
    segment = random_segment(length=10)
    upload = upload_of(segment)
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    store.create(BADGE, upload)
    (path,) = (store.folder / ".incoming" / BADGE).iterdir()
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(StoreError):
        store.append(BADGE, upload, 0, segment.file)
    assert outside.read_bytes() == b""


def test_what_nobody_goes_on_with_expires(store: Store) -> None:
    old, young = upload_of(random_segment(1)), upload_of(random_segment(2))
    for upload in (old, young):
        store.create(BADGE, upload)
    now = time.time()
    (path,) = (store.folder / ".incoming").glob(f"*/{old.name}")
    os.utime(path, (now - stores.EXPIRES_S - 5, now - stores.EXPIRES_S - 5))
    assert store.expire(now) == 1
    assert store.offset(BADGE, old) is None
    assert store.offset(BADGE, young) == 0
    expires = store.expires_s(BADGE, young)
    assert expires is not None
    assert abs(expires - now - stores.EXPIRES_S) < 60


def test_two_that_append_take_turns(store: Store) -> None:
    segment = random_segment(length=100)
    upload = upload_of(segment)
    store.create(BADGE, upload)
    (path,) = (store.folder / ".incoming" / BADGE).iterdir()
    found: list[int] = []

    def append() -> None:
        try:
            found.append(store.append(BADGE, upload, 0, segment.file))
        except RefusedError as refused:
            found.append(refused.status)

    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second = threading.Thread(target=append)
        second.start()
        second.join(0.2)
        file.write(segment.file[:10])
    second.join()
    assert found == [409]
    assert store.offset(BADGE, upload) == 10
