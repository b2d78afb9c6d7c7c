"""What is opened part by part, and closed in the opposite order: also where opening fails halfway."""

import abc
import contextlib
import types
from typing import Self


class Opened(abc.ABC):
    """An asynchronous context manager. ``_open`` puts on ``_stack`` what has to be closed as soon as it is open."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @abc.abstractmethod
    async def _open(self) -> None:
        """Open everything."""
