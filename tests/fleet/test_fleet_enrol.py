"""A host becomes an agent once, with a token; it is revoked at once and for good."""

from datetime import timedelta

import psycopg
import pytest
from cryptography import x509

from factories import NOON, at, make_agent, make_target
from vedette.access.joining import JoinRefused, create_join_token
from vedette.errors import Conflict, Invalid, Missing
from vedette.fleet import reads
from vedette.fleet.assign import reassign
from vedette.fleet.enrol import enrol_agent
from vedette.fleet.model import AgentFacts
from vedette.fleet.renew import count_agents, keep_renewed, revoked_among
from vedette.fleet.revoke import retire_agent, revoke_agent
from vedette.trust.authority import Authority
from vedette.trust.keys import key_fingerprint, make_csr, make_key

AUTHORITY = Authority.make(now=NOON)
PEPPER = b"p" * 32


async def token(conn, **more):
    return await create_join_token(conn, pepper=PEPPER, by="token:admin", now=NOON, **more)


async def enrol(conn, join_token, *, name="edge-7", key=None, csr=None, now=NOON):
    return await enrol_agent(
        conn,
        authority=AUTHORITY,
        pepper=PEPPER,
        join_token=join_token,
        csr_pem=csr or make_csr(key or make_key(), name),
        wished_name=name,
        facts=AgentFacts(hostname=name, os="linux", machine_id="4f1c"),
        address="192.0.2.7",
        now=now,
    )


async def audit(conn):
    return [row async for row in await conn.execute(
        "SELECT actor, action, object FROM access.audit ORDER BY id")]  # fmt: skip


async def test_a_join_token_makes_a_host_an_agent(conn):
    key = make_key()
    enrolled = await enrol(conn, await token(conn, tags={"role": "edge"}), key=key)
    assert enrolled.authority_pem == AUTHORITY.pem
    certificate = x509.load_pem_x509_certificate(enrolled.certificate_pem)
    agent = await reads.agent(conn, "edge-7")
    assert agent.key_fingerprint == key_fingerprint(certificate)
    assert agent.certificate_not_after == certificate.not_valid_after_utc
    assert (agent.tags, agent.queueloc) == ({"role": "edge"}, "linux.4f1c")
    assert [action for _, action, _ in await audit(conn)] == ["join_token.create", "agent.enrol"]


async def test_a_second_host_with_the_same_token_is_refused_and_noted(conn):
    secret = await token(conn)
    await enrol(conn, secret, name="one")
    with pytest.raises(JoinRefused, match="was used at 2026-11-21 12:00 UTC; it works once"):
        await enrol(conn, secret, name="two")
    assert [agent.name for agent in await reads.agents(conn)] == ["one"]
    assert (await audit(conn))[-1][1] == "agent.enrol.refused"


async def test_a_host_whose_answer_was_lost_may_ask_again_with_the_same_key(conn):
    secret, key = await token(conn), make_key()
    first = await enrol(conn, secret, key=key)
    second = await enrol(conn, secret, key=key, now=at("12:01"))
    assert second.agent_id == first.agent_id
    with pytest.raises(JoinRefused):
        await enrol(conn, secret, key=key, now=at("13:01"))


async def test_the_tokens_name_wins_over_the_wished_one(conn):
    enrolled = await enrol(conn, await token(conn, agent_name="db-1"), name="admin-host")
    assert enrolled.name == "db-1"


async def test_a_name_a_living_agent_has_is_refused_and_the_token_still_good(conn):
    await make_agent(conn, "edge-7")
    secret = await token(conn)
    with pytest.raises(Conflict, match="an agent called 'edge-7' already"):
        await enrol(conn, secret)
    assert (await enrol(conn, secret, name="edge-8")).name == "edge-8"


async def test_a_rebuilt_machine_gets_its_name_back_with_a_token_for_it(conn):
    old = await make_agent(conn, "edge-7")
    enrolled = await enrol(conn, await token(conn, agent_name="edge-7"))
    assert enrolled.agent_id != old
    assert [agent.id for agent in await reads.agents(conn)] == [enrolled.agent_id]
    assert ("agent.retire", "agent:edge-7") in [row[1:] for row in await audit(conn)]


async def test_a_revoked_agents_name_may_be_enrolled_anew_but_not_its_key(conn):
    key = make_key()
    await enrol(conn, await token(conn), key=key)
    await revoke_agent(conn, "edge-7", by="token:admin", now=NOON)
    with pytest.raises(Conflict, match="cannot come back"):
        await enrol(conn, await token(conn), key=key)
    assert (await enrol(conn, await token(conn))).name == "edge-7"


async def test_an_enrolled_key_does_not_enrol_twice(conn):
    key = make_key()
    await enrol(conn, await token(conn), key=key)
    with pytest.raises(Conflict, match="belongs to an enrolled agent already"):
        await enrol(conn, await token(conn), key=key, name="other")


