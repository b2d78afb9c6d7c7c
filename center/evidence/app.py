"""The evidence server's requests: tus uploads below ``/evidence``, and a receipt for each that is whole. An ASGI application.

A device sees its own uploads and nobody else's: all names are looked up below the identity that its connection has proven. Whatever a
request holds, the answer is a status and a sentence.
"""

import asyncio
import email.utils
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from center.errors import DatabaseError
from center.evidence import tus
from center.evidence.door import Door
from center.evidence.errors import EvidenceError, NoRoomError, NotAdmittedError
from center.evidence.receipts import Receipts
from center.evidence.store import Store
from center.evidence.tus import RefusedError, Upload
from center.report import Report

PATH = "/evidence"
MOST_AT_ONCE = 4
"""Requests of one device that are worked on at a time; more are told to wait."""
BODY_S = 60.0
"""A chunk must have come after so long."""
RETRY_S = 5
_METHODS = ["GET", "HEAD", "POST", "PATCH", "OPTIONS", "PUT", "DELETE"]
_OFFERED = {
    "Tus-Resumable": tus.VERSION,
    "Tus-Version": tus.VERSION,
    "Tus-Extension": tus.EXTENSIONS,
    "Tus-Max-Size": str(tus.MAX_SEGMENT),
    "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
}


