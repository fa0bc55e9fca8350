"""The live feed over HTTP, asked as browsers and scripts ask, of a real server."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import httpx
import pytest
from tests.factories import NOON, at, make_agent, make_observation
from tests.link.doors_world import house_on
from tests.link.feed_world import SOON_S, move, shop, writing

from vedette import clock
from vedette.access.tokens import revoke_token
from vedette.actions.ask_hear import Asks
from vedette.app.addresses import Address, listen_on
from vedette.app.front import front
from vedette.app.http import Rooms, rest_app, rooms_routes
from vedette.app.httpd import httpd, serving
from vedette.app.options import Options
from vedette.link import audience, watch_api

EVENTS = {"Accept": "text/event-stream"}
LINES = {"Accept": "application/jsonl"}
NUMBERS = count()


class Web:
    """A server's HTTP with its feed behind it."""

    def __init__(self, house, url: str, http: httpx.AsyncClient) -> None:
        self.house, self.url, self.http = house, url, http

    @asynccontextmanager
    async def watching(self, query: str = "", headers=LINES, *, token: str | None = None):
        secret = token or await self.house.token(f"reader-{next(NUMBERS)}")
        everything = {**headers, "Authorization": f"Bearer {secret}"}
        async with self.http.stream(
            "GET", f"{self.url}/api/v1/watch{query}", headers=everything
        ) as answer:
            yield Watching(answer)


