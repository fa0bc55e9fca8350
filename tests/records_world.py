"""A service with everything that can be known of it: believable, made by the verbs that collectors go through."""

from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from tests import factories as make

from vedette.automation.made_up_records import make_records
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.records import exposures
from vedette.records.demo import KNOWN
from vedette.records.model import Probabilities, Statement, VexStatus
from vedette.records.snapshots import apply
from vedette.records.store import Batch

SERVICE, SLUG = "Checkout", "checkout"
LIKELY = {"CVE-2021-44228": 0.9999, "CVE-2022-42889": 0.9921, "CVE-2023-38545": 0.9512}
"""EPSS percentiles; every other is in the middle of the field."""


async def fill_service(
    conn: AsyncConnection[Any], *, now: datetime, name: str = SERVICE, trouble: bool = True
) -> None:
    """Make a service of two components with vulnerabilities, validations, SLOs, deployments, knowledge and statements.

    trouble: one of its components is down, and a deployment went before the incident.
    """
    began = now - timedelta(hours=2)
    for region, state in (("EU-DE", "down" if trouble else "up"), ("EU-NL", "up")):
        component = await make.make_component(
            conn, name, region=region, state=state, since=began, made_at=now - timedelta(days=90)
        )
        if state == "down":
            await make.make_target(
                conn, f"{name.lower()}-db", component_id=component, state="down", since=began
            )
            await _incident(conn, component, at=began)
    times = {name: [began]} if trouble else {}
    await make_records(conn, [name], troubles=times, now=now)
    await _knowledge(conn, now=now)


async def _incident(conn: AsyncConnection[Any], component: int, *, at: datetime) -> None:
    draft = Draft(
        kind=Kind.INCIDENT,
        title="Nobody can pay",
        impact=Impact.OUTAGE,
        status=Status.ANALYZING,
        starts_at=at,
        components=[component],
        published_at=at,
    )
    await open_incident(conn, draft, by="tests", now=at)


async def _knowledge(conn: AsyncConnection[Any], *, now: datetime) -> None:
    cves = tuple(sorted(one[0] for one in KNOWN))
    percentiles = tuple(LIKELY.get(cve, 0.42) for cve in cves)
    scores = tuple(round(each**8, 5) for each in percentiles)
    epss = Probabilities("v2026.03.16", f"{now:%Y-%m-%d}", cves, scores, percentiles)
    stated = Statement(
        document="https://example.com/vex/orders",
        source="openvex",
        author="Example Suppliers",
        names=("CVE-2023-2650",),
        products=(),
        status=VexStatus.NOT_AFFECTED,
        justification="vulnerable_code_not_in_execute_path",
        impact="No identifiers of strangers are parsed here.",
        at=now - timedelta(days=3),
    )
    await apply(conn, "epss", [Batch((epss,))], by="tests", now=now)
    await apply(conn, "openvex", [Batch((stated,))], by="tests", now=now)
    await exposures.run_once(conn, now=now)
