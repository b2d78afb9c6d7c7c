"""Requests that a client of its own could hardly make on time: bodies that never end, that are cut, and too many at once."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.keys.chain import load_roots
from agent.keys.credentials import chain_from_pem
from center.database import Database
from center.evidence import app as apps
from center.evidence.app import Application
from center.evidence.door import Door
from center.evidence.manifests import Manifests
from center.evidence.receipts import Receipts
from center.evidence.store import Limits, Store
from center.report import Report
from tests.center.evidence.site import Segment, Site, random_segment
from tests.center.evidence.test_store import upload_of
from tests.center.scripted import Device

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Desk:
    """The application, asked as uvicorn asks it."""

    def __init__(self, site: Site, badge: Device, folder: Path) -> None:
        database = Database(site.configuration.database, create=False)
        roots = load_roots(site.pki.authority.root_pem)
        self.said = io.StringIO()
        report = Report(self.said, as_json=False)
        self.store = Store(folder, Limits(keep_free=1))
        self.manifests = Manifests(database, self.store, roots, report)
        receipts = Receipts(self.store, self.manifests, site.pki.signer("center-1"), "center-1", [b"a certificate"])
        door = Door(database, roots, lambda: ())
        self.app = Application(door, self.store, receipts, report, lambda: site.pki.now_ms, body_s=0.2)
        self.leaf = chain_from_pem(site.pki.issued[badge.name].chain_pem, badge.name)[0]

    async def ask(self, method: str, path: str, headers: dict[str, str], receive: Receive) -> int:
        given = {"tus-resumable": "1.0.0", **headers}
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "root_path": "", "scheme": "https", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()], "state": {"certificate": self.leaf},
        }  # fmt: skip
        status: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])

        await self.app.asgi(scope, receive, send)
        return status[0]

    async def patch(self, segment_name: str, receive: Receive) -> int:
        headers = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
        return await self.ask("PATCH", f"/evidence/{segment_name}", headers, receive)


@pytest.fixture
def desk(site: Site, badge: Device, tmp_path: Path) -> Desk:
    return Desk(site, badge, tmp_path / "store")


def in_turn(*messages: dict[str, Any]) -> Receive:
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_does_not_end_is_given_up_and_leaves_nothing(desk: Desk, badge: Device) -> None:
    segment = random_segment(length=5_000)
    desk.store.create(badge.name, upload_of(segment))
    assert asyncio.run(desk.patch(segment.name, in_turn(part(segment.file[:100])))) == 408
    assert desk.store.offset(badge.name, upload_of(segment)) == 0


def test_a_body_that_is_cut_leaves_nothing(desk: Desk, badge: Device) -> None:
    segment = random_segment(length=5_000)
    desk.store.create(badge.name, upload_of(segment))
    asyncio.run(desk.patch(segment.name, in_turn(part(segment.file[:100]), {"type": "http.disconnect"})))
    assert desk.store.offset(badge.name, upload_of(segment)) == 0


def test_a_body_without_a_length_is_bounded_as_it_comes(desk: Desk, badge: Device) -> None:
    segment = random_segment(length=3_000_000)
    desk.store.create(badge.name, upload_of(segment))
    assert asyncio.run(desk.patch(segment.name, in_turn(*[part(bytes(400_000))] * 3))) == 413
    assert desk.store.offset(badge.name, upload_of(segment)) == 0


def test_one_device_works_on_so_many_at_a_time(desk: Desk, badge: Device) -> None:
    segment = random_segment(length=5_000)
    desk.store.create(badge.name, upload_of(segment))

    async def many() -> list[int]:
        begun = asyncio.Semaphore(0)

        async def nothing() -> dict[str, Any]:
            begun.release()
            return await in_turn()()

        slow = [asyncio.create_task(desk.patch(segment.name, nothing)) for _ in range(apps.MOST_AT_ONCE)]
        for _ in slow:
            await begun.acquire()
        more = await desk.ask("HEAD", f"/evidence/{segment.name}", {}, in_turn())
        ended = await asyncio.gather(*slow)
        after = await desk.ask("HEAD", f"/evidence/{segment.name}", {}, in_turn())
        return [more, *ended, after]

    assert asyncio.run(many()) == [429, *[408] * apps.MOST_AT_ONCE, 200]


def test_a_full_disk_is_507_and_leaves_what_is_there(
    desk: Desk, badge: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = random_segment(length=5_000)
    desk.store.create(badge.name, upload_of(segment))
    whole = in_turn(part(segment.file, more=False))
    monkeypatch.setattr(desk.store, "_limits", Limits(keep_free=1 << 60))
    assert asyncio.run(desk.patch(segment.name, whole)) == 507
    assert desk.store.offset(badge.name, upload_of(segment)) == 0
    assert "would stay free" in desk.said.getvalue()
    monkeypatch.undo()
    assert asyncio.run(desk.patch(segment.name, in_turn(part(segment.file, more=False)))) == 204


def test_what_nobody_thought_of_is_500_and_told(desk: Desk, badge: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr(desk.store, "offset", broken)
    assert asyncio.run(desk.ask("HEAD", f"/evidence/{random_segment().name}", {}, in_turn())) == 500
    assert f"{badge.name}: ValueError: nobody thought of this; please report this" in desk.said.getvalue()


def test_a_file_that_was_signed_differently_is_an_incident(desk: Desk, site: Site, badge: Device) -> None:
    signed = random_segment(length=500)
    other = Segment(signed.recording, signed.n, bytes(500))
    site.signs(badge, signed)
    while desk.manifests.follow():
        pass
    desk.store.create(badge.name, upload_of(other))
    desk.store.append(badge.name, upload_of(other), 0, other.file)
    assert asyncio.run(desk.ask("GET", f"/evidence/{other.name}/receipt", {}, in_turn())) == 409
    assert f"incident: {badge.name} has signed another file" in desk.said.getvalue()
