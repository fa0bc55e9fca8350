"""MIG's tables as its documentation gives them: columns, queries and constraints, tried as the role for them."""

import random
import re
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from actions_world import (
    NOW,
    PEOPLE,
    action,
    agents,
    answer_body,
    bundle,
    signed_by,
    trusting,
)
from signing_world import needs_ssh, ssh_public
from vedette.actions.announce import announce
from vedette.actions.launch import propose
from vedette.db.create import MIG
from vedette.db.pool import connect
from vedette.trust.bundle import AgentGroup, Investigator, Minimum, Weight
from vedette.trust.reasons import Untrusted
from vedette.trust.weigh import groups_of, minimum_of, weight_of

pytestmark = needs_ssh

DDL = """
actions: id numeric, name varchar(2048), target varchar(2048), description json, threat json, operations json,
    validfrom timestamptz, expireafter timestamptz, starttime timestamptz, finishtime timestamptz,
    lastupdatetime timestamptz, status varchar(256), sentctr integer, returnedctr integer, donectr integer,
    cancelledctr integer, failedctr integer, timeoutctr integer, pgpsignatures json, syntaxversion integer
agents: id numeric, name varchar(2048), queueloc varchar(2048), os varchar(2048), version varchar(2048),
    pid integer, starttime timestamptz, destructiontime timestamptz, heartbeattime timestamptz,
    status varchar(256), environment json, tags json
commands: id numeric, actionid numeric, agentid numeric, status varchar(256), results json,
    starttime timestamptz, finishtime timestamptz
investigators: id numeric, name varchar(1024), pgpfingerprint varchar(128), publickey varchar(65536)
signatures: actionid numeric, investigatorid numeric, pgpsignature varchar(4096)
modules: id numeric, name varchar(256)
agtmodreq: moduleid numeric, agentid numeric, minimumweight integer
invagtmodperm: investigatorid numeric, agentid numeric, moduleid numeric, weight integer
"""
LATER = {
    "agents": ["mode", "refreshtime", "loadername"],
    "investigators": [
        *("privatekey", "status", "createdat", "lastmodified", "permissions", "apikey", "apisalt"),
    ],
}
"""Columns of later versions, behind those of the documentation."""

OFFLINE = """
    SELECT DISTINCT(name) FROM agents
    WHERE name IN (
        SELECT DISTINCT(name) FROM agents
        WHERE heartbeattime >= NOW() - interval '30 days'
    ) AND name NOT IN (
        SELECT DISTINCT(name) FROM agents
        WHERE heartbeattime >= NOW() - interval '5 minutes'
    ) ORDER BY name;
"""
DOUBLE = """
    SELECT COUNT(queueloc), queueloc FROM agents
    WHERE heartbeattime >= NOW() - INTERVAL '10 minutes'
    GROUP BY queueloc HAVING COUNT(queueloc) > 1
    ORDER BY count(queueloc) DESC;
"""
SEED = Path(__file__).parents[3] / "shared" / "seeds"


def columns_of(ddl):
    """table → [(column, type)], of CREATE TABLE statements."""
    found = {}
    for table, body in re.findall(
        r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\n\s*\);", ddl, re.DOTALL
    ):
        lines = [line.strip().rstrip(",") for line in body.strip().splitlines()]
        found[table] = [
            re.match(r"(\w+) (timestamp with time zone|\w+(?:\(\d+\))?)", line).groups()
            for line in lines
        ]
    return found


def written_here():
    entries = re.findall(r"(\w+): ((?:[^:]|\n)+?)(?=\n\w+:|\Z)", DDL.strip())
    return {
        table: [tuple(column.split()) for column in columns.replace("\n", " ").split(",")]
        for table, columns in entries
    }


WORDS = {"timestamp with time zone": "timestamptz"}


async def columns_in(conn, table):
    found = await conn.execute(
        "SELECT column_name, data_type, character_maximum_length FROM information_schema.columns"
        " WHERE table_schema = 'mig' AND table_name = %s ORDER BY ordinal_position",
        [table],
    )
    rows = await found.fetchall()
    return [
        (name, f"varchar({length})" if length else WORDS.get(kind, kind))
        for name, kind, length in rows
    ]


