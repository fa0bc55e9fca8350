"""What one sees of agents, clusters, regions and services over REST."""

from datetime import timedelta
from uuid import UUID

import pytest

from factories import NOON, make_agent, make_assignment, make_target
from rest_world import rest_over
from vedette import clock
from vedette.fleet import reads
from vedette.fleet.attach import DuplicateIdentity, attach
from vedette.fleet.declare import declare
from vedette.fleet.heartbeats import keep_heartbeats
from vedette.fleet.model import (
    AgentFacts,
    Beat,
    Declaration,
    DeclaredCluster,
    DeclaredService,
    HelloFacts,
)
from vedette.fleet.quarantine import count_faults


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        yield rest


async def come(conn, name, run, *, hostname, clock_off=timedelta(0)):
    now = clock.now()
    agent = await reads.agent(conn, name)
    hello = HelloFacts(
        run_id=UUID(int=run),
        welcomed_run_id=None,
        last_seq=0,
        clock=now + clock_off,
        facts=AgentFacts(hostname=hostname, os="linux", machine_id="4f1c"),
    )
    stream = await attach(conn, agent.key_fingerprint, hello, server="s1", address="a", now=now)
    beat = Beat(
        agent_id=stream.agent_id, epoch=stream.epoch, at=now, welcomed=True, spooled_bytes=7,
        clock_offset_s=clock_off.total_seconds(), spooled_reports=1, dropped_reports=0,
    )  # fmt: skip
    await keep_heartbeats(conn, [beat])


async def test_an_agent_and_its_clone_are_two_rows(rest):
    async with rest.pool.connection() as conn:
        agent = await make_agent(conn, "local")
        await make_assignment(conn, await make_target(conn), agent)
        await come(conn, "local", 1, hostname="original", clock_off=timedelta(days=1))
        with pytest.raises(DuplicateIdentity):
            await come(conn, "local", 2, hostname="copy")
    first, second = (await rest.get("/api/v1/agents", scopes=["read"])).json()
    assert (first["state"], first["hostname"], first["connected"]) == ("online", "original", True)
    assert (first["targets"], first["spooled_bytes"]) == (1, 7)
    assert first["clock_offset_s"] == 86_400.0
    assert "ahead of ours" in first["reason"]
    assert first["queueloc"] == second["queueloc"] == "linux.4f1c"
    assert (second["state"], second["name"], second["hostname"]) == ("duplicate", "local", "copy")
    assert "was refused" in second["reason"]


async def test_an_agent_is_revoked_then_retired(rest):
    async with rest.pool.connection() as conn:
        await make_agent(conn, "local")
    writer = ["agents:write"]
    for _ in range(2):
        answer = await rest.post("/api/v1/agents/local/revoke", scopes=writer)
        assert answer.status_code == 204
    [agent] = (await rest.get("/api/v1/agents")).json()
    assert (agent["state"], agent["connected"]) == ("revoked", False)
    assert (await rest.post("/api/v1/agents/local/retire", scopes=writer)).status_code == 204
    assert (await rest.get("/api/v1/agents")).json() == []
    assert (await rest.post("/api/v1/agents/local/retire", scopes=writer)).status_code == 404


async def test_an_agent_in_quarantine_is_shown_with_what_it_did_and_let_out(rest):
    async with rest.pool.connection() as conn:
        agent_id = await make_agent(conn, "local")
        assert await count_faults(conn, {agent_id: 25}, now=NOON) == ["local"]
    [agent] = (await rest.get("/api/v1/agents")).json()
    assert (agent["state"], agent["connected"]) == ("quarantined", False)
    assert agent["reason"].startswith("25 answers within an hour that nobody could take; no orders")
    path = "/api/v1/agents/local/release"
    assert (await rest.post(path, scopes=["actions:write"])).status_code == 403
    for _ in range(2):
        assert (await rest.post(path, scopes=["agents:write"])).status_code == 204
    [agent] = (await rest.get("/api/v1/agents")).json()
    assert agent["state"] == "offline"
    unknown = "/api/v1/agents/nobody/release"
    assert (await rest.post(unknown, scopes=["agents:write"])).status_code == 404


async def test_agents_come_in_pages(rest):
    async with rest.pool.connection() as conn:
        for number in range(5):
            await make_agent(conn, f"edge-{number}")
    path, seen = "/api/v1/agents?limit=2", []
    while path:
        answer = await rest.get(path)
        seen += [agent["name"] for agent in answer.json()]
        path = answer.links.get("next", {}).get("url")
    assert seen == [f"edge-{number}" for number in range(5)]


@pytest.mark.parametrize("cursor", ["x", "IlwwIg", "eyJhIjoxfQ", "IlxcdTAwMDAi"])
async def test_a_cursor_that_is_none_is_no_bug(rest, cursor):
    assert (await rest.get(f"/api/v1/agents?cursor={cursor}")).status_code in (200, 400)


async def test_what_was_declared_can_be_read(rest):
    async with rest.pool.connection() as conn:
        declaration = Declaration(
            clusters=(DeclaredCluster(name="shop-eu", region="EU-DE"),),
            services=(DeclaredService(name="Orders", category="Shop", regions=("EU-DE",)),),
        )
        await declare(conn, declaration, origin="vedette.yaml", now=clock.now())
    assert (await rest.get("/api/v1/clusters")).json() == [
        {"name": "shop-eu", "slug": "shop-eu", "region": "EU-DE"}
    ]
    assert (await rest.get("/api/v1/regions")).json() == [{"name": "EU-DE", "slug": "eu-de"}]
    assert (await rest.get("/api/v1/services")).json() == [
        {"name": "Orders", "slug": "orders", "category": "Shop", "components": ["orders-eu-de"]}
    ]
