"""One recording in progress, as the recorder's thread has it."""

import os

from agent.recording import manifest
from agent.recording.stream.media_signing import MediaSigner
from devices.video_badge.segment import Segment


class Recording:
    """A recording that has just begun. ``trigger`` is what began it, ``signer`` signs its stream."""

    def __init__(self, trigger: str, signer: MediaSigner) -> None:
        self.name = os.urandom(manifest.RECORDING_LENGTH)
        self.trigger = trigger
        self.signer = signer
        self.zero_us = 0  # the first picture
        self.last_us = 0  # the last one that was taken
        self.safe_us = 0  # the last one that is in the file
        self.gap_us = 0  # before a picture that is not yet in the file
        self.seen = False  # a picture
        self.n = 0
        self.prev = manifest.FIRST_PREV
        self.segment: Segment | None = None
        self.descriptor = -1

    @property
    def lasted_ms(self) -> int:
        """From its first picture to its last."""
        return max(0, self.last_us - self.zero_us) // 1000

    def drop(self) -> None:
        """Leave the segment that is open as it is on the disk."""
        self.segment = None
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        self.last_us = self.safe_us
        self.gap_us = 0
