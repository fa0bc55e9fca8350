"""A busy fleet for the operators' pages: hundreds of targets, agents well and ill."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from tests import factories as make

from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.update import update_incident

Conn = AsyncConnection[Any]

CLUSTERS = ("shop-eu", "shop-nl", "billing", "a-cluster-whose-name-goes-on-and-on-eu-de-1")
CONNECTORS = ("postgres", "redis", "http", "tcp")
TROUBLE = {
    7: ("down", "local: connection refused by 10.1.2.3:5432"),
    19: ("degraded", "local: connections_ratio is 0.94, above 0.9"),
    31: ("unknown", "no report for 40 s"),
    55: ("draining", ""),
}
"""Every hundredth target after these is so."""


async def fill_targets(conn: Conn, *, now: datetime, targets: int = 300) -> None:
    """Make so many targets, some of them in trouble."""
    for nth in range(targets):
        state, reason = TROUBLE.get(nth % 100, ("up", ""))
        await make.make_target(
            conn,
            f"{CONNECTORS[nth % 7 % 4]}-{nth:03}",
            connector=CONNECTORS[nth % 7 % 4],
            cluster=CLUSTERS[nth % 5] if nth % 5 < 4 else None,
            state=state,
            since=now - timedelta(minutes=7 * nth + 1),
            reason=reason,
        )


async def fill_agents(conn: Conn, *, now: datetime) -> None:
    """Make agents: one well, one silent, one lagging with a wrong clock and a double, one never seen."""
    for name, seen, waiting, offset_s in (
        ("edge-berlin-1", timedelta(seconds=4), 0, 0.002),
        ("edge-berlin-2", timedelta(hours=3), 0, 0.0),
        ("edge-zurich-1-with-a-long-name", timedelta(seconds=11), 12_480, -7.3),
        ("new-host", None, 0, 0.0),
    ):
        agent_id = await make.make_agent(conn, name, hostname=f"{name}.example.net")
        if seen is not None:
            await make.make_stream(
                conn,
                agent_id,
                connected_at=now - timedelta(days=2),
                heartbeat_at=now - seen,
                spooled_reports=waiting,
                spooled_bytes=waiting * 61,
                dropped_reports=waiting // 100,
                clock_offset_s=offset_s,
            )
        if waiting:
            await make.make_duplicate(
                conn, agent_id, hostname="copy-of-zurich", last_seen_at=now - timedelta(minutes=9)
            )
    await make.make_agent(conn, "old-host", revoked_at=now - timedelta(days=30))


async def fill_incidents(conn: Conn, components: Sequence[int], *, now: datetime) -> None:
    """Tell of 30 incidents that are over (1 to 30), of two open ones (31 is the graver), of three maintenances."""
    for nth in range(29, -1, -1):
        begun = now - timedelta(days=5 * nth + 3, hours=nth)
        number = await _tell(
            conn, components[nth % 20 : nth % 20 + nth % 4 + 1], TITLES[nth % 3], begun
        )
        await close_incident(
            conn, number, by="ada", now=begun + timedelta(minutes=90), text="It works **again**."
        )
    begun = now - timedelta(minutes=40)
    number = await _tell(conn, components[3:6], "Load Balancing drops connections", begun)
    await update_incident(
        conn,
        number,
        by="ada",
        now=now - timedelta(minutes=12),
        status=Status.FIXING,
        impact=Impact.OUTAGE,
        text="A certificate ran out; see [our notes](https://example.org).\n\n1. renew\n2. `reload`\n\n"
        "> handshake failed\n\n```\nopenssl s_client -connect balancer.example.org:443 -showcerts "
        "-servername balancer.example.org </dev/null\n```",
    )
    await _tell(conn, components[9:10], TITLES[2], now - timedelta(minutes=9))
    for days, title in (
        (0, "New disks"),
        (9, "Kernel update of all hypervisors"),
        (20, "Core router"),
    ):
        begun = now + timedelta(days=days)
        draft = Draft(
            kind=Kind.MAINTENANCE,
            title=title,
            impact=Impact.MAINTENANCE,
            status=Status.PLANNED,
            starts_at=begun,
            ends_at=begun + timedelta(hours=26),
            description="Short interruptions of up to *a minute*.",
            components=components[days : days + 3],
            published_at=now,
        )
        await open_incident(conn, draft, by="ada", now=now)


TITLES = ("Timeouts when orders are saved", "DNS answers late", "a-name-that-goes-on-and-on-" * 4)


async def _tell(conn: Conn, components: Sequence[int], title: str, begun: datetime) -> int:
    draft = Draft(
        kind=Kind.INCIDENT,
        title=title,
        impact=Impact.MAJOR,
        status=Status.ANALYZING,
        starts_at=begun,
        components=components,
        published_at=begun,
    )
    return await open_incident(conn, draft, by="ada", now=begun, text="We look for the cause.")
