"""When an incident begins shortly after a deployment of its services, then that one is proposed as its cause.

One at a time: the latest, and after a person rejected it the one before. Nothing is proposed twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.db.locks import alone
from vedette.db.queries import Connection, load
from vedette.records.causes import propose_cause
from vedette.records.deployments import join_services
from vedette.records.dora_rules import proposed_cause
from vedette.records.model import Deployment

Q = load(__file__, "causes_from_deployments.sql")
NAME = "causes_from_deployments"
WITHIN = timedelta(minutes=60)
"""How long before an incident a deployment may have caused it, unless the settings say otherwise."""
LOOKED_BACK = timedelta(days=7)
"""Incidents that began so long ago are looked at: pipelines report late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    incident_id: int
    starts_at: datetime
    deployment_id: int
    service: str
    environment: str
    finished_at: datetime


async def run_once(conn: Connection, *, now: datetime, within: timedelta = WITHIN) -> int:
    """Propose a cause of each incident that has none; return how many were proposed. Safe on several servers.

    within: how long before the incident's beginning a deployment may have finished; 0 proposes none.
    """
    async with conn.transaction():
        if not await alone(conn, NAME):
            return 0
        await join_services(conn)
        if not within:
            return 0
        candidates = await Q.all(
            conn, "candidates", row=_Candidate, since=now - LOOKED_BACK, within=within
        )
        incidents: dict[int, list[_Candidate]] = defaultdict(list)
        for one in candidates:
            incidents[one.incident_id].append(one)
        proposed = 0
        for incident, near in incidents.items():
            deployment = _latest(near, within)
            if deployment is not None:
                proposed += await propose_cause(conn, incident, deployment, now=now)
        return proposed


def _latest(near: Sequence[_Candidate], within: timedelta) -> int | None:
    nouns = {
        _noun(one): one.deployment_id for one in sorted(near, key=lambda one: one.deployment_id)
    }
    chosen = proposed_cause(
        nouns, near[0].starts_at, within, services={one.service for one in near}
    )
    return None if chosen is None else nouns[chosen]


def _noun(one: _Candidate) -> Deployment:
    return Deployment(
        app=one.service,
        environment=one.environment,
        pipeline="",
        reason=str(one.deployment_id),
        finished_at=one.finished_at,
    )
