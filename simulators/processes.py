"""Child processes of a demo or a trial: their lines are read by the event loop, and none outlives it."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

LINE_LIMIT = 1 << 20
GRACE_S = 10.0


class Child:
    """One process. Each line of its output that is a JSON object goes to ``on_line``; other lines are kept for error messages."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, on_line: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self.name = name
        self._process = process
        self._on_line = on_line
        self._last: list[str] = []
        stream = process.stderr
        assert stream is not None
        self._reader = asyncio.create_task(self._read(stream), name=f"lines of {name}")

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        on_line: Callable[[Mapping[str, Any]], None],
        *,
        environment: Mapping[str, str] | None = None,
    ) -> "Child":
        """Start ``command`` and read its standard error."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        return cls(name, process, on_line)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> str:
        """Its last lines that were no JSON: what went wrong, if something did."""
        return "\n".join(self._last)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal and wait; SIGKILL where it does not end in time."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
        try:
            await asyncio.wait_for(self._process.wait(), GRACE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reader

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            try:
                fields = json.loads(line)
            except ValueError:
                fields = None
            if isinstance(fields, dict):
                self._on_line(fields)
            else:
                self._last = [*self._last[-19:], line.decode(errors="replace").rstrip()]
