"""Frames out of a stream of bytes with noise in between: one rule for all binary formats here.

The rule: of all frames that are whole and valid, the one that *ends* first counts, and what lies before it is noise. So a false beginning
(noise that looks like a header, a damaged length) can hide a good frame no longer than until that frame ends, and it does not matter in
which pieces the stream arrives. What is kept between two calls is less than the longest frame.
"""

import re
from collections.abc import Callable

Measure = Callable[[bytes, int], int]
"""The length of the valid frame that begins at an offset; ``MORE`` if it may become one with more bytes, ``NONE`` if not."""
MORE = 0
NONE = -1


class Frames:
    """Finds frames.

    Args:
        first: matches the first byte of every kind of frame; it may be set anew after ``drop``.
        measure: judges a beginning. It must come to ``NONE`` or a length within the longest frame.

    ``understood`` counts frames, ``skipped`` the bytes that belonged to none.
    """

    def __init__(self, first: re.Pattern[bytes], measure: Measure) -> None:
        self.first = first
        self._measure = measure
        self._rest = b""
        self.understood = 0
        self.skipped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they come; return the frames that they complete, whole, in order."""
        data = self._rest + data
        frames = []
        done = 0
        keep = len(data)
        while done < len(data):
            start, end, keep = self._earliest_end(data, done)
            if end < 0:
                break
            frames.append(data[start:end])
            self.skipped += start - done
            done = keep = end
        self.understood += len(frames)
        self.skipped += keep - done
        self._rest = data[keep:]
        return frames

    def drop(self) -> None:
        """Give up what may still become a frame."""
        self.skipped += len(self._rest)
        self._rest = b""

    def _earliest_end(self, data: bytes, done: int) -> tuple[int, int, int]:
        """Start and end of the frame after ``done`` that ends first (end -1: none), and from where bytes may still become a frame."""
        best_start, best_end, keep = done, -1, len(data)
        search, measure = self.first.search, self._measure
        found = search(data, done)
        while found:
            at = found.start()
            length = measure(data, at)
            if length == MORE:
                keep = min(keep, at)
            elif length > 0 and (best_end < 0 or at + length < best_end):
                best_start, best_end = at, at + length
            found = search(data, at + 1, len(data) if best_end < 0 else best_end)
        return best_start, best_end, keep


class FrameDecoder:
    """What a decoder of frames says of its stream."""

    def __init__(self, first: re.Pattern[bytes], measure: Measure) -> None:
        self._frames = Frames(first, measure)

    @property
    def understood(self) -> int:
        """Frames so far."""
        return self._frames.understood

    @property
    def skipped(self) -> int:
        """Bytes so far that belonged to none."""
        return self._frames.skipped
