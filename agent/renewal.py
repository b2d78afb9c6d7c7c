"""A new certificate for a running agent: asked for by a process of its own, tried at the broker, and only then in the place of the old one.

The running agent loads this when its certificate is due, not before.
"""

import asyncio
import os
import sys

from agent.keys import credentials, pair
from agent.keys.errors import KeysError
from agent.keys.file import FileKey
from agent.keys.validity import due_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.link.link import Link
    from agent.parts import Log

PATIENCE_S = 180
"""How long asking the server may last."""
CALM_S = 600
"""So long a moment without events under way is waited for, before the connection is changed anyway."""
_PROGRAM = "import sys; from agent.cli import main; sys.exit(main(sys.argv[1:]))"


async def renewed(
    configuration: str, key: str, certificate: str, link: "Link", log: "Log", now_ms: int
) -> "tuple[FileKey, list[bytes]] | None":
    """Renew the pair of files ``key`` and ``certificate``; the new key and chain, or None if the old ones go on.

    Args:
        configuration: path of the agent's configuration.
        key: the key's file.
        certificate: the chain's file.
        link: on which the new pair is tried.
        log: where people are told.
        now_ms: milliseconds since 1970 UTC.
    """
    if not _good(key, certificate, now_ms):
        pair.drop(key, certificate)
        problem = await _asked(configuration)
        if not problem and not _good(key, certificate, now_ms):
            problem = "no new certificate came of it"
        if problem:
            log.warning("the certificate is due and was not renewed; it is tried again", reason=problem)
            return None
    for _ in range(CALM_S):
        if not link.busy:
            break
        await asyncio.sleep(1)
    problem = await link.try_identity(pair.new(certificate), pair.new(key))
    if problem:
        log.warning("the new certificate is not used yet; it is tried again", reason=problem)
        return None
    try:
        with pair.held(key):
            pair.take(key, certificate)
        found = FileKey.load(key), credentials.load_chain(certificate)
    except KeysError as error:
        log.error("the new certificate cannot be kept", reason=str(error))  # noqa: TRY400  our own log
        return None
    log.info("the certificate was renewed", kid=found[0].kid.hex())
    return found


def _good(key: str, certificate: str, now_ms: int) -> bool:
    """Whether a new pair waits that belongs together and is not due itself."""
    if not pair.waits(key, certificate):
        return False
    try:
        chain = credentials.load_chain(pair.new(certificate))
        credentials.check_leaf(chain, FileKey.load(pair.new(key)).public_der, pair.new(certificate))
        return due_ms(chain[0]) > now_ms
    except KeysError:
        return False


async def _asked(configuration: str) -> str:
    """Run ``dabyl agent renew``; why it failed, or nothing. X.509 and HTTP stay out of this process, and a resolver that hangs, too."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _PROGRAM, "renew", "--config", configuration),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        return f"no process can be started: {os.strerror(error.errno or 0)}"
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, told = await process.communicate()
    except TimeoutError:
        return "the server gave no answer in time"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return "" if process.returncode == 0 else told[-500:].decode("utf-8", "replace").strip() or "the process failed"
