"""The recorder: a thread that takes pictures, sound and positions, keeps the last seconds in memory, and writes segments while it records.

It decides nothing about when to record; ``start`` and ``stop`` are the logic's. The disk's syncs are done beside it, once a group of
pictures; what it is given waits in bounded memory while the disk is slow, and what is lost beyond that is told. What cannot be written is
not recorded, and told as well, while the ring goes on.
"""

import os
import queue
import threading
import time
from collections.abc import Callable

from agent.recording import manifest
from agent.recording.manifest import Contents, Manifest
from agent.recording.seal import Custodian, Sealer
from agent.recording.stream.errors import StreamError
from agent.recording.stream.media_signing import MediaSigner
from devices.video_badge.media import Item, Picture
from devices.video_badge.recording import Recording
from devices.video_badge.reports import Began, Card, Ended, Frames, Gap, Room, Stored
from devices.video_badge.ring import Ring
from devices.video_badge.segment import Segment
from devices.video_badge.spool import SEGMENT, Spool, recovered
from devices.video_badge.worker import Worker

SEGMENT_US = 2_000_000
WAITING_MAX = 16_000_000
"""Bytes that may wait for the recorder's thread; four times what a second of the largest stream has."""
GAP_US = 1_000_000
TELL_US = 1_000_000
ROOM_EVERY_US = 10_000_000
FAIL_AGAIN_US = 10_000_000
IDLE_S = 0.5
START, STOP, CLOSE = "start", "stop", "close"

Report = Callable[[object], None]


