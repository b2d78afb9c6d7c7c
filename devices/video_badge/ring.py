"""The last seconds before a recording, in memory only: bounded in time and bytes, and always beginning with a key frame."""

from collections import deque
from collections.abc import Iterator

from devices.video_badge.media import Item, Picture

ITEM_BYTES = 200
"""What an item costs beside its data."""


class Ring:
    """Keeps ``pre_s`` seconds, rounded up to the key frame before, in ``most`` bytes; whole groups of pictures are forgotten."""

    def __init__(self, pre_s: int, most: int) -> None:
        self._pre_us = pre_s * 1_000_000
        self._most = most
        self._items: deque[Item] = deque()
        self._keys: deque[int] = deque()  # times of the key frames in it
        self._newest_us = 0
        self.size = 0
        """Bytes that it holds."""

    def add(self, item: Item) -> None:
        """Take what came. Nothing is kept before the first key frame."""
        if isinstance(item, Picture):
            self._newest_us = item.at_us
            if item.keyframe:
                self._keys.append(item.at_us)
        if not self._keys:
            return
        self._items.append(item)
        self.size += len(item.data) + ITEM_BYTES
        while len(self._keys) > 1 and (self._keys[1] <= self._newest_us - self._pre_us or self.size > self._most):
            self._forget_group()
        if self.size > self._most:  # a group that alone is too much
            self.clear()

    @property
    def begin_us(self) -> int | None:
        """The time of the picture it begins with, None while it is empty."""
        return self._keys[0] if self._keys else None

    def limit(self, pre_s: int) -> None:
        """Keep so many seconds from now on."""
        self._pre_us = pre_s * 1_000_000

    def drain(self) -> Iterator[Item]:
        """All of it, oldest first. Each item is let go of when the next one is asked for: nothing is in memory twice."""
        self._keys.clear()
        self.size = 0
        while self._items:
            yield self._items.popleft()

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._keys.clear()
        self.size = 0

    def _forget_group(self) -> None:
        self._keys.popleft()
        first = True
        while self._items:
            item = self._items[0]
            if not first and isinstance(item, Picture) and item.keyframe:
                return
            first = False
            self._items.popleft()
            self.size -= len(item.data) + ITEM_BYTES
