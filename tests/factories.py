"""Arrange a world: one factory a noun, sensible defaults, keyword-only, returning the id.

Every factory writes through the connection it is given and commits nothing: in a test that rolls
back, so does the world. Parents that are named and not there yet are made on the way.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""The instant at which tests take place unless they say otherwise."""


def at(clock: str, *, day: str = "2026-11-21") -> datetime:
    """Return `at("12:05")` or `at("12:05:30", day="2026-11-20")` as an aware UTC time."""
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def slug(*words: str | None) -> str:
    """Return the words as one slug."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(filter(None, words)).lower()).strip("-") or "x"


async def _value(conn: AsyncConnection[Any], sql: str, **params: Any) -> Any:
    row = await (await conn.execute(sql, params)).fetchone()
    return None if row is None else row[0]


async def _named(conn: AsyncConnection[Any], table: str, name: str) -> int:
    """Return the id of the row of that name, made if it is not there."""
    sql = f"""
        INSERT INTO fleet.{table} (name, slug) VALUES (%(name)s, %(slug)s)
        ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING id"""
    return await _value(conn, sql, name=name, slug=slug(name) + _mark(name))


def _mark(name: str) -> str:
    """Names that differ only in what a slug drops must not share one."""
    plain = re.fullmatch(r"[A-Za-z0-9]+([ -][A-Za-z0-9]+)*", name)
    return "" if plain else "-" + hashlib.sha256(name.encode()).hexdigest()[:6]


async def make_region(conn: AsyncConnection[Any], name: str = "EU-DE") -> int:
    return await _named(conn, "region", name)


async def make_cluster(
    conn: AsyncConnection[Any], name: str = "shop-eu", *, region: str | None = "EU-DE"
) -> int:
    cluster_id = await _named(conn, "cluster", name)
    if region is not None:
        await conn.execute(
            "UPDATE fleet.cluster SET region_id = %s WHERE id = %s",
            (await make_region(conn, region), cluster_id),
        )
    return cluster_id


async def make_service(
    conn: AsyncConnection[Any], name: str = "Orders", *, category: str | None = "Shop"
) -> int:
    service_id = await _named(conn, "service", name)
    await conn.execute(
        "UPDATE fleet.service SET category = %s WHERE id = %s", (category, service_id)
    )
    return service_id


async def make_component(
    conn: AsyncConnection[Any],
    service: str = "Orders",
    *,
    region: str | None = "EU-DE",
    category: str | None = "Shop",
    type: str | None = None,  # noqa: A002 - the operator's word
    state: str | None = None,
    since: datetime = NOON,
    reason: str = "",
    made_at: datetime | None = None,
    retired_at: datetime | None = None,
) -> int:
    """Make a component; with `state` also what we hold of it."""
    attributes = {"category": category, "region": region, "type": type}
    component_id: int = await _value(
        conn,
        """
        INSERT INTO fleet.component (
            slug, service_id, region_id, attributes, made_at, retired_at)
        VALUES (
            %(slug)s, %(service_id)s, %(region_id)s, %(attributes)s, %(made_at)s, %(retired_at)s)
        RETURNING id""",
        slug=slug(service, region, type) + _mark(service),
        service_id=await make_service(conn, service, category=category),
        region_id=None if region is None else await make_region(conn, region),
        attributes=Jsonb({k: v for k, v in attributes.items() if v is not None}),
        made_at=made_at or since,
        retired_at=retired_at,
    )
    if state is not None:
        await make_component_state(conn, component_id, state, since=since, reason=reason)
    return component_id


async def make_component_state(
    conn: AsyncConnection[Any],
    component_id: int,
    state: str,
    *,
    since: datetime = NOON,
    reason: str = "",
) -> None:
    await conn.execute(
        """
        INSERT INTO health.component_state (component_id, state, since, reason)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (component_id) DO UPDATE
        SET (state, since, reason) = (EXCLUDED.state, EXCLUDED.since, EXCLUDED.reason)""",
        (component_id, state, since, reason),
    )


async def make_target(
    conn: AsyncConnection[Any],
    name: str = "orders-db",
    *,
    connector: str = "postgres",
    component_id: int | None = None,
    cluster: str | None = None,
    agents: Sequence[str] = ("local",),
    every: timedelta = timedelta(seconds=10),
    timeout: timedelta = timedelta(seconds=5),  # noqa: ASYNC109 - a column
    bad_after: int = 3,
    good_after: int = 2,
    settings: dict[str, Any] | None = None,
    origin: str = "test",
    state: str | None = None,
    since: datetime = NOON,
    reason: str = "",
    error_class: str = "",
) -> int:
    """Make a target; with `state` also what we hold of it."""
    target_id: int = await _value(
        conn,
        """
        INSERT INTO fleet.target (
            name, slug, connector, cluster_id, component_id, every_ms, timeout_ms,
            bad_after, good_after, agents, settings, origin)
        VALUES (
            %(name)s, %(slug)s, %(connector)s, %(cluster_id)s, %(component_id)s, %(every_ms)s,
            %(timeout_ms)s, %(bad_after)s, %(good_after)s, %(agents)s, %(settings)s, %(origin)s)
        RETURNING id""",
        name=name,
        slug=slug(name) + _mark(name),
        connector=connector,
        cluster_id=None if cluster is None else await make_cluster(conn, cluster),
        component_id=component_id,
        every_ms=every // timedelta(milliseconds=1),
        timeout_ms=timeout // timedelta(milliseconds=1),
        bad_after=bad_after,
        good_after=good_after,
        agents=list(agents),
        settings=Jsonb(settings or {}),
        origin=origin,
    )
    if state is not None:
        await conn.execute(
            """
            INSERT INTO health.target_state (target_id, state, since, reason, error_class)
            VALUES (%s, %s, %s, %s, %s)""",
            (target_id, state, since, reason, error_class),
        )
    return target_id


async def make_agent(
    conn: AsyncConnection[Any],
    name: str = "local",
    *,
    hostname: str = "host-1",
    tags: dict[str, str] | None = None,
    revoked_at: datetime | None = None,
) -> int:
    return await _value(
        conn,
        """
        INSERT INTO fleet.agent (name, key_fingerprint, hostname, queueloc, os, tags, revoked_at)
        VALUES (%(name)s, %(key)s, %(hostname)s, %(queueloc)s, 'linux', %(tags)s, %(revoked_at)s)
        RETURNING id""",
        name=name,
        key=hashlib.sha256(name.encode()).digest(),
        hostname=hostname,
        queueloc=f"linux.{hostname}",
        tags=Jsonb(tags or {}),
        revoked_at=revoked_at,
    )


async def make_stream(
    conn: AsyncConnection[Any], agent_id: int, *, heartbeat_at: datetime, **columns: Any
) -> None:
    """Make what we hold of an agent's stream; it is open unless `disconnected_at` is given."""
    given = {"connected_at": heartbeat_at, "heartbeat_at": heartbeat_at, **columns}
    await conn.execute(
        f"INSERT INTO fleet.stream (agent_id, {', '.join(given)}) VALUES (%s{', %s' * len(given)})",
        (agent_id, *given.values()),
    )