class Application:
    """Answers requests.

    Args:
        door: names the device behind a certificate.
        store: where segments are kept.
        receipts: what is signed for them.
        report: where happenings are told.
        now_ms: UTC milliseconds.
        body_s: how long a chunk may take.
    """

    def __init__(
        self,
        door: Door,
        store: Store,
        receipts: Receipts,
        report: Report,
        now_ms: Callable[[], int],
        body_s: float = BODY_S,
    ) -> None:
        self._door = door
        self._store = store
        self._receipts = receipts
        self._report = report
        self._now_ms = now_ms
        self._body_s = body_s
        self._busy: Counter[str] = Counter()
        self.asgi = Starlette(
            routes=[
                Route(PATH, self._guarded(self._collection), methods=_METHODS),
                Route(PATH + "/{name}", self._guarded(self._upload), methods=_METHODS),
                Route(PATH + "/{name}/receipt", self._guarded(self._receipt), methods=_METHODS),
            ]
        )

    async def _collection(self, request: Request, device: str, headers: dict[str, str]) -> Response:
        method = _method(request, headers)
        if method == "OPTIONS":
            return Response(status_code=204, headers=_OFFERED)
        if method != "POST":
            raise RefusedError(405, "POST creates an upload", {"Allow": "POST, OPTIONS"})
        tus.check_version(headers)
        upload = tus.creation(headers)
        await run_in_threadpool(self._store.create, device, upload)
        location = {"Location": f"{PATH}/{upload.name}", **await self._expiry(device, upload)}
        return _answer(201, location)

    async def _upload(self, request: Request, device: str, headers: dict[str, str]) -> Response:
        method = _method(request, headers)
        if method == "OPTIONS":
            return Response(status_code=204, headers=_OFFERED)
        if method not in ("HEAD", "PATCH"):
            raise RefusedError(405, "an upload is looked at and gone on with, nothing else", {"Allow": "HEAD, PATCH"})
        tus.check_version(headers)
        upload = tus.named(request.path_params["name"])
        if method == "HEAD":
            offset = await run_in_threadpool(self._store.offset, device, upload)
            if offset is None:
                raise RefusedError(404, "there is no such upload: create it")
            told = {
                "Upload-Offset": str(offset),
                "Upload-Length": str(upload.length),
                "Upload-Metadata": upload.metadata,
                "Cache-Control": "no-store",
            }
            return _answer(200, {**told, **await self._expiry(device, upload)})
        wanted = tus.patch(headers)
        chunk = await self._body(request)
        wanted.check(chunk)
        stands = await run_in_threadpool(self._store.append, device, upload, wanted.offset, chunk)
        return _answer(204, {"Upload-Offset": str(stands), **await self._expiry(device, upload)})

    async def _receipt(self, request: Request, device: str, headers: dict[str, str]) -> Response:
        if _method(request, headers) != "GET":
            raise RefusedError(405, "a receipt is fetched", {"Allow": "GET"})
        upload = tus.named(request.path_params["name"])
        try:
            receipt = await run_in_threadpool(self._receipts.settle, device, upload)
        except RefusedError as error:
            if error.status == 409:  # what came is not what was signed: somebody should know
                self._report.say("incident", str(error), device=device)
            raise
        if receipt is None:
            return _answer(202, {"Retry-After": str(RETRY_S)}, "the segment's signed event has not come yet")
        return Response(receipt, 200, media_type='application/cose; cose-type="cose-sign1"')

    async def _body(self, request: Request) -> bytes:
        """The body, whole. What is cut off leaves nothing behind."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_s):
                async for part in request.stream():
                    body += part
                    if len(body) > tus.MAX_CHUNK:
                        raise tus.too_long()
        except TimeoutError:
            raise RefusedError(
                408, f"the chunk has not come within {self._body_s:g} s", {"Connection": "close"}
            ) from None
        return bytes(body)

    async def _expiry(self, device: str, upload: Upload) -> dict[str, str]:
        expires_s = await run_in_threadpool(self._store.expires_s, device, upload)
        return {"Upload-Expires": email.utils.formatdate(expires_s, usegmt=True)} if expires_s is not None else {}

    def _guarded(
        self, work: Callable[[Request, str, dict[str, str]], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """``work`` for a device that may come in; whatever goes wrong becomes a status and a sentence."""

        async def answer(request: Request) -> Response:
            device = ""
            try:
                device = await run_in_threadpool(self._door.admit, request.state.certificate, self._now_ms())
                async with self._turn(device):
                    return await work(request, device, _headers(request))
            except RefusedError as error:
                return _answer(error.status, error.headers, str(error))
            except NotAdmittedError as error:
                self._tell("refused", device, str(error))
                return _answer(403, {}, str(error))
            except NoRoomError as error:
                self._tell("room", device, str(error))
                return _answer(507, {"Retry-After": str(RETRY_S)}, "there is no room: nothing was stored")
            except (EvidenceError, DatabaseError) as error:
                self._tell("trouble", device, str(error))
                return _answer(503, {"Retry-After": str(RETRY_S)}, "the center has trouble: nothing was stored")
            except ClientDisconnect:
                return _answer(400, {}, "cut off")  # nobody is there to read it
            except Exception as error:  # noqa: BLE001  the last line of defence: a status, never a traceback
                self._tell("failed", device, f"{type(error).__name__}: {str(error)[:300]}; please report this")
                return _answer(500, {"Retry-After": str(RETRY_S)}, "the server failed: nothing was stored")

        return answer

    @asynccontextmanager
    async def _turn(self, device: str) -> AsyncIterator[None]:
        if self._busy[device] >= MOST_AT_ONCE:
            raise RefusedError(429, f"{MOST_AT_ONCE} requests at a time", {"Retry-After": "1"})
        self._busy[device] += 1
        try:
            yield
        finally:
            self._busy[device] -= 1
            if not self._busy[device]:
                del self._busy[device]

    def _tell(self, what: str, device: str, text: str) -> None:
        self._report.refused(device, what, f"{device or 'a stranger'}: {text}")


def _answer(status: int, headers: dict[str, str], text: str = "") -> Response:
    body = text + "\n" if text else None
    return Response(
        body, status, {"Tus-Resumable": tus.VERSION, **headers}, "text/plain; charset=utf-8" if text else None
    )


def _headers(request: Request) -> dict[str, str]:
    """The headers by their names in lower case.

    Raises:
        RefusedError: one stands there twice, or is too long: what would be read of it depends on the reader.
    """
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        if name in found:
            raise RefusedError(400, f"the header {name[:80]} stands there twice")
        if len(value) > tus.MAX_HEADER:
            raise RefusedError(431, f"the header {name[:80]} is longer than {tus.MAX_HEADER} characters")
        found[name] = value
    return found


def _method(request: Request, headers: dict[str, str]) -> str:
    """What is asked for; the protocol lets a client whose surroundings know no PATCH say so in a header."""
    return headers.get("x-http-method-override", request.method)
