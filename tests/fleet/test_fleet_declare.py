"""What a settings file declares is there afterwards, and nothing else of it."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from factories import NOON, at, make_agent
from vedette.errors import Conflict, Invalid
from vedette.fleet import reads
from vedette.fleet.declare import declare
from vedette.fleet.model import (
    Changes,
    ComponentName,
    Declaration,
    DeclaredCluster,
    DeclaredService,
    DeclaredTarget,
)

ORDERS = DeclaredService(name="Orders", category="Shop", regions=("EU-DE", "EU-NL"))
ORDERS_DB = DeclaredTarget(
    name="orders-db",
    connector="postgres",
    cluster="shop-eu",
    component=ComponentName(service="Orders", region="EU-DE"),
    agents=("local",),
    settings={"host": "127.0.0.1", "port": 5432},
)
SHOP = Declaration(
    clusters=(DeclaredCluster(name="shop-eu", region="EU-DE"),),
    services=(ORDERS,),
    targets=(ORDERS_DB,),
)


async def say(conn, declaration, *, origin="vedette.yaml", now=NOON):
    return await declare(conn, declaration, origin=origin, now=now)


async def with_targets(conn, *targets, **more):
    return await say(conn, replace(SHOP, targets=targets), **more)


async def revision(conn, agent_id):
    return (await reads.configuration_of(conn, agent_id)).revision


async def names(conn):
    return [target.name for target in await reads.targets(conn)]


async def test_a_file_becomes_clusters_services_components_and_targets(conn):
    changes = await say(conn, SHOP)
    assert (changes.targets_added, changes.components_added) == (1, 2)
    assert [(c.name, c.region) for c in await reads.clusters(conn)] == [("shop-eu", "EU-DE")]
    [service] = await reads.services(conn)
    assert (service.name, service.category) == ("Orders", "Shop")
    assert list(service.components) == ["orders-eu-de", "orders-eu-nl"]
    component = (await reads.components(conn))[0]
    assert component.attributes == {"category": "Shop", "region": "EU-DE"}
    assert await names(conn) == ["orders-db"]


async def test_saying_it_again_changes_nothing(conn):
    agent = await make_agent(conn, "local")
    await say(conn, SHOP)
    before = await revision(conn, agent)
    assert await say(conn, SHOP) == Changes()
    assert not Changes()
    assert await revision(conn, agent) == before


async def test_the_agents_of_a_changed_target_alone_get_a_new_configuration(conn):
    edge, core = await make_agent(conn, "edge"), await make_agent(conn, "core")
    one = replace(ORDERS_DB, name="one", agents=("edge",))
    two = replace(ORDERS_DB, name="two", agents=("core",))
    await with_targets(conn, one, two)
    at_edge, at_core = await revision(conn, edge), await revision(conn, core)
    changes = await with_targets(conn, one, replace(two, every=timedelta(seconds=30)))
    assert changes == Changes(targets_changed=1, agents=frozenset({core}))
    assert await revision(conn, edge) == at_edge
    assert await revision(conn, core) == at_core + 1


async def test_what_only_the_server_minds_leaves_the_agents_alone(conn):
    await make_agent(conn, "local")
    await say(conn, SHOP)
    changes = await with_targets(conn, replace(ORDERS_DB, bad_after=5))
    assert changes == Changes(targets_changed=1)


async def test_a_target_no_longer_named_is_retired_and_its_agent_told(conn):
    agent = await make_agent(conn, "local")
    await say(conn, SHOP)
    changes = await with_targets(conn)
    assert (changes.targets_retired, changes.agents) == (1, frozenset({agent}))
    assert await names(conn) == []
    assert await reads.targets_of(conn, agent) == []


async def test_a_retired_target_comes_back_as_the_same_one(conn):
    await say(conn, SHOP)
    [before] = await reads.targets(conn)
    await with_targets(conn)
    await say(conn, SHOP)
    assert await reads.targets(conn) == [before]


async def test_a_component_nobody_names_any_more_is_retired_and_can_return(conn):
    await say(conn, SHOP)
    smaller = replace(SHOP, services=(replace(ORDERS, regions=("EU-DE",)),))
    assert (await say(conn, smaller)).components_retired == 1
    assert [c.slug for c in await reads.components(conn)] == ["orders-eu-de"]
    await say(conn, SHOP)
    assert [c.slug for c in await reads.components(conn)] == ["orders-eu-de", "orders-eu-nl"]


async def test_one_origin_does_not_retire_what_another_declared(conn):
    await say(conn, SHOP, origin="one.yaml")
    mail = DeclaredTarget(name="mail", connector="tcp")
    await say(conn, Declaration(targets=(mail,)), origin="two.yaml")
    assert await names(conn) == ["mail", "orders-db"]
    assert len(await reads.components(conn)) == 2


async def test_two_origins_cannot_declare_the_same_target(conn):
    await say(conn, SHOP, origin="one.yaml")
    with pytest.raises(Conflict, match=r"'orders-db' is declared by 'one\.yaml' already"):
        await say(conn, SHOP, origin="two.yaml")


async def test_a_target_left_by_one_origin_may_be_taken_by_another(conn):
    await say(conn, SHOP, origin="one.yaml")
    await say(conn, Declaration(), origin="one.yaml")
    await say(conn, SHOP, origin="two.yaml", now=at("12:05"))
    assert await names(conn) == ["orders-db"]


async def test_a_slug_that_is_taken_gets_a_number_and_keeps_it(conn):
    services = tuple(DeclaredService(name=name) for name in ("C++", "C--", "c"))
    await say(conn, Declaration(services=services))
    slugs = {service.name: service.slug for service in await reads.services(conn)}
    assert slugs == {"C++": "c", "C--": "c-2", "c": "c-3"}
    await say(conn, Declaration(services=services[1:]))
    await say(conn, Declaration(services=services))
    again = {service.name: service.slug for service in await reads.services(conn)}
    assert again == slugs


async def test_a_target_makes_the_service_and_component_it_names(conn):
    stray = replace(ORDERS_DB, component=ComponentName(service="Mail", type="smtp"))
    await say(conn, Declaration(targets=(stray,)))
    [component] = await reads.components(conn)
    assert (component.slug, component.region, component.type) == ("mail-smtp", None, "smtp")


async def test_a_target_without_a_region_is_in_the_only_one_of_its_service(conn):
    only = replace(ORDERS, regions=("EU-NL",))
    here = replace(ORDERS_DB, component=ComponentName(service="Orders"))
    await say(conn, Declaration(services=(only,), targets=(here,)))
    assert [c.slug for c in await reads.components(conn)] == ["orders-eu-nl"]


async def test_a_target_must_say_in_which_of_two_regions_it_is(conn):
    vague = replace(ORDERS_DB, component=ComponentName(service="Orders"))
    with pytest.raises(Invalid, match=r"targets\.orders-db\.component .*one of EU-DE, EU-NL"):
        await with_targets(conn, vague)


async def test_free_attributes_of_a_service_are_replaced_not_piled_up(conn):
    first = replace(ORDERS, regions=("EU-DE",), type="api", attributes={"tier": "1", "old": "x"})
    await say(conn, Declaration(services=(first,)))
    await say(conn, Declaration(services=(replace(first, attributes={"tier": "2"}),)))
    [component] = await reads.components(conn)
    assert component.attributes == {
        "category": "Shop", "region": "EU-DE", "type": "api", "tier": "2"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"name": "a\nb"}, "targets.name"),
        ({"name": "a\0b"}, "targets.name"),
        ({"name": "../etc"}, "targets.name"),
        ({"name": "<b>bold</b>"}, "targets.name"),
        ({"name": "x" * 10_000}, "targets.name is 10000 characters long, the limit is 200"),
        ({"name": ""}, "targets.name"),
        ({"connector": "post\ngres"}, "targets.orders-db.connector"),
        ({"cluster": "\u202eevil"}, "targets.orders-db.cluster"),
        ({"every": timedelta(milliseconds=999)}, "targets.orders-db.every"),
        ({"every": timedelta(days=2)}, "targets.orders-db.every"),
        ({"timeout": timedelta(seconds=11)}, "targets.orders-db.timeout"),
        ({"timeout": timedelta(0)}, "targets.orders-db.timeout"),
        ({"bad_after": 0}, "targets.orders-db.bad_after"),
        ({"good_after": 101}, "targets.orders-db.good_after"),
        ({"agents": ("tag:role",)}, "targets.orders-db.agents"),
        ({"agents": ("a b",)}, "targets.orders-db.agents"),
        ({"settings": {"port": float("nan")}}, "targets.orders-db.settings"),
        ({"settings": {"host": "a\0b"}}, "targets.orders-db.settings"),
        ({"settings": {"host": "x" * 70_000}}, "targets.orders-db.settings"),
    ],
)
async def test_what_is_wrong_is_refused_by_the_name_of_its_field(conn, wrong, complaint):
    with pytest.raises(Invalid) as refusal:
        await with_targets(conn, replace(ORDERS_DB, **wrong))
    assert complaint in str(refusal.value)
    assert await names(conn) == []


async def test_a_name_that_is_there_twice_is_refused(conn):
    with pytest.raises(Invalid, match="targets: 'orders-db' is there twice"):
        await with_targets(conn, ORDERS_DB, ORDERS_DB)


async def test_every_and_timeout_may_be_equal_and_one_second(conn):
    second = timedelta(seconds=1)
    await with_targets(conn, replace(ORDERS_DB, every=second, timeout=second))
    [target] = await reads.targets(conn)
    assert (target.every_ms, target.timeout_ms) == (1000, 1000)


async def test_a_declaration_that_changes_something_is_in_the_audit_log(conn):
    await say(conn, SHOP)
    await say(conn, SHOP)
    rows = await (await conn.execute("SELECT actor, action, object FROM access.audit")).fetchall()
    assert rows == [("server", "fleet.declare", "origin:vedette.yaml")]


async def test_a_thousand_targets_take_less_than_a_second_and_few_statements(conn):
    await make_agent(conn, "local", tags={"role": "edge"})
    targets = tuple(
        replace(ORDERS_DB, name=f"target-{n}", agents=("local", "tag:role=edge"))
        for n in range(1000)
    )
    statements = []
    execute = conn.execute
    conn.execute = lambda *args, **more: statements.append(args) or execute(*args, **more)
    began = time.process_time()
    changes = await with_targets(conn, *targets)
    assert time.process_time() - began < 1
    assert changes.targets_added == 1000
    assert len(statements) < 30