async def make_duplicate(
    conn: AsyncConnection[Any],
    agent_id: int,
    *,
    last_seen_at: datetime,
    hostname: str = "copy",
    address: str = "192.0.2.7",
    attempts: int = 3,
) -> None:
    """Make another machine that came with the agent's key."""
    await conn.execute(
        """
        INSERT INTO fleet.duplicate (
            agent_id, run_id, hostname, queueloc, address, first_seen_at, last_seen_at, attempts)
        VALUES (%s, gen_random_uuid(), %s, %s, %s, %s, %s, %s)""",
        (agent_id, hostname, f"linux.{hostname}", address, last_seen_at, last_seen_at, attempts),
    )


async def make_assignment(conn: AsyncConnection[Any], target_id: int, agent_id: int) -> None:
    await conn.execute(
        "INSERT INTO fleet.assignment (target_id, agent_id) VALUES (%s, %s)", (target_id, agent_id)
    )


async def make_transition(
    conn: AsyncConnection[Any],
    now: str,
    *,
    at: datetime,
    was: str | None = None,
    component_id: int | None = None,
    target_id: int | None = None,
    reason: str = "",
    error_class: str = "",
) -> int:
    """Make one change of state; it moves no state row."""
    return await _value(
        conn,
        """
        INSERT INTO health.transition (
            component_id, target_id, was, now, at, recorded_at, reason, error_class)
        VALUES (
            %(component_id)s, %(target_id)s, %(was)s, %(now)s, %(at)s, %(at)s, %(reason)s,
            %(error_class)s)
        RETURNING id""",
        component_id=component_id,
        target_id=target_id,
        was=was,
        now=now,
        at=at,
        reason=reason,
        error_class=error_class,
    )


