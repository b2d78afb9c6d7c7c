"""Scenarios of coroutines."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def played(scenario: Coroutine[Any, Any, None]) -> list[dict[str, Any]]:
    """Runs a scenario in a loop of its own; what the loop was told of callbacks that failed."""
    failures: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, failure: failures.append(failure))
        async with asyncio.timeout(20):
            await scenario

    asyncio.run(watched())
    return failures
