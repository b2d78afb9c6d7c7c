"""What a scene stands on: what does not come up is named with what it said, and what was opened is closed, wherever opening failed."""

import asyncio
import pathlib
import sys

import pytest

from simulators.errors import DemoError
from simulators.opened import Opened
from simulators.processes import Child
from simulators.running_site import RunningSite


class Torn(Opened):
    """Opening fails halfway."""

    closed = 0

    async def _open(self) -> None:
        self._stack.callback(self._close)
        raise DemoError("halfway")

    def _close(self) -> None:
        self.closed += 1


def test_what_was_opened_is_closed_where_opening_fails_halfway() -> None:
    torn = Torn()

    async def scenario() -> None:
        with pytest.raises(DemoError, match="halfway"):
            async with torn:
                pass

    asyncio.run(scenario())
    assert torn.closed == 1


def test_a_process_that_ends_instead_of_working_is_told_with_what_it_said(tmp_path: pathlib.Path) -> None:
    async def scenario() -> None:
        child = await Child.start("center", [sys.executable, "-c", "raise SystemExit('no key')"], lambda _line: None)
        try:
            with pytest.raises(DemoError, match=r"the center ended"):
                await RunningSite(tmp_path, ()).up(child, lambda: False)
        finally:
            await child.end()
        assert child.said() == "no key"

    asyncio.run(scenario())


def test_what_is_waited_for_in_vain_is_said(tmp_path: pathlib.Path) -> None:
    async def scenario() -> None:
        with pytest.raises(DemoError, match="nothing came"):
            await RunningSite(tmp_path, ()).until(lambda: False, lambda: "nothing came", 0)

    asyncio.run(scenario())