async def make_day(
    conn: AsyncConnection[Any], component_id: int, day: str, **seconds: float
) -> None:
    """Make a closed day: `make_day(conn, 1, "2026-11-20", down=60)`; what is left of it was up."""
    seconds.setdefault("up", 86_400 - sum(seconds.values()))
    columns = ", ".join(f"seconds_{state}" for state in seconds)
    await conn.execute(
        f"INSERT INTO health.component_day (component_id, day, {columns}) VALUES (%s, %s"
        + ", %s" * len(seconds)
        + ")",
        (component_id, day, *seconds.values()),
    )


async def make_layout(
    conn: AsyncConnection[Any],
    names: Sequence[str],
    *,
    connector: str = "postgres",
    entities: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
) -> int:
    """Make a layout; entities and units default to none."""
    entities = entities or [""] * len(names)
    units = units or [""] * len(names)
    digest = hashlib.sha256(repr((connector, [*names], [*entities], [*units])).encode()).digest()
    return await _value(
        conn,
        """
        INSERT INTO health.layout (digest, connector, names, entities, units)
        VALUES (%(digest)s, %(connector)s, %(names)s, %(entities)s, %(units)s)
        ON CONFLICT (digest) DO UPDATE SET connector = EXCLUDED.connector RETURNING id""",
        digest=digest,
        connector=connector,
        names=list(names),
        entities=list(entities),
        units=list(units),
    )


async def make_error_class(conn: AsyncConnection[Any], name: str) -> int:
    """Return the id of that class of error; no name is 0."""
    if not name:
        return 0
    return await _value(
        conn,
        """
        INSERT INTO health.error_class (name) VALUES (%(name)s)
        ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING id""",
        name=name,
    )


async def make_observation(
    conn: AsyncConnection[Any],
    target_id: int,
    agent_id: int,
    *,
    state: str = "up",
    since: datetime = NOON,
    seen_at: datetime = NOON,
    layout_id: int = 0,
    values: Sequence[float] = (),
    rtt_s: float | None = 0.0012,
    error_class: str = "",
    message: str = "",
    facts: dict[str, str] | None = None,
    silent_since: datetime | None = None,
    is_reported: bool = True,
) -> None:
    """Make the latest of one target as one agent sees it."""
    await conn.execute(
        """
        INSERT INTO health.observation (
            target_id, agent_id, state, since, seen_at, at, look, error_class_id, message, facts,
            rtt_s, layout_id, "values", silent_since, reported)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            target_id,
            agent_id,
            state,
            since,
            seen_at,
            seen_at,
            state,
            await make_error_class(conn, error_class),
            message,
            Jsonb(facts or {}),
            math.nan if rtt_s is None else rtt_s,
            layout_id,
            [float(value) for value in values],
            silent_since,
            is_reported,
        ),
    )


async def make_partition(conn: AsyncConnection[Any], day: str = "2026-11-21") -> None:
    """Make the partition of reports for one day, if nothing made it yet."""
    name = f"health.report_{day.replace('-', '')}"
    await conn.execute(
        f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF health.report"
        f" FOR VALUES FROM ('{day} 00:00+00') TO (timestamptz '{day} 00:00+00' + interval '1 day')"
    )


async def make_report(
    conn: AsyncConnection[Any],
    target_id: int,
    agent_id: int,
    *,
    at: datetime,
    layout_id: int,
    values: Sequence[float] = (),
    state: int = 0,
    rtt_s: float | None = 0.0012,
    error_class_id: int = 0,
) -> None:
    """Make one kept report; its day's partition must be there."""
    await conn.execute(
        """
        INSERT INTO health.report (
            at, target_id, agent_id, layout_id, rtt_s, state, error_class_id, "values")
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            at,
            target_id,
            agent_id,
            layout_id,
            math.nan if rtt_s is None else rtt_s,
            state,
            error_class_id,
            [float(value) for value in values],
        ),
    )