async def rows(conn, query, *given):
    return await (await conn.execute(query, given or None)).fetchall()


@pytest.fixture
async def mig(conn):
    """The test's own connection, looking names up as the role vedette_mig does."""
    await conn.execute("SET LOCAL search_path = mig")
    return conn


@pytest.fixture
async def as_mig(cluster, database):
    async with (
        await connect(cluster.url(database, MIG)) as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection


@pytest.mark.parametrize("table", written_here())
async def test_each_table_has_the_columns_of_the_documentation_in_name_type_and_order(conn, table):
    wanted = written_here()[table]
    found = await columns_in(conn, table)
    assert found[: len(wanted)] == wanted
    assert [name for name, _ in found[len(wanted) :]][: len(LATER.get(table, []))] == LATER.get(
        table, []
    )


def test_what_is_held_here_is_what_mig_wrote():
    pages = [path.read_text() for path in SEED.glob("003*")] if SEED.is_dir() else []
    if not pages:
        pytest.skip("MIG's documentation is not on this machine")
    wanted = {
        table: [(name, WORDS.get(kind, kind)) for name, kind in columns]
        for table, columns in columns_of(pages[0]).items()
    }
    assert wanted == written_here()
    for query in (OFFLINE, DOUBLE):
        assert " ".join(query.split()) in " ".join(pages[0].split())


async def test_every_view_is_there_for_the_role_and_needs_no_prefix(as_mig):
    for table in (*written_here(), "agents_stats"):
        await as_mig.execute(f"SELECT * FROM {table}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM actions.action",
        "SELECT * FROM fleet.agent",
        "SELECT * FROM access.token",
        "INSERT INTO actions.investigator (name, fingerprint) VALUES ('a', 'b')",
        "SELECT actions.hold_mig_investigator(NULL)",
        "CREATE TABLE mig.mine (n int)",
        "CREATE OR REPLACE VIEW mig.modules AS SELECT 1",
        "SET ROLE vedette_owner",
        "SET ROLE vedette_app",
        "SELECT pg_advisory_lock(1)",
        "DO $$ BEGIN PERFORM 1; END $$",
    ],
)
async def test_the_role_reaches_nothing_beside_them(as_mig, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await as_mig.execute(statement)


async def test_an_investigator_is_added_as_the_documentation_has_it(as_mig):
    await as_mig.execute(
        "INSERT INTO investigators (name, pgpfingerprint)\n\tVALUES ('Bob Kelso', 'E608......');"
    )
    found = await rows(
        as_mig, "SELECT id > 0, name, pgpfingerprint, publickey, status FROM investigators"
    )
    assert found == [(True, "Bob Kelso", "E608......", None, "active")]


async def test_whoever_has_no_key_is_kept_and_verifies_nothing(mig):
    await mig.execute("INSERT INTO investigators (name, pgpfingerprint) VALUES ('Zoe', 'E608')")
    await trusting(mig)
    with pytest.raises(Untrusted):
        await propose(mig, signed_by(action(), "zoe"), by="t", now=NOW)


async def test_a_key_added_here_is_known_and_weighs_nothing(mig):
    await mig.execute(
        "INSERT INTO investigators (name, pgpfingerprint, publickey) VALUES ('zoe', 'x', %s)",
        [ssh_public("zoe")],
    )
    await trusting(mig)
    stands = await propose(mig, signed_by(action(), "ada", "zoe"), by="t", now=NOW)
    assert (stands.state, [one.weight for one in stands.weights]) == ("proposed", [1])


async def test_a_key_that_nobody_can_read_is_in_nobodys_way(mig):
    await mig.execute(
        "INSERT INTO investigators (name, pgpfingerprint, publickey) VALUES"
        " ('a', 'x', 'ssh-ed25519 AAAA'), ('b', 'y', '-----BEGIN PGP PUBLIC KEY BLOCK-----')"
    )
    await trusting(mig)
    await agents(mig)
    stands = await propose(mig, signed_by(action(), "ada", "bob"), by="t", now=NOW)
    assert stands.state == "inflight"


async def test_ids_fill_themselves_and_go_on_after_one_that_was_given(mig):
    first = await rows(
        mig,
        "INSERT INTO investigators (id, name, pgpfingerprint) VALUES (700, 'a', 'a1') RETURNING id",
    )
    second = await rows(
        mig, "INSERT INTO investigators (name, pgpfingerprint) VALUES ('b', 'b1') RETURNING id"
    )
    assert (first[0][0], second[0][0] > 700) == (700, True)


async def test_a_disabled_investigator_and_a_new_key_are_written_through_the_view(mig):
    await mig.execute("INSERT INTO investigators (name, pgpfingerprint) VALUES ('a', 'd1')")
    await mig.execute(
        "UPDATE investigators SET status = 'disabled', publickey = %s WHERE pgpfingerprint = 'D1'",
        [ssh_public("zoe")],
    )
    found = await rows(mig, "SELECT status, publickey FROM investigators")
    assert found == [("disabled", ssh_public("zoe"))]
    assert await rows(
        mig,
        "SELECT actor, action FROM access.audit WHERE object LIKE 'investigator:%' ORDER BY id",
    ) == [("vedette_app", "investigator.add"), ("vedette_app", "investigator.change")]


BROKEN = [
    ("INSERT INTO investigators (pgpfingerprint) VALUES ('e1')", psycopg.errors.NotNullViolation),
    ("INSERT INTO investigators (name) VALUES ('a')", psycopg.errors.NotNullViolation),
    (
        "INSERT INTO investigators (name, pgpfingerprint) VALUES ('a', 'E1'), ('b', 'e1')",
        psycopg.errors.UniqueViolation,
    ),
    (
        "INSERT INTO investigators (id, name, pgpfingerprint) VALUES (7, 'a', 'E1'), (7, 'b', 'E2')",
        psycopg.errors.UniqueViolation,
    ),
    (
        "INSERT INTO investigators (name, pgpfingerprint, status) VALUES ('a', 'e1', 'king')",
        psycopg.errors.CheckViolation,
    ),
    (
        "INSERT INTO investigators (name, pgpfingerprint, publickey) VALUES ('a', 'e1', 'garbage')",
        psycopg.errors.CheckViolation,
    ),
    (
        "INSERT INTO investigators (name, pgpfingerprint, privatekey) VALUES ('a', 'e1', '\\x00')",
        psycopg.errors.ObjectNotInPrerequisiteState,
    ),
]


@pytest.mark.parametrize(("statement", "error"), BROKEN)
async def test_the_rules_of_the_tables_hold_through_the_views(as_mig, statement, error):
    with pytest.raises(error):
        await as_mig.execute(statement)


UNWRITABLE = {
    "actions": "INSERT INTO actions (id, name, target, validfrom, expireafter)"
    " VALUES (1, 'a', 'b', now(), now())",
    "agents": "INSERT INTO agents (id, name, queueloc) VALUES (1, 'a', 'b')",
    "commands": "INSERT INTO commands (id, actionid, agentid, status) VALUES (1, 9, 9, 'sent')",
    "signatures": "INSERT INTO signatures VALUES (9, 9, 'x')",
    "modules": "INSERT INTO modules (id, name) VALUES (1, 'file')",
    "agtmodreq": "INSERT INTO agtmodreq VALUES (9, 9, 1)",
    "invagtmodperm": "INSERT INTO invagtmodperm VALUES (9, 9, 9, 1)",
}


@pytest.mark.parametrize("table", UNWRITABLE)
async def test_the_other_tables_say_why_they_are_not_written_and_what_to_do(as_mig, table):
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
        await as_mig.execute(UNWRITABLE[table])
    assert f"mig.{table} cannot be written" in refused.value.diag.message_primary
    assert refused.value.diag.message_hint


BENEATH = [
    ("INSERT INTO actions.signature VALUES (9, 9, 'x')", psycopg.errors.ForeignKeyViolation),
    (
        """INSERT INTO actions.command (action_id, agent_id, due_at, created_at)
        VALUES (9, 9, now(), now())""",
        psycopg.errors.ForeignKeyViolation,
    ),
    ("INSERT INTO actions.module (name) VALUES ('a'), ('a')", psycopg.errors.UniqueViolation),
    ("INSERT INTO actions.module (name) VALUES (NULL)", psycopg.errors.NotNullViolation),
    (
        "INSERT INTO actions.minimum VALUES ('a', 'b', 1), ('a', 'b', 2)",
        psycopg.errors.UniqueViolation,
    ),
    (
        "INSERT INTO actions.weight VALUES ('a', 'b', 'c', 1), ('a', 'b', 'c', 2)",
        psycopg.errors.UniqueViolation,
    ),
]


@pytest.mark.parametrize(("statement", "error"), BENEATH)
async def test_the_tables_beneath_hold_the_keys_whoever_writes(conn, statement, error):
    with pytest.raises(error):
        await conn.execute(statement)


async def test_nobody_is_deleted_or_takes_another_fingerprint(mig):
    await mig.execute("INSERT INTO investigators (name, pgpfingerprint) VALUES ('a', 'f1')")
    for statement in (
        "DELETE FROM investigators",
        "UPDATE investigators SET pgpfingerprint = 'F2'",
    ):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            async with mig.transaction():
                await mig.execute(statement)


async def test_whom_the_trust_bundle_names_is_not_changed_in_sql(mig):
    await trusting(mig)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="trust bundle"):
        await mig.execute("UPDATE investigators SET status = 'disabled' WHERE name = 'ada'")