class Watching:
    """An answer that goes on."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def line(self) -> str:
        async with asyncio.timeout(SOON_S):
            return await anext(self._lines)

    async def page(self) -> dict:
        """The next JSON line."""
        while not (line := await self.line()):
            pass
        return json.loads(line)

    async def event(self) -> dict[str, str]:
        """The next server-sent event, by field."""
        found: dict[str, str] = {}
        while line := await self.line():
            name, _, value = line.partition(":")
            found[name] = value.strip()
        return found

    async def rest(self) -> list[str]:
        async with asyncio.timeout(SOON_S):
            return [line async for line in self._lines]


async def nobody_subscribes(web) -> None:
    async with asyncio.timeout(SOON_S):
        while web.house.feed.subscribers:  # noqa: ASYNC110 - a disconnection notifies nobody
            await asyncio.sleep(0.01)


def told(page: dict) -> list[tuple[str, str, str]]:
    return [(it["name"], it["was"], it["now"]) for it in page["changes"]]


@pytest.fixture
async def web(fresh_app_url, tmp_path):
    async with house_on(fresh_app_url, tmp_path) as house:
        asks = Asks(pool=house.pool, commands_of=lambda _: ())
        rooms = Rooms(house.pool, house.secrets, asks, doors=house.doors)
        app = front({}, rest_app(rooms, rooms_routes()))
        sock = listen_on(Address("127.0.0.1", 0), flag="--http")
        nowhere = Address("127.0.0.1", 0)
        options = Options(http=nowhere, grpc=nowhere, grpc_clients=nowhere, seal_key=Path("none"))
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with (
            serving(httpd(app, options), sock),
            httpx.AsyncClient(timeout=SOON_S) as http,
        ):
            yield Web(house, url, http)
            house.doors.say_goodbye()
        sock.close()


@pytest.fixture
async def ids(web, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        found = await shop(conn)
    await web.house.feed.refresh()
    return found


@pytest.fixture
async def writer(fresh_app_url):
    async with writing(fresh_app_url) as conn:
        yield conn


async def test_a_script_reads_a_json_object_a_line(web, ids, writer):
    async with web.watching() as it:
        assert it.answer.headers["content-type"].startswith("application/jsonl")
        first = await it.page()
        assert (first["kind"], first["more"]) == ("snapshot", False)
        assert told(first) == [("orders-eu-de", "", "up"), ("cart-db", "", "up"), ("orders-db", "", "up")]  # fmt: skip
        await move(writer, ids["orders-db"], "down", at=at("12:05"), reason="connection refused")
        page = await it.page()
        assert page["kind"] == "change"
        assert page["cursor"] > first["cursor"]
        assert page["changes"] == [
            {
                "subject": "target",
                "name": "orders-db",
                "was": "up",
                "now": "down",
                "at": "2026-11-21T12:05:00Z",
                "reason": "connection refused",
                "error_class": "",
                "component": "orders-eu-de",
                "cluster": "shop-eu",
            }
        ]


async def test_a_browser_reads_events_with_an_id_to_come_back_with(web, ids, writer):
    async with web.watching(headers=EVENTS) as it:
        assert it.answer.headers["content-type"].startswith("text/event-stream")
        assert it.answer.headers["cache-control"] == "no-store"
        assert await it.event() == {"retry": "2000"}
        assert (await it.event())["event"] == "snapshot"
        await move(writer, ids["orders-db"], "down")
        event = await it.event()
        assert event["event"] == "change"
        assert int(event["id"]) == json.loads(event["data"])["cursor"]
    await move(writer, ids["cart-db"], "down")
    await web.house.feed.refresh()
    back = {**EVENTS, "Last-Event-ID": event["id"]}
    async with web.watching("?cursor=0", headers=back) as it:
        await it.event()
        missed = await it.event()
        assert missed["event"] == "change"
        assert told(json.loads(missed["data"])) == [("cart-db", "up", "down")]


async def test_a_script_comes_back_with_its_cursor(web, ids, writer):
    async with web.watching() as it:
        cursor = (await it.page())["cursor"]
    await move(writer, ids["orders-db"], "down")
    await web.house.feed.refresh()
    async with web.watching(f"?cursor={cursor or 0}") as it:
        assert ("orders-db", "", "down") in told(await it.page())  # a cursor of 0 is none
    async with web.watching() as it:
        cursor = (await it.page())["cursor"]
    await move(writer, ids["orders-db"], "up")
    await web.house.feed.refresh()
    async with web.watching(f"?cursor={cursor}") as it:
        assert told(await it.page()) == [("orders-db", "down", "up")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?target=orders-db", ["orders-db"]),
        ("?target=orders-db&target=cart-db", ["cart-db", "orders-db"]),
        ("?component=orders-eu-de", ["orders-eu-de", "orders-db"]),
        ("?cluster=shop-eu", ["orders-db"]),
        ("?state=down", []),
        ("?target=cart-db&cluster=shop-eu", []),
    ],
)
async def test_a_filter_chooses(web, ids, query, expected):
    async with web.watching(query) as it:
        assert [it["name"] for it in (await it.page())["changes"]] == expected


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("?target=nosuch", 404, "there is no target 'nosuch'"),
        ("?cluster=nosuch", 404, "there is no cluster 'nosuch'"),
        ("?state=broken", 400, "there is no state 'broken'"),
        ("?colour=red", 400, "colour"),
        ("?cursor=-1", 400, "cursor"),
        ("?cursor=x", 400, "cursor"),
    ],
)
async def test_what_there_is_not_is_a_problem_before_anything_is_streamed(web, query, status, said):
    async with web.watching(query) as it:
        assert it.answer.status_code == status
        assert it.answer.headers["content-type"] == "application/problem+json"
        assert said in " ".join(await it.rest())


async def test_who_may_not_read_does_not_watch(web):
    url = f"{web.url}/api/v1/watch"
    assert (await web.http.get(url)).status_code == 401
    secret = await web.house.token("writer", ("records:write",))
    answer = await web.http.get(url, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403


async def test_a_revoked_token_ends_the_stream(web, ids):
    secret = await web.house.token("short")
    async with web.watching(token=secret) as it:
        await it.page()
        async with web.house.pool.connection() as conn:
            await revoke_token(conn, "short", now=clock.now(), by="test")
        assert json.loads((await it.rest())[-1])["kind"] == "end"


async def test_something_is_sent_though_nothing_happens(web, ids, monkeypatch):
    monkeypatch.setattr(watch_api, "HEARTBEAT_S", 0.05)
    async with web.watching(headers=EVENTS) as it:
        await it.event()
        await it.event()
        assert await it.line() == ": here"
    async with web.watching() as it:
        await it.page()
        assert await it.line() == ""


async def test_who_leaves_is_forgotten(web, ids, monkeypatch):
    monkeypatch.setattr(watch_api, "HEARTBEAT_S", 0.05)
    async with web.watching() as it:
        await it.page()
        assert web.house.feed.subscribers == 1
    await nobody_subscribes(web)


async def test_a_head_ends_at_once(web, ids):
    secret = await web.house.token("head")
    answer = await web.http.head(
        f"{web.url}/api/v1/watch", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 200
    await nobody_subscribes(web)


async def test_the_same_filter_shares_the_same_bytes(web, ids):
    async with (
        web.house.feed.subscriber(audience.Filter()) as one,
        web.house.feed.subscriber(audience.Filter()) as other,
    ):
        first, second = await one.next(), await other.next()
        assert first.lines is second.lines
        assert first.events is second.events


async def test_the_end_of_the_server_is_told(web, ids):
    async with web.watching() as it:
        await it.page()
        web.house.doors.say_goodbye()
        assert "stopping" in json.loads((await it.rest())[-1])["message"]


async def reported(dsn: str, target_id: int, second: int) -> None:
    """Commit a report of that target, so many seconds after noon."""
    async with writing(dsn) as conn, conn.transaction():
        agent = await make_agent(conn, f"edge-{second}")
        await make_observation(conn, target_id, agent, seen_at=NOON + timedelta(seconds=second))


@pytest.mark.parametrize("headers", [LINES, EVENTS])
async def test_every_report_is_streamed_when_asked_for(web, ids, fresh_app_url, headers):
    await reported(fresh_app_url, ids["orders-db"], 1)
    query = "?of=reports&target=orders-db"
    async with web.watching(query, headers) as it:
        if headers is EVENTS:
            await it.event()  # how long to wait before coming back
            first = await it.event()
            assert first["event"] == "snapshot"
            assert int(first["id"]) == json.loads(first["data"])["cursor"]
            page = json.loads(first["data"])
        else:
            page = await it.page()
        assert (page["kind"], page["more"], page["skipped"]) == ("snapshot", False, 0)
        (row,) = page["reports"]
        assert row == {
            "target": "orders-db", "agent": "edge-1", "component": "orders-eu-de",
            "cluster": "shop-eu", "at": "2026-11-21T12:00:01Z", "state": "up", "error_class": "",
            "rtt_s": pytest.approx(0.0012), "measurements": [],
        }  # fmt: skip
        await reported(fresh_app_url, ids["orders-db"], 2)
        if headers is EVENTS:
            assert (await it.event())["event"] == "reports"
        else:
            assert [row["agent"] for row in (await it.page())["reports"]] == ["edge-2"]


async def test_what_is_neither_states_nor_reports_is_refused(web, ids):
    async with web.watching("?of=everything") as it:
        assert it.answer.status_code == 400
