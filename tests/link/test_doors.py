"""The clients' doors over real TLS: who may read, what is refused, what comes."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
import pytest
from tests.factories import (
    at,
    make_agent,
    make_layout,
    make_partition,
    make_report,
    make_target,
)
from tests.link.doors_world import house_on
from tests.link.feed_world import SOON_S, make_targets, move, move_all, shop, writing

from vedette.access.certify import revoke_client
from vedette.access.model import Actor, Scope
from vedette.access.tokens import revoke_token
from vedette.link import audience, brief, history
from vedette.link import vedette_pb2 as pb
from vedette.link.channel import CLIENT_OPTIONS
from vedette.link.vedette_pb2_grpc import ReportsStub
from vedette.trust.keys import make_csr, make_key

Code = grpc.StatusCode
HERSELF = Actor("token:admin", frozenset(Scope))


@pytest.fixture
async def house(fresh_app_url, tmp_path):
    async with house_on(fresh_app_url, tmp_path) as house:
        yield house


async def refused(call) -> tuple[grpc.StatusCode, str]:
    """Return code and sentence with which a call ended."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(SOON_S):
            await (call if not hasattr(call, "read") else call.read())
    return caught.value.code(), caught.value.details()


async def snapshot(call) -> dict[str, str]:
    async with asyncio.timeout(SOON_S):
        frame = await call.read()
    assert frame.snapshot
    return {change.name: change.now for change in frame.changes}


def us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


# ── who may read ──