async def ran(conn, outcomes):
    """An action whose commands ended so; None: still runs."""
    await trusting(conn)
    await agents(conn, len(outcomes))
    stands = await propose(conn, signed_by(action(), "ada", "bob"), by="t", now=NOW)
    found = await rows(
        conn, "SELECT id FROM actions.command WHERE action_id = %s ORDER BY id", stands.id
    )
    for (command_id,), outcome in zip(found, outcomes, strict=True):
        if outcome:
            await conn.execute(
                "UPDATE actions.command SET state = 'done', outcome = %s, done_at = now() WHERE id = %s",
                [outcome, command_id],
            )
    return stands.id


async def test_an_actions_counters_are_those_of_its_commands(mig):
    every = ["success", "failed", "refused", "lost", "timeout", "expired", "cancelled", None]
    await ran(mig, every)
    found = await rows(
        mig,
        "SELECT status, sentctr, returnedctr, donectr, cancelledctr, failedctr, timeoutctr,"
        " json_array_length(pgpsignatures), syntaxversion FROM actions",
    )
    assert found == [("inflight", 8, 5, 7, 1, 3, 2, 2, 3)]
    words = [word for (word,) in await rows(mig, "SELECT status FROM commands ORDER BY id")]
    assert words == [
        *("success", "failed", "failed", "failed", "timeout", "expired", "cancelled", "prepared"),
    ]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("state = 'proposed', started_at = NULL", "pending"),
        ("state = 'new', started_at = NULL", "scheduled"),
        ("late = true", "completed"),
        ("state = 'done', finished_at = now()", "completed"),
        (
            "state = 'done', finished_at = now(), cancelled_at = now(), cancelled_by = 'a'",
            "cancelled",
        ),
        ("state = 'invalid', finished_at = now(), why_invalid = 'so'", "invalid"),
    ],
)
async def test_the_state_of_an_action_is_told_in_migs_words(mig, change, word):
    await ran(mig, ["success"])
    await mig.execute(f"UPDATE actions.action SET {change}")
    ((status, ended),) = await rows(mig, "SELECT status, finishtime IS NOT NULL FROM actions")
    assert (status, ended) == (word, word in {"completed", "cancelled", "invalid"})


