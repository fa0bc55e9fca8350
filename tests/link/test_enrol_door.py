"""The enrolment door over real TLS: a join token opens it once, strangers learn nothing."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
import pytest
from cryptography import x509
from structlog.testing import capture_logs
from tests.link.doors_world import AGENTS_ADDRESS, house_on

from vedette.link import strikes
from vedette.link import vedette_pb2 as pb
from vedette.link.strikes import Strikes, address_of, network
from vedette.trust.keys import fetch_authority, key_fingerprint, make_csr, make_key

Code = grpc.StatusCode


@pytest.fixture
async def house(fresh_app_url, tmp_path):
    async with house_on(fresh_app_url, tmp_path) as house:
        yield house


@pytest.fixture
async def stranger(house):
    async with house.reports() as client:
        yield client.enrolment


def request(
    token: str, *, name: str = "edge-7", csr: bytes | None = None, **facts
) -> pb.EnrolRequest:
    return pb.EnrolRequest(
        join_token=token,
        csr_pem=make_csr(make_key(), "whatever") if csr is None else csr,
        name=name,
        facts=pb.AgentFacts(hostname="edge-7", os="linux", machine_id="m1", **facts),
    )


async def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


async def agents(house) -> list[str]:
    async with house.pool.connection() as conn:
        found = await (await conn.execute("SELECT name FROM fleet.agent ORDER BY name")).fetchall()
    return [name for (name,) in found]


async def test_a_join_token_brings_a_certificate_that_opens_the_agents_door(house, stranger):
    key = make_key()
    reply = await stranger.Enrol(request(await house.join_token(), csr=make_csr(key, "x")))
    assert (reply.name, reply.agents_address) == ("edge-7", AGENTS_ADDRESS)
    assert reply.authority_pem == house.secrets.authority.pem
    certificate = x509.load_pem_x509_certificate(reply.certificate_pem)
    assert key_fingerprint(certificate) == key_fingerprint(make_csr(key, "y"))
    credentials = grpc.ssl_channel_credentials(reply.authority_pem, key, reply.certificate_pem)
    options = [("grpc.ssl_target_name_override", "vedette.server")]
    async with grpc.aio.secure_channel(
        f"127.0.0.1:{house.agents_port}", credentials, options=options
    ) as channel:
        await asyncio.wait_for(channel.channel_ready(), 10)
    assert await agents(house) == ["edge-7"]


async def test_the_authority_is_found_by_its_fingerprint(house):
    found = await asyncio.to_thread(
        fetch_authority, "127.0.0.1", house.clients_port, house.secrets.authority.fingerprint
    )
    assert found == house.secrets.authority.pem


async def test_a_token_works_once(house, stranger):
    token = await house.join_token()
    await stranger.Enrol(request(token))
    code, said = await refused(stranger.Enrol(request(token, name="edge-8")))
    assert code is Code.PERMISSION_DENIED
    assert "used" in said
    assert await agents(house) == ["edge-7"]


async def test_an_answer_that_was_lost_can_be_asked_for_again(house, stranger):
    same = request(await house.join_token())
    first, second = await stranger.Enrol(same), await stranger.Enrol(same)
    assert first.name == second.name
    assert await agents(house) == ["edge-7"]


async def test_two_who_come_at_once_with_one_token_are_one_agent(house, stranger):
    token = await house.join_token()
    ended = await asyncio.gather(
        *(stranger.Enrol(request(token, name=f"edge-{n}")) for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(it, pb.EnrolReply) for it in ended) == 1
    assert len(await agents(house)) == 1


async def test_a_token_is_not_used_up_by_a_request_that_fails(house, stranger):
    token = await house.join_token()
    assert (await refused(stranger.Enrol(request(token, csr=b"garbage"))))[
        0
    ] is Code.INVALID_ARGUMENT
    assert (await refused(stranger.Enrol(request(token, name="../etc"))))[
        0
    ] is Code.INVALID_ARGUMENT
    assert (await stranger.Enrol(request(token))).name == "edge-7"


async def test_a_name_that_is_taken_is_a_conflict_and_leaves_the_token_good(house, stranger):
    await stranger.Enrol(request(await house.join_token()))
    token = await house.join_token()
    code, said = await refused(stranger.Enrol(request(token)))
    assert code is Code.FAILED_PRECONDITION
    assert "edge-7" in said
    assert (await stranger.Enrol(request(token, name="edge-8"))).name == "edge-8"


async def test_the_tokens_name_wins(house, stranger):
    token = await house.join_token(agent_name="db-host-1")
    assert (await stranger.Enrol(request(token, name="wish"))).name == "db-host-1"


async def test_an_expired_token_is_refused(house, stranger):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    token = await house.join_token(now=yesterday)
    code, said = await refused(stranger.Enrol(request(token)))
    assert code is Code.PERMISSION_DENIED
    assert "expired" in said


async def test_what_is_too_large_or_senseless_is_refused_and_the_server_stands(
    house, stranger, monkeypatch
):
    monkeypatch.setattr(strikes, "EACH", 1_000)
    token = await house.join_token()
    deep = "[" * 100_000 + "]" * 100_000
    for hostile in (
        request("x" * 500),
        request(token, csr=b"x" * 20_000),
        request(token, name="x" * 300),
        request(token, version="v" * 300),
        request(token, connectors=["c" * 300]),
        request(token, connectors=["c"] * 1_000),
        request(token, environment_json="x" * 20_000),
        request(token, environment_json=deep),
        request(token, tags_json='{"a": "\\u0000"}'),
    ):
        code, said = await refused(stranger.Enrol(hostile))
        assert code in {Code.INVALID_ARGUMENT, Code.PERMISSION_DENIED}, said
        assert len(said) < 300
    assert (await stranger.Enrol(request(token))).name == "edge-7"


async def test_who_fails_too_often_has_to_wait(house, stranger):
    token = await house.join_token()
    for _ in range(10):
        assert (await refused(stranger.Enrol(request("vdj_guess"))))[0] is Code.PERMISSION_DENIED
    code, said = await refused(stranger.Enrol(request(token)))
    assert code is Code.RESOURCE_EXHAUSTED
    assert "minute" in said


async def test_the_token_stands_in_no_log_and_the_deed_in_the_audit(house, stranger):
    token = await house.join_token()
    with capture_logs() as logs:
        await stranger.Enrol(request(token))
        await refused(stranger.Enrol(request(token, name="edge-8")))
    assert {entry["log_level"] for entry in logs} == {"info", "warning"}
    assert token.removeprefix("vdj_") not in json.dumps(logs, default=str)
    async with house.pool.connection() as conn:
        lines = await (
            await conn.execute("SELECT action, object, source FROM access.audit")
        ).fetchall()
        everything = await (await conn.execute("SELECT a::text FROM access.audit AS a")).fetchall()
    assert ("agent.enrol", "agent:edge-7", "127.0.0.1") in lines
    assert token.removeprefix("vdj_") not in str(everything)


# ── strikes ──

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_ten_failures_within_a_minute_are_too_many():
    book = Strikes()
    for second in range(10):
        assert not book.out("192.0.2.1", now=NOON)
        book.add("192.0.2.1", now=NOON + timedelta(seconds=second))
    assert book.out("192.0.2.1", now=NOON + timedelta(seconds=59))
    assert not book.out("192.0.2.2", now=NOON + timedelta(seconds=59))
    assert not book.out("192.0.2.1", now=NOON + timedelta(seconds=61))


def test_many_addresses_together_are_too_many_but_strangers_may_still_try():
    book = Strikes()
    for n in range(strikes.TOGETHER):
        book.add(f"10.0.{n // 250}.{n % 250}", now=NOON)
    assert book.out("10.0.0.1", now=NOON)
    assert not book.out("192.0.2.1", now=NOON)


def test_a_million_addresses_are_not_remembered(monkeypatch):
    monkeypatch.setattr(strikes, "REMEMBERED", 100)
    book = Strikes()
    for n in range(1_000):
        book.add(f"10.0.{n // 250}.{n % 250}", now=NOON)
    assert len(book._of) == 100


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        ("ipv6:[::1]:5000", "::1"),
        ("unix:/run/x.sock", "unix:/run/x.sock"),
        ("", ""),
    ],
)
def test_a_peer_is_known_by_its_address(peer, address):
    assert address_of(peer) == address


def test_a_customers_ipv6_network_counts_as_one():
    assert network("2001:db8:0:1::1") == network("2001:db8:0:1:ffff::2")
    assert network("2001:db8:0:1::1") != network("2001:db8:0:2::1")
    assert network("::ffff:192.0.2.1") == "192.0.2.1"
