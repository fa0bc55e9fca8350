"""Deployments as pipelines report them, each with its commits or not at all; the same again repairs what lacked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.records.bounds import deployment_fault
from vedette.records.model import Deployment

Q = load(__file__, "deployments.sql")
LOCK = lock_number("vedette.records.deployments")
"""Taken after every other lock of records."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of deployments, each as Dash.DB writes it: `app_name=A,env_name=E,pipeline=P,trigger_reason=T`."""

    created: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    error: list[str] = field(default_factory=list)


def entry_of(one: Deployment) -> str:
    """Return a deployment as Dash.DB names it.

    >>> from datetime import datetime, UTC
    >>> entry_of(Deployment("orders", "prod", "ci", "https://git.example/c/1", datetime(2026, 1, 1, tzinfo=UTC)))
    'app_name=orders,env_name=prod,pipeline=ci,trigger_reason=https://git.example/c/1'
    """
    return (
        f"app_name={one.app},env_name={one.environment},"
        f"pipeline={one.pipeline},trigger_reason={one.reason}"
    )


async def keep_deployments(
    conn: Connection, deployments: Sequence[Deployment], *, now: datetime
) -> Delivered:
    """Keep these deployments and their commits; return which are new, known, or cannot be kept.

    A known one gains the commits that it lacked, so that repeating a report mends one that was cut short. The
    transaction is the caller's, or one of its own.
    """
    answer = Delivered()
    kept: dict[str, Deployment] = {}
    for one in deployments:
        if deployment_fault(one):
            answer.error.append(entry_of(one))
        elif entry_of(one) in kept:
            answer.duplicated.append(entry_of(one))
        else:
            kept[entry_of(one)] = one
    if kept:
        async with conn.transaction():
            is_new = await _keep(conn, list(kept.values()), now=now)
        for entry, new in zip(kept, is_new, strict=True):
            (answer.created if new else answer.duplicated).append(entry)
    return answer


async def _keep(
    conn: Connection, deployments: Sequence[Deployment], *, now: datetime
) -> list[bool]:
    commits = [
        (place, one) for place, deployed in enumerate(deployments, 1) for one in deployed.commits
    ]
    await Q.run(conn, "hold", number=LOCK)
    rows = await Q.all(
        conn,
        "keep",
        apps=[one.app for one in deployments],
        environments=[one.environment for one in deployments],
        pipelines=[one.pipeline for one in deployments],
        reasons=[one.reason for one in deployments],
        finished=[one.finished_at for one in deployments],
        places=[place for place, _ in commits],
        revisions=[one.revision for _, one in commits],
        repositories=[one.repository for _, one in commits],
        times=[one.at for _, one in commits],
        leads=[one.lead_s for _, one in commits],
        reverts=[one.revert for _, one in commits],
        now=now,
    )
    return [is_new for (is_new,) in rows]


async def join_services(conn: Connection) -> int:
    """Give deployments that came before their service was known to the service that bears their app's name."""
    return await Q.run(conn, "join_services")