async def test_an_action_that_waits_for_agents_is_in_flight(mig):
    await trusting(mig)
    await propose(mig, signed_by(action(), "ada", "bob"), by="t", now=NOW)
    assert await rows(mig, "SELECT status, sentctr FROM actions") == [("inflight", 0)]


async def test_who_signed_an_action_stands_in_the_junction(mig):
    action_id = await ran(mig, [None])
    found = await rows(
        mig,
        "SELECT i.name FROM signatures AS s JOIN investigators AS i ON i.id = s.investigatorid"
        " WHERE s.actionid = %s ORDER BY 1",
        action_id,
    )
    assert found == [("ada",), ("bob",)]


async def test_offline_agents_are_found_as_the_documentation_finds_them(mig):
    await agents(mig, 3)
    for name, silent in (("linux-1", "6 minutes"), ("linux-2", "31 days")):
        await mig.execute(
            "UPDATE fleet.stream SET heartbeat_at = now() - %s::interval WHERE agent_id ="
            " (SELECT id FROM fleet.agent WHERE name = %s)",
            [silent, name],
        )
    assert await rows(mig, OFFLINE) == [("linux-1",)]


async def test_double_agents_are_found_as_the_documentation_finds_them(mig):
    await agents(mig, 3)
    await mig.execute("UPDATE fleet.agent SET queueloc = 'linux.one' WHERE name <> 'linux-3'")
    assert await rows(mig, DOUBLE) == [(2, "linux.one")]