class Recorder:
    """Records into a spool.

    Args:
        spool: where to.
        custodian: for whom.
        new_signer: makes the signer of a new recording.
        ring: the seconds before.
        fps: frames a second that the camera should make.
        positions: whether there is a receiver.
        report: takes what is to be told (see ``devices.video_badge.reports``), from any thread.
    """

    def __init__(
        self,
        spool: Spool,
        custodian: Custodian,
        new_signer: Callable[[], MediaSigner],
        ring: Ring,
        *,
        fps: int,
        positions: bool,
        report: Report,
    ) -> None:
        self._spool = spool
        self._custodian = custodian
        self._new_signer = new_signer
        self._ring = ring
        self._fps = fps
        self._positions = positions
        self._report = report
        self.sound: tuple[int, int] | None = None
        """The microphone's rate and channels, once the camera has told them."""
        self._queue: queue.SimpleQueue[Item | tuple[str, str]] = queue.SimpleQueue()
        self._waiting = 0
        self._hindered = False  # the disk has cost pictures since the last one that was recorded
        self._frames = 0
        self._missing = 0
        self._last_us = 0
        self._told_us = 0
        self._looked_us = -ROOM_EVERY_US
        self._largest = 0  # segment so far
        self._free = 0  # bytes of room
        self._failed_us = -FAIL_AGAIN_US
        self._recording: Recording | None = None
        self._trouble: str | None = None
        self._lock = threading.Lock()
        self._telling = threading.Lock()  # two threads tell of the card: what is told last is what is so
        self._card = Worker("badge card", self._card_failed)
        self._thread = threading.Thread(target=self._run, name="badge recorder", daemon=True)

    def start_thread(self) -> None:
        """Begin to take what comes."""
        self._card.start()
        self._thread.start()

    def take(self, item: Item) -> None:
        """From the camera's thread or another: what came. Never waits."""
        with self._lock:
            if self._waiting > WAITING_MAX:
                self._hindered = True
                return
            self._waiting += len(item.data)
        self._queue.put(item)

    def start(self, trigger: str) -> None:
        """Record from the ring's beginning on; nothing if it records already."""
        self._queue.put((START, trigger))

    def stop(self, by: str) -> None:
        """End the recording, if there is one."""
        self._queue.put((STOP, by))

    def keep(self, envelope: bytes) -> None:
        """A manifest has been signed: keep it beside its segment."""
        self._card.do(lambda: self._spool.keep_signed(envelope))

    def close(self) -> None:
        """End the threads; returns when all is on the disk, or given up."""
        self._queue.put((CLOSE, ""))
        if self._thread.is_alive():
            self._thread.join()
        self._card.close()

    def _run(self) -> None:
        try:
            self._tell_left_behind()
        except OSError as error:
            self._card_failed(error)
        closed = False
        while not closed:
            try:
                got = self._queue.get(timeout=IDLE_S)
            except queue.Empty:
                got = None
            try:
                closed = self._do(got)
            except Exception as error:  # noqa: BLE001  a defect must be told, and must not end recording for good
                self._failed(error)

    def _do(self, got: Item | tuple[str, str] | None) -> bool:
        """One thing that came; whether it was the last."""
        if isinstance(got, tuple):
            order, word = got
            if order == START:
                self._begin(word)
            elif order == STOP:
                self._end(word)
            else:
                self._leave()
            return order == CLOSE
        if got is not None:
            with self._lock:
                self._waiting -= len(got.data)
            self._attend(got)
        elif self._recording is not None and self._recording.segment is not None:
            self._write(self._recording, self._recording.segment.flush())  # nothing comes that would push it
        if _now_us() - self._looked_us >= ROOM_EVERY_US:
            self._look_at_room()
        return False

    def _failed(self, error: Exception) -> None:
        """A defect: say so, and begin anew unless that has just been tried."""
        self._card_trouble(f"the recorder failed, which is a defect: {type(error).__name__}: {error}")
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.drop()
            resume = _now_us() - self._failed_us > FAIL_AGAIN_US
            self._failed_us = _now_us()
            self._tell_end(Ended(recording.name, "defect", recording.n, recording.lasted_ms, resume))

    def _attend(self, item: Item) -> None:
        if isinstance(item, Picture):
            self._count(item)
        if self._recording is None:
            self._ring.add(item)
        else:
            self._record(self._recording, item)

    def _count(self, picture: Picture) -> None:
        if self._frames or self._last_us:
            self._missing += max(0, round((picture.at_us - self._last_us) * self._fps / 1e6) - 1)
        self._frames += 1
        self._last_us = picture.at_us
        if picture.at_us - self._told_us >= TELL_US:
            self._told_us = picture.at_us
            self._report(Frames(self._frames, self._missing))
            self._frames = self._missing = 0

    # A recording

    def _begin(self, trigger: str) -> None:
        if self._recording is not None:
            return
        begin_us = self._ring.begin_us
        self._recording = recording = Recording(trigger, self._new_signer())
        pre_ms = 0 if begin_us is None else (self._last_us - begin_us) // 1000
        self._report(Began(recording.name, trigger, pre_ms))
        for item in self._ring.drain():
            if self._recording is recording:
                self._record(recording, item)

    def _end(self, by: str) -> None:
        recording = self._recording
        if recording is None:
            return
        self._recording = None
        self._cut(recording, recording.last_us + 1_000_000 // self._fps, last=True)
        self._tell_end(Ended(recording.name, by, recording.n, recording.lasted_ms))

    def _tell_end(self, ended: Ended) -> None:
        """After all of its segments."""

        def told() -> None:
            self._report(ended)
            self._spool.ended(ended.recording)

        self._card.do(told)

    def _leave(self) -> None:
        """The process ends: the recording has not, and goes on if it is back soon."""
        recording, self._recording = self._recording, None
        if recording is not None:
            self._cut(recording, recording.last_us + 1_000_000 // self._fps, last=False)

    def _record(self, recording: Recording, item: Item) -> None:
        if isinstance(item, Picture):
            if not recording.seen:
                recording.seen = True
                recording.zero_us = recording.last_us = recording.safe_us = item.at_us
            if item.keyframe:
                self._at_keyframe(recording, item)
        segment = recording.segment
        if segment is None:
            return  # until the next key frame, or until the disk can be written again
        try:
            data = segment.add(item)
        except StreamError:
            self._give_up(recording)
            return
        if isinstance(item, Picture):
            if item.at_us - recording.last_us > GAP_US:
                recording.gap_us = item.at_us - recording.last_us
            recording.last_us = item.at_us
        self._write(recording, data)

    def _at_keyframe(self, recording: Recording, picture: Picture) -> None:
        segment = recording.segment
        if segment is not None:
            half_us = 500_000 // self._fps
            if picture.at_us - segment.begin_us < SEGMENT_US - half_us and segment.goes_on_with(picture):
                self._write(recording, segment.flush())
                if self._card.idle and recording.descriptor >= 0:
                    descriptor = os.dup(recording.descriptor)
                    self._card.do(lambda: _synced(descriptor))
                return
            self._cut(recording, picture.at_us, last=False)
        self._open(recording, picture)

    def _open(self, recording: Recording, picture: Picture) -> None:
        n = recording.n + 1
        if self._free <= self._largest:
            self._look_at_room()  # the center may have taken some
        if self._free <= self._largest:
            self._end("storage")
            return
        try:
            segment = Segment(
                Sealer(self._custodian, recording.name, n, recording.prev),
                recording.signer,
                picture,
                sound=self.sound,
                positions=self._positions,
                zero_us=recording.zero_us,
                fps=self._fps,
            )
        except StreamError:
            return  # the next key frame may be a beginning
        try:
            recording.descriptor = self._spool.create(recording.name, n)
        except OSError as error:
            self._card_failed(error)
            return
        recording.n = n
        recording.segment = segment

    def _cut(self, recording: Recording, end_us: int, *, last: bool) -> None:
        """Finish the segment that is open, if one is."""
        segment = recording.segment
        if segment is None:
            return
        try:
            data, contents = segment.finish(end_us)
        except StreamError:
            self._give_up(recording)
            return
        self._write(recording, data)
        if recording.segment is not None:  # it could be written
            self._store(recording, segment, contents, last=last)

    def _store(self, recording: Recording, segment: Segment, contents: Contents, *, last: bool) -> None:
        made = Manifest(
            recording.name,
            recording.n,
            segment.size,
            segment.digest,
            recording.prev,
            recording.trigger,
            self._custodian.kid,
            segment.wrapped,
            contents,
            last,
        )
        self._largest = max(self._largest, segment.size)
        self._free -= segment.size
        data = made.data()
        recording.prev = manifest.digest(data)
        recording.segment = None
        descriptor, recording.descriptor = recording.descriptor, -1

        def durable() -> None:
            try:
                _synced(descriptor)
                self._spool.keep_manifest(made)
                self._spool.sync_names(made.recording, made.n)
            finally:  # the next segment names it
                self._report(Stored(data))

        self._card.do(durable)

    def _write(self, recording: Recording, data: bytes) -> None:
        if not data:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(recording.descriptor, view) :]
        except OSError as error:
            self._give_up(recording)
            self._card_failed(error)
            return
        self._card_well()
        recording.safe_us = recording.last_us
        if recording.gap_us:
            self._report(Gap(recording.name, recording.gap_us // 1000, "storage" if self._hindered else "camera"))
            recording.gap_us = 0
        self._hindered = False

    def _give_up(self, recording: Recording) -> None:
        """Leave the segment as it is on the disk: what is there is told as if it had been found after a power cut."""
        recording.drop()
        path = self._spool.path(recording.name, recording.n, SEGMENT)
        try:
            left = recovered(path)
            if left is None:  # nothing of it can ever be read
                os.unlink(path)
                recording.n -= 1
        except OSError as error:
            self._card_failed(error)
            return
        if left is not None:
            data = left.data()
            recording.prev = manifest.digest(data)
            self._card.do(lambda: self._report(Stored(data)))

    # The disk

    def _tell_left_behind(self) -> None:
        for left in self._spool.left_behind(time.time()):
            for one in left.manifests:
                self._report(Stored(one.data()))
            if left.cut:
                self._report(Ended(left.recording, "restart", left.segments, None, left.resume))
                self._spool.ended(left.recording)

    def _look_at_room(self) -> None:
        self._looked_us = _now_us()
        try:
            used, self._free = self._spool.room()
        except OSError as error:
            self._card_failed(error)
        else:
            self._report(Room(100 * used // max(1, used + self._free)))

    def _card_failed(self, error: OSError) -> None:
        self._hindered = True
        self._card_trouble(error.strerror or str(error))

    def _card_trouble(self, why: str) -> None:
        with self._telling:
            if why != self._trouble:
                self._trouble = why
                self._report(Card(why))

    def _card_well(self) -> None:
        with self._telling:
            if self._trouble is not None:
                self._trouble = None
                self._report(Card(None))


def _synced(descriptor: int) -> None:
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _now_us() -> int:
    return time.monotonic_ns() // 1000
