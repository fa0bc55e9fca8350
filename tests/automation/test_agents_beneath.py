"""Who stands beneath what is wrong: the agents that look at it, each with what led to it."""

from datetime import UTC, datetime

import pytest

from factories import make_agent, make_assignment, make_component, make_service, make_target
from records_world import fill_service
from vedette.automation.agents_beneath import (
    beneath_component,
    beneath_incident,
    beneath_service,
    beneath_vulnerability,
)
from vedette.errors import Missing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def looked_at(conn, target, agent, **of):
    target_id = await make_target(conn, target, **of)
    agent_id = await make_agent(conn, agent, hostname=f"{agent}.example.net")
    await make_assignment(conn, target_id, agent_id)
    return agent_id


def named(found):
    return {one.name: one.through for one in found}


async def slug_of(conn, component_id):
    found = await conn.execute("SELECT slug FROM fleet.component WHERE id = %s", [component_id])
    ((name,),) = await found.fetchall()
    return name


async def test_a_component_leads_to_the_agents_of_its_targets(conn):
    component_id = await make_component(conn)
    await looked_at(conn, "orders-db", "edge-1", component_id=component_id)
    await looked_at(conn, "elsewhere", "edge-2")
    slug = await slug_of(conn, component_id)
    found = await beneath_component(conn, slug)
    assert named(found) == {"edge-1": (f"orders-db, of {slug}",)}
    assert found[0].key.startswith("sha256:")


async def test_a_service_leads_to_its_components_and_to_the_clusters_it_runs_in(conn):
    component_id = await make_component(conn)
    await looked_at(conn, "orders-db", "edge-1", component_id=component_id)
    await looked_at(conn, "node-7", "edge-2", cluster="shop-eu")
    await looked_at(conn, "node-8", "edge-3", cluster="shop-us")
    await conn.execute(
        "WITH made AS (INSERT INTO fleet.namespace (cluster_id, name)"
        " SELECT id, 'orders' FROM fleet.cluster WHERE name = 'shop-eu' RETURNING id)"
        " INSERT INTO fleet.service_namespace (service_id, namespace_id, origin)"
        " SELECT %s, id, 'test' FROM made",
        [await make_service(conn)],
    )
    found = await beneath_service(conn, "Orders")
    assert set(named(found)) == {"edge-1", "edge-2"}
    assert named(found)["edge-2"] == ("node-7, in shop-eu",)


async def test_an_incident_leads_to_what_it_affects_now(conn):
    component_id = await make_component(conn)
    await looked_at(conn, "orders-db", "edge-1", component_id=component_id)
    found = await conn.execute(
        "INSERT INTO incidents.incident (kind, title, impact, status, origin, starts_at, made_at, made_by, changed_at)"
        " VALUES ('incident', 'down', 2, 'analyzing', 'person', %(at)s, %(at)s, 'ada', %(at)s) RETURNING id",
        {"at": NOW},
    )
    ((incident,),) = await found.fetchall()
    assert await beneath_incident(conn, incident) == []
    await conn.execute(
        "INSERT INTO incidents.affected (incident_id, component_id, joined_at) VALUES (%s, %s, %s)",
        [incident, component_id, NOW],
    )
    assert set(named(await beneath_incident(conn, incident))) == {"edge-1"}
    await conn.execute("UPDATE incidents.affected SET left_at = joined_at")
    assert await beneath_incident(conn, incident) == []


async def test_revoked_agents_and_retired_targets_are_not_meant(conn):
    component_id = await make_component(conn)
    agent_id = await looked_at(conn, "orders-db", "edge-1", component_id=component_id)
    slug = await slug_of(conn, component_id)
    await conn.execute("UPDATE fleet.agent SET revoked_at = now() WHERE id = %s", [agent_id])
    assert await beneath_component(conn, slug) == []


async def test_what_is_not_there_is_said(conn):
    for ask in (beneath_component, beneath_service, beneath_vulnerability):
        with pytest.raises(Missing):
            await ask(conn, "nothing")
    with pytest.raises(Missing):
        await beneath_incident(conn, 1)


async def test_a_vulnerability_leads_to_where_it_stands_open(conn):
    now = datetime.now(UTC)
    await fill_service(conn, now=now)
    found = await conn.execute(
        "SELECT a.name, c.name FROM records.exposure AS e"
        " JOIN records.advisory AS a ON a.identity = e.identity"
        " JOIN fleet.namespace AS n ON n.id = e.namespace_id"
        " JOIN fleet.cluster AS c ON c.id = n.cluster_id WHERE e.ended_at IS NULL LIMIT 1"
    )
    ((advisory, cluster),) = await found.fetchall()
    await looked_at(conn, "node-7", "edge-2", cluster=cluster)
    await looked_at(conn, "node-8", "edge-3", cluster="quiet")
    assert named(await beneath_vulnerability(conn, advisory)) == {
        "edge-2": (f"node-7, in {cluster}",)
    }


async def test_a_scanned_host_leads_to_the_agent_on_it(conn):
    await fill_service(conn, now=datetime.now(UTC))
    await make_agent(conn, "edge-9", hostname="edge-9.example.net")
    found = await conn.execute(
        "SELECT a.name, c.subject_id FROM records.finding AS f"
        " JOIN records.advisory AS a ON a.id = f.advisory_id"
        " JOIN records.scan AS c ON c.id = f.scan_id WHERE f.fixed_at IS NULL LIMIT 1"
    )
    ((advisory, subject),) = await found.fetchall()
    await conn.execute(
        "UPDATE records.subject SET kind = 'host', name = 'edge-9.example.net' WHERE id = %s",
        [subject],
    )
    beneath = await beneath_vulnerability(conn, advisory)
    assert named(beneath)["edge-9"] == ("host edge-9.example.net",)