async def test_the_figures_of_the_fleet_are_of_this_moment(mig):
    made = await agents(mig, 4)
    await mig.execute("UPDATE fleet.agent SET queueloc = 'linux.one' WHERE name < 'linux-3'")
    (last, _) = made["linux-4"]
    await mig.execute(
        "UPDATE fleet.stream SET heartbeat_at = now() - interval '1 hour' WHERE agent_id = %s",
        [last],
    )
    found = await rows(
        mig,
        "SELECT online_agents, online_endpoints, idle_agents, multi_agents_endpoints,"
        " disappeared_endpoints FROM agents_stats",
    )
    assert found == [(3, 2, 0, 1, 1)]


async def weights_in(conn, agent="linux-1"):
    """What the junctions say: module → (minimum, {investigator: weight})."""
    minimums = await rows(
        conn,
        "SELECT m.name, r.minimumweight FROM agtmodreq AS r JOIN modules AS m ON m.id = r.moduleid"
        " JOIN agents AS a ON a.id = r.agentid WHERE a.name = %s",
        agent,
    )
    found = {name: (minimum, {}) for name, minimum in minimums}
    for module, who, weight in await rows(
        conn,
        "SELECT m.name, i.name, p.weight FROM invagtmodperm AS p"
        " JOIN modules AS m ON m.id = p.moduleid JOIN investigators AS i ON i.id = p.investigatorid"
        " JOIN agents AS a ON a.id = p.agentid WHERE a.name = %s",
        agent,
    ):
        found[module][1][who] = weight
    return found


async def announced(conn, *modules, count=2):
    made = await agents(conn, count)
    await conn.execute("UPDATE fleet.agent SET modules = %s", [list(modules)])
    await announce(conn, [agent_id for agent_id, _ in made.values()])
    return made


async def key_of(conn, name):
    ((key,),) = await rows(conn, "SELECT key FROM agents WHERE name = %s", name)
    return key


@pytest.fixture
async def of_today(mig):
    """Now is now in the views, and 2026-11-22 in these tests: bundles that hold in both."""
    ((now,),) = await rows(mig, "SELECT now()")
    return {"made_at": NOW - timedelta(days=1), "expires_at": max(now, NOW) + timedelta(days=1)}


async def test_a_rule_of_the_module_replaces_the_one_for_all_modules(mig, of_today):
    await announced(mig, "file", "memory")
    minimums = (
        Minimum(group="all", module="*", weight=2),
        Minimum(group="all", module="memory", weight=3),
    )
    given = (("ada", "*", 1), ("bob", "*", 1), ("eve", "memory", 3))
    weights = tuple(
        Weight(investigator=who, group="all", module=module, weight=weight)
        for who, module, weight in given
    )
    await trusting(mig, bundle(minimums=minimums, weights=weights, **of_today))
    assert await weights_in(mig) == {"file": (2, {"ada": 1, "bob": 1}), "memory": (3, {"eve": 3})}


