"""What clients of Dash.DB ask, answered in its words: one statement a question."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from psycopg.rows import dict_row

from vedette.db.queries import Connection, load
from vedette.records.kinds.deploymentvalidation import SOURCE as DVO
from vedette.records.kinds.imagemanifestvuln import SOURCE as QUAY

Q = load(__file__, "dashdotdb.sql")

VALIDATORS = (DVO, "kube-linter", "polaris")
"""Sources of what the kind `deploymentvalidation` reads."""

Shown = dict[str, Any]


async def _dicts(conn: Connection, query: str, **given: object) -> list[Shown]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(Q[query].encode(), given)
        return await cursor.fetchall()


async def vulnerabilities(conn: Connection, cluster: str, namespace: str) -> list[Shown]:
    """Return what Quay's operator found in a namespace."""
    return await _dicts(conn, "vulnerabilities", cluster=cluster, namespace=namespace, source=QUAY)


async def validations(conn: Connection, cluster: str, namespace: str) -> list[Shown]:
    """Return how the objects of a namespace stand; one of which both was said says so."""
    rows = await _dicts(
        conn, "validations", cluster=cluster, namespace=namespace, sources=list(VALIDATORS)
    )
    for row in rows:
        row["context-type"] = row.pop("context_type")
        if not row["contradicted"]:
            del row["contradicted"]
    return rows


async def slo_values(conn: Connection, **named: str) -> list[Shown]:
    """Return the newest value of each SLO, or of those that are named."""
    every: Mapping[str, str | None] = dict.fromkeys(
        ("cluster", "namespace", "sli", "document", "name")
    )
    return await _dicts(conn, "slo_values", **{**every, **named})


async def latest_deployment(conn: Connection, app: str, environment: str) -> Shown | None:
    """Return the newest deployment there; its time in UTC, without a zone, as Dash.DB writes it."""
    found = await _dicts(conn, "latest_deployment", app=app, environment=environment)
    if not found:
        return None
    finished_at = found[0].pop("finished_at")
    return found[0] | {
        "finish_timestamp": finished_at.astimezone(UTC).replace(tzinfo=None).isoformat()
    }


async def keep_compat(conn: Connection, *, latest_per_scope: bool) -> None:
    """Let the database know what is shown as Dash.DB shows it: its functions ask there."""
    await Q.run(conn, "keep_compat", latest_per_scope=latest_per_scope)