async def test_a_token_with_scope_read_reads(house, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        ids = await shop(conn)
        await house.feed.refresh()
        async with house.reports(await house.token()) as client:
            call = client.subscribe(pb.SubscribeRequest())
            assert (await snapshot(call))["orders-db"] == "up"
            await move(conn, ids["orders-db"], "down")
            frame = await call.read()
            assert [(it.name, it.now) for it in frame.changes] == [("orders-db", "down")]
            call.cancel()


async def test_whoever_may_do_more_may_read(house):
    for scopes in (("admin",), ("read", "records:write")):
        async with house.reports(await house.token(scopes[0], scopes=scopes)) as client:
            assert (await client.latest(pb.Filter())).snapshot


async def test_without_a_token_nobody_reads(house):
    async with house.reports() as client:
        for call in (
            client.subscribe(pb.SubscribeRequest()),
            client.latest(pb.Filter()),
            client.range(pb.RangeRequest(target="a")),
        ):
            code, said = await refused(call)
            assert code is Code.UNAUTHENTICATED
            assert "Bearer" in said


WRONG_TOKENS = ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer vdt_wrong", "Bearer " + "x" * 5000]


async def test_a_wrong_token_is_refused_without_saying_what_was_wrong_with_it(house):
    async with house.reports() as client:
        for authorization in WRONG_TOKENS:
            client.metadata = [("authorization", authorization)]
            code, said = await refused(client.latest(pb.Filter()))
            assert code is Code.UNAUTHENTICATED
            assert "vdt_wrong" not in said


async def test_two_tokens_are_none(house):
    async with house.reports(await house.token()) as client:
        client.metadata = client.metadata * 2
        assert (await refused(client.latest(pb.Filter())))[0] is Code.UNAUTHENTICATED


async def test_a_token_without_scope_read_is_denied(house):
    async with house.reports(await house.token(scopes=("records:write",))) as client:
        code, said = await refused(client.subscribe(pb.SubscribeRequest()))
        assert code is Code.PERMISSION_DENIED
        assert "read" in said


async def test_a_client_certificate_reads_at_the_agents_door(house):
    async with house.certified("client", "grafana") as client:
        assert await snapshot(client.subscribe(pb.SubscribeRequest())) == {}


async def test_a_revoked_client_loses_its_stream_and_no_other_does(house):
    async with (
        house.certified("client", "doomed") as one,
        house.certified("client", "other") as two,
    ):
        ending, going_on = (client.subscribe(pb.SubscribeRequest()) for client in (one, two))
        await snapshot(ending)
        await snapshot(going_on)
        async with house.pool.connection() as conn:
            await revoke_client(conn, "doomed", by=HERSELF, now=datetime.now(UTC))
        code, said = await refused(ending)
        assert code is Code.UNAUTHENTICATED
        assert "certificate was revoked" in said
        assert not going_on.done()
        going_on.cancel()
        for call in (one.latest(pb.Filter()), one.subscribe(pb.SubscribeRequest())):
            code, said = await refused(call)
            assert code is Code.UNAUTHENTICATED
            assert "client:doomed" in said


async def test_a_client_certified_anew_reads_and_its_revoked_certificate_does_not(house):
    async with house.certified("client", "grafana") as before:
        async with house.pool.connection() as conn:
            await revoke_client(conn, "grafana", by=HERSELF, now=datetime.now(UTC))
        async with house.certified("client", "grafana") as after:
            assert await snapshot(after.subscribe(pb.SubscribeRequest())) == {}
        assert (await refused(before.latest(pb.Filter())))[0] is Code.UNAUTHENTICATED


async def test_a_certificate_that_is_on_no_list_reads_nothing(house):
    key = make_key()
    stray = house.secrets.authority.issue_client(
        make_csr(key, "stray"), "stray", now=datetime.now(UTC)
    )
    credentials = grpc.ssl_channel_credentials(house.secrets.authority.pem, key, stray.pem)
    address = f"127.0.0.1:{house.agents_port}"
    async with grpc.aio.secure_channel(address, credentials, options=CLIENT_OPTIONS) as channel:
        call = ReportsStub(channel).Latest(pb.Filter())
        assert (await refused(call))[0] is Code.UNAUTHENTICATED


async def test_a_token_revoked_while_it_signs_in_gets_no_stream(house, monkeypatch):
    token = await house.token("doomed")
    choose = house.doors.choice

    async def revoked_meanwhile(**wanted):
        async with house.pool.connection() as conn:
            await revoke_token(conn, "doomed", now=datetime.now(UTC), by="test")
        return await choose(**wanted)

    monkeypatch.setattr(house.doors, "choice", revoked_meanwhile)
    async with house.reports(token) as client:
        call = client.subscribe(pb.SubscribeRequest())
        assert (await refused(call))[0] is Code.UNAUTHENTICATED


async def test_reports_need_the_same_sign_in_and_end_with_it(house):
    async with house.reports() as nobody:
        call = nobody.subscribe_reports(pb.SubscribeRequest())
        assert (await refused(call))[0] is Code.UNAUTHENTICATED
    async with house.reports(await house.token("doomed")) as client:
        call = client.subscribe_reports(pb.SubscribeRequest())
        async with asyncio.timeout(SOON_S):
            assert (await call.read()).snapshot
        async with house.pool.connection() as conn:
            await revoke_token(conn, "doomed", now=datetime.now(UTC), by="test")
        assert (await refused(call))[0] is Code.UNAUTHENTICATED


async def test_an_agents_certificate_does_not_read(house):
    token = await house.token()
    async with house.certified("agent", "edge-7") as agent:
        code, said = await refused(agent.latest(pb.Filter()))
        assert code is Code.PERMISSION_DENIED
        assert "agent" in said
        agent.metadata = [("authorization", f"Bearer {token}")]
        assert (await refused(agent.latest(pb.Filter())))[0] is Code.PERMISSION_DENIED


async def test_a_revoked_token_closes_its_streams_and_no_others(house):
    doomed, other = await house.token("doomed"), await house.token("other")
    async with house.reports(doomed) as one, house.reports(other) as two:
        ending, going_on = (client.subscribe(pb.SubscribeRequest()) for client in (one, two))
        await snapshot(ending)
        await snapshot(going_on)
        async with house.pool.connection() as conn:
            await revoke_token(conn, "doomed", now=datetime.now(UTC), by="test")
        code, said = await refused(ending)
        assert code is Code.UNAUTHENTICATED
        assert "revoked" in said
        assert not going_on.done()
        going_on.cancel()


async def test_an_expired_token_closes_its_streams_without_a_notice(house, monkeypatch):
    monkeypatch.setattr("vedette.link.doors.ASK_AGAIN_S", 0.1)
    token = await house.token(expires_at=datetime.now(UTC) + timedelta(hours=1))
    house.doors._ask_again.set()
    async with house.reports(token) as client:
        call = client.subscribe(pb.SubscribeRequest())
        await snapshot(call)
        async with house.pool.connection() as conn:
            await conn.execute("UPDATE access.token SET expires_at = now()")
        assert (await refused(call))[0] is Code.UNAUTHENTICATED


# ── filters ──


async def test_an_unknown_name_is_named(house, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await shop(conn)
    async with house.reports(await house.token()) as client:
        for filter_, word in (
            (pb.Filter(targets=["cart-db", "no-such-db"]), "no-such-db"),
            (pb.Filter(components=["nowhere"]), "nowhere"),
            (pb.Filter(clusters=["mars"]), "mars"),
        ):
            for call in (
                client.latest(filter_),
                client.subscribe(pb.SubscribeRequest(filter=filter_)),
            ):
                code, said = await refused(call)
                assert code is Code.NOT_FOUND
                assert word in said


async def test_a_target_declared_a_moment_ago_is_known(house, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await make_target(conn, "brand-new")
    async with house.reports(await house.token()) as client:
        call = client.subscribe(pb.SubscribeRequest(filter=pb.Filter(targets=["brand-new"])))
        assert await snapshot(call) == {"brand-new": "unknown"}
        call.cancel()


HOSTILE_FILTERS = [
    pb.Filter(states=["sideways"]),
    pb.Filter(states=["UP"]),
    pb.Filter(targets=[""]),
    pb.Filter(targets=["x" * 300]),
    pb.Filter(targets=[f"t{n}" for n in range(2000)]),
    pb.Filter(components=["a" * 254]),
    pb.Filter(clusters=["c"] * 100_000),
]


async def test_a_senseless_filter_is_refused_and_the_server_stands(house):
    async with house.reports(await house.token()) as client:
        for hostile in HOSTILE_FILTERS:
            for call in (
                client.latest(hostile),
                client.subscribe(pb.SubscribeRequest(filter=hostile)),
            ):
                code, said = await refused(call)
                assert code is Code.INVALID_ARGUMENT
                assert len(said) < 300
        assert (await client.latest(pb.Filter())).snapshot


async def test_a_request_beyond_the_size_of_a_message_is_refused(house):
    async with house.reports(await house.token()) as client:
        code, _ = await refused(client.latest(pb.Filter(targets=["x" * 250] * 20_000)))
        assert code is Code.RESOURCE_EXHAUSTED
        assert (await client.latest(pb.Filter())).snapshot


async def test_bytes_that_are_no_message_are_refused(house):
    async with house.reports(await house.token()) as client:
        raw = client.channel.unary_unary("/vedette.v1.Reports/Latest")
        with pytest.raises(grpc.aio.AioRpcError):
            await raw(b"\xff\xff\xff\xff", metadata=client.metadata)
        assert (await client.latest(pb.Filter())).snapshot


# ── Latest ──


async def test_latest_says_what_stands(house, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await shop(conn)
        await house.feed.refresh()
    async with house.reports(await house.token()) as client:
        frame = await client.latest(pb.Filter(clusters=["shop-eu"]))
        assert [(it.subject, it.name, it.was, it.now) for it in frame.changes] == [
            ("target", "orders-db", "", "up")
        ]


async def test_more_than_a_message_holds_is_not_cut_silently(house, fresh_app_url, monkeypatch):
    monkeypatch.setattr("vedette.link.doors.LATEST_BYTES", 50)
    async with writing(fresh_app_url) as conn:
        await shop(conn)
        await house.feed.refresh()
    async with house.reports(await house.token()) as client:
        code, said = await refused(client.latest(pb.Filter()))
        assert code is Code.INVALID_ARGUMENT
        assert "Subscribe" in said


# ── Range ──


async def kept(conn, *, reports: int = 5) -> None:
    """A target with one report a second from 12:00, of two values, and one that got no answer."""
    target_id = await make_target(conn, "orders-db")
    agent_id = await make_agent(conn)
    layout_id = await make_layout(
        conn, ["connections", "size"], entities=["", "node:3"], units=["count", "bytes"]
    )
    for second in range(reports):
        await make_report(
            conn, target_id, agent_id,
            at=at("12:00") + timedelta(seconds=second), layout_id=layout_id,
            values=[second, 0.5],
        )  # fmt: skip
    await make_report(
        conn, target_id, agent_id, at=at("13:00"), layout_id=0, state=5, rtt_s=float("nan")
    )


async def pages(call) -> list[pb.ReportPage]:
    async with asyncio.timeout(SOON_S):
        return [page async for page in call]


async def rows(client, **request) -> list[pb.ReportRow]:
    found = await pages(client.range(pb.RangeRequest(target="orders-db", **request)))
    return [row for page in found for row in page.reports]


@pytest.fixture
async def reader(house, fresh_app_url, fresh_database_url):
    async with writing(fresh_database_url) as owner:
        await make_partition(owner)
    async with writing(fresh_app_url) as conn:
        await kept(conn)
    async with house.reports(await house.token()) as client:
        yield client


async def test_a_range_brings_the_kept_reports_oldest_first(reader):
    found = await rows(reader, since_us=us(at("12:00:01")), until_us=us(at("12:00:04")))
    assert [row.at_us for row in found] == [us(at(f"12:00:0{n}")) for n in (1, 2, 3)]
    first = found[0]
    assert (first.target, first.agent, first.state) == ("orders-db", "local", "up")
    assert [(it.name, it.entity, it.unit, it.value) for it in first.values] == [
        ("connections", "", "count", 1.0),
        ("size", "node:3", "bytes", 0.5),
    ]
    assert first.rtt_s == pytest.approx(0.0012)


async def test_a_report_without_an_answer_has_a_negative_round_trip(reader):
    (row,) = await rows(reader, since_us=us(at("12:59")), until_us=us(at("13:01")))
    assert (row.state, row.rtt_s, len(row.values)) == ("down", -1.0, 0)


async def test_a_limit_holds(reader):
    bounds = {"since_us": us(at("12:00")), "until_us": us(at("14:00"))}
    assert len(await rows(reader, **bounds, limit=2)) == 2
    assert len(await rows(reader, **bounds)) == 6


async def test_pages_are_cut_and_nothing_falls_between_them(reader, monkeypatch):
    monkeypatch.setattr(history, "QUERY_ROWS", 2)
    monkeypatch.setattr(history, "PAGE_BYTES", 100)
    request = pb.RangeRequest(
        target="orders-db", since_us=us(at("12:00")), until_us=us(at("14:00"))
    )
    found = await pages(reader.range(request))
    assert len(found) > 2
    times = [row.at_us for page in found for row in page.reports]
    assert times == sorted(set(times))
    assert len(times) == 6


async def test_a_span_without_reports_is_empty(reader):
    assert await rows(reader, since_us=1, until_us=2) == []


async def test_a_range_of_an_unknown_target_is_not_found(reader):
    code, said = await refused(reader.range(pb.RangeRequest(target="no-such-db")))
    assert code is Code.NOT_FOUND
    assert "no-such-db" in said


SENSELESS_RANGES = [
    {"since_us": -1},
    {"until_us": -(2**63)},
    {"until_us": 2**63 - 1},
    {"since_us": 2, "until_us": 1},
    {"limit": 2**32 - 1},
    {"target": ""},
    {"target": "a\0b"},
]


async def test_a_senseless_range_is_refused(reader):
    for senseless in SENSELESS_RANGES:
        request = pb.RangeRequest(**{"target": "orders-db"} | senseless)
        assert (await refused(reader.range(request)))[0] is Code.INVALID_ARGUMENT


async def test_what_takes_too_long_to_look_up_says_so(reader, fresh_database_url, monkeypatch):
    monkeypatch.setattr(brief, "STATEMENT_MS", 100)
    async with writing(fresh_database_url) as owner, owner.transaction():
        await owner.execute("LOCK TABLE health.report IN ACCESS EXCLUSIVE MODE")
        code, said = await refused(reader.range(pb.RangeRequest(target="orders-db")))
    assert code is Code.UNAVAILABLE
    assert "shorter" in said


# ── many ──


async def test_one_of_fifty_stalls_and_forty_nine_hear_everything(house, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await make_targets(conn, 30)
        await house.feed.refresh()
        async with house.reports(await house.token()) as client:
            calls = [client.subscribe(pb.SubscribeRequest()) for _ in range(50)]
            stalled, prompt = calls[0], calls[1:]
            for call in prompt:
                await snapshot(call)
            states = ["down", "up"] * 10
            for state in states:
                await move_all(conn, state, reason="r" * 1000)

            async def hears_everything(call) -> int:
                heard = 0
                while heard < 30 * len(states):
                    heard += len((await call.read()).changes)
                return heard

            async with asyncio.timeout(60):
                heard = await asyncio.gather(*map(hears_everything, prompt))
            assert set(heard) == {30 * len(states)}
            held: dict[str, str] = {}
            async with asyncio.timeout(SOON_S):
                while set(held.values()) != {"up"}:
                    frame = await stalled.read()
                    held |= {change.name: change.now for change in frame.changes}
            for call in calls:
                call.cancel()


async def test_who_stalls_at_the_other_end_of_the_wire_is_not_buffered_for(house, fresh_app_url):
    async with writing(fresh_app_url) as conn:
        await make_targets(conn, 400)
        await house.feed.refresh()
        async with house.reports(await house.token()) as client:
            call = client.subscribe(pb.SubscribeRequest())
            await snapshot(call)
            (subscriber,) = house.doors._streams
            backlogs = []
            for state in ["down", "up"] * 20:
                await move_all(conn, state, reason="r" * 1000)
                await house.feed.refresh(everything=False)
                await asyncio.sleep(0)
                backlogs.append(subscriber.backlog)
            assert 0 < backlogs[-1] <= audience.BACKLOG
            heard, held = 0, {}
            async with asyncio.timeout(SOON_S):
                while subscriber.backlog or set(held.values()) != {"up"}:
                    frame = await call.read()
                    heard += frame.ByteSize()
                    held |= {change.name: change.now for change in frame.changes}
            assert heard < 8_000_000  # of the 16 MB there were
            call.cancel()