async def test_of_an_agents_groups_the_one_that_asks_most_is_shown(mig, of_today):
    await announced(mig, "file")
    groups = (
        AgentGroup(name="all", agents=("*",)),
        AgentGroup(name="vault", agents=(await key_of(mig, "linux-1"),)),
    )
    minimums = (
        Minimum(group="all", module="*", weight=1),
        Minimum(group="vault", module="file", weight=5),
    )
    weights = tuple(
        Weight(investigator="ada", group=group, module=module, weight=weight)
        for group, module, weight in (("all", "*", 1), ("vault", "file", 4))
    )
    await trusting(mig, bundle(groups=groups, minimums=minimums, weights=weights, **of_today))
    assert await weights_in(mig, "linux-1") == {"file": (5, {"ada": 4})}
    assert await weights_in(mig, "linux-2") == {"file": (1, {"ada": 1})}


async def test_where_no_group_rules_a_module_nothing_is_allowed(mig, of_today):
    await announced(mig, "file", "memory")
    await trusting(
        mig, bundle(minimums=(Minimum(group="all", module="file", weight=1),), **of_today)
    )
    assert list(await weights_in(mig)) == ["file"]


async def test_who_does_not_count_now_weighs_nothing(mig, of_today):
    await announced(mig, "file")
    ((now,),) = await rows(mig, "SELECT now()")
    people = [Investigator(name=name, keys=(ssh_public(name),)) for name in PEOPLE]
    people[0] = Investigator(
        name="ada", keys=(ssh_public("ada"),), valid_until=now - timedelta(days=1)
    )
    people[1] = Investigator(name="bob", keys=(ssh_public("bob"),), status="disabled")
    await trusting(mig, bundle(investigators=tuple(people), **of_today))
    assert await weights_in(mig) == {"file": (2, {})}


async def test_once_the_bundle_has_ended_nobody_weighs_anything(mig, of_today):
    await announced(mig, "file")
    await trusting(mig, bundle(**of_today))
    await mig.execute("UPDATE actions.bundle SET expires_at = now()")
    assert await weights_in(mig) == {"file": (2, {})}


async def test_a_result_is_what_the_agent_answered(mig):
    await ran(mig, ["success"])
    ((command_id,),) = await rows(mig, "SELECT id FROM commands")
    await mig.execute(
        "INSERT INTO actions.result VALUES (%s, %s, '', 1, '', now())",
        [command_id, answer_body(int(command_id)).decode()],
    )
    ((results,),) = await rows(mig, "SELECT results FROM commands")
    assert results[0]["foundanything"] is True


async def test_the_views_weigh_as_the_agents_do(mig, of_today):
    """Of the group that asks most, which the views show, they say what `trust/weigh.py` says."""
    made = await announced(mig, "file", "memory", "pkg")
    keys = {name: await key_of(mig, name) for name in made}
    chance = random.Random(6)
    for version in range(1, 16):
        trust = drawn(chance, list(keys.values()), version, of_today)
        await trusting(mig, trust)
        for name, key in keys.items():
            said = await weights_in(mig, name)
            assert said == weighed_by_the_bundle(trust, key)


def drawn(chance, keys, version, of_today):
    """A bundle of a few groups with rules of their own, whatever chance gives."""
    names = ("all", "east", "vault")
    groups = tuple(
        AgentGroup(
            name=name,
            agents=("*",) if name == "all" and chance.random() < 0.7 else (chance.choice(keys),),
        )
        for name in names
    )
    rules = [(group, module) for group in names for module in ("*", "file", "memory")]
    minimums = tuple(
        Minimum(group=group, module=module, weight=chance.randint(1, 3))
        for group, module in rules
        if chance.random() < 0.6
    )
    weights = tuple(
        Weight(investigator=who, group=group, module=module, weight=chance.randint(1, 3))
        for group, module in rules
        for who in PEOPLE
        if chance.random() < 0.5
    )
    return bundle(version, groups=groups, minimums=minimums, weights=weights, **of_today)


def weighed_by_the_bundle(trust, key):
    found = {}
    for module in ("file", "memory", "pkg"):
        rules = [
            (-rule[1], group.name)
            for group in groups_of(trust, key)
            if (rule := minimum_of(trust, group.name, module))
        ]
        if rules:
            minimum, group = min(rules)
            each = {who: weight_of(trust, who, group, module) for who in PEOPLE}
            found[module] = (-minimum, {who: weight for who, weight in each.items() if weight})
    return found
