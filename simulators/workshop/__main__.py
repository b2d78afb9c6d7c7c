"""``python -m simulators.workshop FOLDER``: first the devices' names as a JSON line, then one order a line; an answer to each.

    ["sos-1", "sos-2"]                                      {"installation": "FOLDER/installation.toml"}
    {"do": "plug", "name": "sos-1", "kind": "sos-button"}   {"port": "/dev/pts/7"}
    {"do": "press"}                                         {}
    {"do": "unplug"}                                        {}

One board is plugged in at a time. When nobody gives orders any more, because it ended or was killed, the board's power is cut and all ends.
"""

import asyncio
import contextlib
import fcntl
import json
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from simulators.errors import SimulatorError
from simulators.workshop.layout import Layout
from simulators.workshop.workshop import Workshop


async def main(folder: pathlib.Path) -> None:
    """Work until nobody gives orders."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    names = json.loads(await reader.readline())
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)  # a workshop that was interrupted still tidies up
        layout = await asyncio.to_thread(Layout, folder, names)
        async with Workshop(layout) as workshop:
            answer({"installation": str(layout.installation)})
            while line := await reader.readline():
                try:
                    answer(await workshop.do(json.loads(line)))
                except SimulatorError as error:
                    answer({"error": str(error)})


def answer(said: Mapping[str, Any]) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
    asyncio.run(main(pathlib.Path(sys.argv[1]).absolute()))