@pytest.mark.parametrize(
    "name",
    ["", "..", "a/b", "a\nb", "a\0b", "<b>x</b>", "x" * 10_000, "édge", "tag:a=b", "*", "a."],
)
async def test_a_name_that_is_none_is_refused_and_the_token_still_good(conn, name):
    secret = await token(conn)
    with pytest.raises(Invalid, match="name of the agent"):
        await enrol(conn, secret, name=name, csr=make_csr(make_key(), "x"))
    await enrol(conn, secret)


async def test_a_request_that_is_none_costs_no_token(conn):
    secret = await token(conn)
    with pytest.raises(Invalid, match="certificate request"):
        await enrol(conn, secret, csr=b"\0\xff" * 100)
    await enrol(conn, secret)


async def test_a_new_agent_gets_the_targets_that_wait_for_it(conn):
    by_name = await make_target(conn, "by-name", agents=["edge-7"])
    by_tag = await make_target(conn, "by-tag", agents=["tag:role=edge", "tag:role=core"])
    for_all = await make_target(conn, "for-all", agents=["*"])
    await make_target(conn, "for-others", agents=["edge-8", "tag:role=core"])
    enrolled = await enrol(conn, await token(conn, tags={"role": "edge"}))
    ids = [target.id for target in await reads.targets_of(conn, enrolled.agent_id)]
    assert ids == sorted([by_name, by_tag, for_all])


async def test_tags_an_agent_claims_give_it_no_target(conn):
    await make_target(conn, "secret", agents=["tag:role=core"])
    agent = await make_agent(conn, "edge-7")
    claims = 'UPDATE fleet.agent SET claims = \'{"role": "core"}\' WHERE id = %s'
    await conn.execute(claims, (agent,))
    assert await reassign(conn) == set()
    assert await reads.targets_of(conn, agent) == []


async def test_reassigning_again_changes_nothing(conn):
    agent = await make_agent(conn, "local")
    await make_target(conn, "one")
    assert await reassign(conn) == {agent}
    assert await reassign(conn) == set()


async def test_revoking_takes_the_targets_away_and_is_noted_once(conn):
    agent = await make_agent(conn, "local")
    await make_target(conn, "one")
    await reassign(conn)
    assert await revoke_agent(conn, "local", by="token:ann", now=NOON, source="192.0.2.9")
    assert not await revoke_agent(conn, "local", by="token:ann", now=at("12:01"))
    assert await reads.targets_of(conn, agent) == []
    assert (await reads.agent(conn, "local")).revoked_at == NOON
    assert await audit(conn) == [("token:ann", "agent.revoke", "agent:local")]


@pytest.mark.parametrize("name", ["nobody", "a\0b", "' OR true --", "x" * 10_000])
async def test_revoking_nobody_says_so(conn, name):
    with pytest.raises(Missing, match="no agent is called"):
        await revoke_agent(conn, name, by="token:ann", now=NOON)


async def test_a_retired_agent_is_in_no_list(conn):
    await make_agent(conn, "local")
    await retire_agent(conn, "local", by="token:ann", now=NOON)
    assert await reads.agents(conn) == []
    with pytest.raises(Missing):
        await reads.agent(conn, "local")


async def test_servers_hear_of_a_revocation_even_of_an_agent_without_targets(fresh_app_url):
    async with await psycopg.AsyncConnection.connect(fresh_app_url, autocommit=True) as conn:
        agent = await make_agent(conn, "local")
        await conn.execute("LISTEN vedette_fleet")
        await revoke_agent(conn, "local", by="token:ann", now=NOON)
        heard = [note async for note in conn.notifies(timeout=5, stop_after=1)]
    assert [note.payload for note in heard] == [f"agent:{agent}"]


async def test_a_certificate_lasts_a_week(conn):
    await enrol(conn, await token(conn))
    agent = await reads.agent(conn, "edge-7")
    assert agent.certificate_not_after == NOON + timedelta(days=7)


async def test_who_is_revoked_or_retired_is_served_no_more_and_counted_no_more(conn):
    good, bad, old = [await make_agent(conn, name) for name in ("good", "bad", "old")]
    await revoke_agent(conn, "bad", by="token:ann", now=NOON)
    await retire_agent(conn, "old", by="token:ann", now=NOON)
    assert await revoked_among(conn, [good, bad, old]) == {bad, old}
    assert await count_agents(conn) == 1


async def test_a_renewed_certificate_is_kept(conn):
    agent = await make_agent(conn, "local")
    await keep_renewed(conn, agent, "1f", at("13:00"))
    assert (await reads.agent(conn, "local")).certificate_not_after == at("13:00")
