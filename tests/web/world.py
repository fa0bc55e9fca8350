"""A believable world for the pages: regions, categories, 90 days of trouble, targets."""

import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from tests import factories as make

Conn = AsyncConnection[Any]

CATALOGUE: dict[str, Sequence[str]] = {
    "Compute": ("Elastic Servers", "Bare Metal", "Auto Scaling", "Images", "Container Engine"),
    "Databases": ("Document Database", "Relational Database", "GaussDB", "Redis Cache"),
    "Network": ("Load Balancing", "DNS", "VPN", "NAT Gateway", "Direct Connect"),
    "Shop": ("Checkout", "Orders", "Payments", "Catalogue", "Search"),
    "Storage": ("Object Storage", "Block Storage", "Backup", "File Shares"),
}
REGIONS = ("EU-DE", "EU-NL", "EU-CH2", "Helsinki 2")


async def fill_page(
    conn: Conn,
    *,
    now: datetime,
    components: int = 100,
    days: int = 90,
    trouble: float = 0.06,
    seed: int = 7,
) -> list[int]:
    """Fill a status page: all up now, with a past; return the components' ids.

    trouble: the share of days on which something was wrong.
    """
    dice = random.Random(seed)
    born = now - timedelta(days=days + 10)
    names = [
        (region, category, service)
        for region in REGIONS
        for category, services in CATALOGUE.items()
        for service in services
    ]
    while len(names) < components:
        names.append((REGIONS[0], "More", f"Service {len(names)}"))
    ids = []
    for region, category, service in names[:components]:
        ids.append(
            await make.make_component(
                conn,
                service,
                region=region,
                category=category,
                state="up",
                since=born,
                made_at=born,
            )
        )
    for component_id in ids:
        await _fill_days(conn, component_id, dice, now=now, days=days, trouble=trouble)
    return ids


async def _fill_days(
    conn: Conn,
    component_id: int,
    dice: random.Random,
    *,
    now: datetime,
    days: int,
    trouble: float,
) -> None:
    rows = []
    born = now - timedelta(days=days + 10)
    await make.make_transition(conn, "up", at=born, component_id=component_id)
    for back in range(days, 0, -1):
        seconds = dict.fromkeys(("unknown", "initialising", "draining", "degraded", "down"), 0.0)
        if dice.random() < trouble:
            state = dice.choice(("degraded", "degraded", "down", "down", "unknown", "draining"))
            seconds[state] = min(86_400.0, dice.lognormvariate(7, 1.4))
            began = now - timedelta(days=back, hours=dice.random() * 10)
            await make.make_transition(
                conn,
                state,
                was="up",
                at=began,
                component_id=component_id,
                reason="secret-host:5432",
            )
            ended = began + timedelta(seconds=seconds[state])
            await make.make_transition(conn, "up", was=state, at=ended, component_id=component_id)
        day = (now - timedelta(days=back)).date()
        rows.append((component_id, day, 86_400 - sum(seconds.values()), *seconds.values()))
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO health.component_day (
                component_id, day, seconds_up, seconds_unknown, seconds_initialising,
                seconds_draining, seconds_degraded, seconds_down)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
            rows,
        )


async def turn(
    conn: Conn, component_id: int, state: str, *, at: datetime, was: str = "up", reason: str = ""
) -> None:
    """Let a component change its state, as a verb of health would write it."""
    await make.make_component_state(conn, component_id, state, since=at, reason=reason)
    await make.make_transition(
        conn, state, was=was, at=at, component_id=component_id, reason=reason
    )


async def fill_target(conn: Conn, *, now: datetime, name: str = "orders-db") -> int:
    """Make one busy target: two agents, entities, an hour of reports with an outage, a past."""
    component_id = await make.make_component(
        conn, "Orders database", region="EU-DE", category="Shop", state="up", since=now
    )
    target_id = await make.make_target(
        conn,
        name,
        component_id=component_id,
        cluster="shop-eu",
        state="up",
        since=now - timedelta(minutes=22),
    )
    names = ["connections", "max_connections", "cache_hit_ratio", "database_size_bytes"]
    layout_id = await make.make_layout(
        conn,
        [*names, "replay_lag_s", "replay_lag_s", "written_bytes"],
        entities=["", "", "", "", "replica:eu-2", "replica:eu-3", "replica:eu-3"],
        units=["1", "1", "ratio", "bytes", "seconds", "seconds", "bytes"],
    )
    await conn.execute(
        """
        INSERT INTO health.measurement (connector, name, unit, help)
        VALUES ('postgres', 'connections', '1', 'Client connections now open'),
            ('postgres', 'cache_hit_ratio', 'ratio', 'Reads served from shared buffers')
        ON CONFLICT DO NOTHING"""
    )
    await make.make_partition(conn, str(now.date()))
    await make.make_partition(conn, str((now - timedelta(days=1)).date()))
    values: list[float] = []
    for nth, agent in enumerate(("local", "edge-frankfurt-2")):
        agent_id = await make.make_agent(conn, agent, hostname=f"host-{nth}")
        await make.make_assignment(conn, target_id, agent_id)
        values = await _fill_reports(conn, target_id, agent_id, layout_id, now=now, seed=nth)
        await make.make_observation(
            conn,
            target_id,
            agent_id,
            since=now - timedelta(minutes=22 + nth),
            seen_at=now - timedelta(seconds=4 + nth),
            layout_id=layout_id,
            values=values,
            facts={"version": "PostgreSQL 18.1", "role": "primary"},
            silent_since=now - timedelta(minutes=3) if nth else None,
        )
    for back, was, word in ((180, "up", "degraded"), (170, "degraded", "up"), (29, "up", "down")):
        await make.make_transition(
            conn,
            word,
            was=was,
            at=now - timedelta(minutes=back),
            target_id=target_id,
            reason="" if word == "up" else "local: connection refused by 10.1.2.3:5432",
            error_class="" if word == "up" else "refused",
        )
    await make.make_transition(
        conn, "up", was="down", at=now - timedelta(minutes=22), target_id=target_id
    )
    return target_id


async def _fill_reports(
    conn: Conn, target_id: int, agent_id: int, layout_id: int, *, now: datetime, seed: int
) -> list[float]:
    dice = random.Random(seed)
    values: list[float] = []
    for step in range(360, -1, -1):
        at = now - timedelta(seconds=10 * step + seed)
        is_down = 132 <= step <= 174
        values = [
            round(40 + 18 * math.sin(step / 24) + dice.random() * 6),
            200,
            0.993 + dice.random() * 0.006,
            48.2e9 + (360 - step) * 4.1e6,
            0.02 + dice.random() * 0.05 + (2.4 if 40 < step < 52 else 0),
            0.03 + dice.random() * 0.02,
            7.2e12 + (360 - step) * 9e9,
        ]
        await make.make_report(
            conn,
            target_id,
            agent_id,
            at=at,
            layout_id=layout_id,
            values=[] if is_down else values,
            state=5 if is_down else 0,
            rtt_s=None if is_down else 0.0009 + dice.random() * 0.0006,
        )
    return values
