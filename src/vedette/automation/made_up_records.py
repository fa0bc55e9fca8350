"""When services are made up, then what would be known of them is made up, too: by the ways on which reports come."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from vedette.automation import causes_from_deployments
from vedette.db.queries import Connection
from vedette.records import exposures
from vedette.records.demo import BY, CLUSTERS, Known, demo_catalog, known_of, promised_and_delivered
from vedette.records.model import Scan
from vedette.records.snapshots import apply
from vedette.records.store import Batch

LOOKS = (timedelta(days=40), timedelta(days=12), timedelta(0))
"""How long ago it was looked: fewer things were found then."""


async def make_records(
    conn: Connection,
    services: Sequence[str],
    *,
    troubles: Mapping[str, Sequence[datetime]],
    now: datetime,
) -> None:
    """Make up what is known of these services, by their names; troubles: when each had incidents.

    Goes by the same verbs as what collectors hand in, so that nothing is shown that could not be.
    """
    known = [
        known_of(name, cluster=cluster, now=now)
        for number, name in enumerate(sorted(services))
        for cluster in CLUSTERS[: 1 + number % 2]
    ]
    # First whose the namespaces are: days are counted by service from the first look on.
    await apply(
        conn, "serviceslometrics", [Batch(tuple(one.values)) for one in known], by=BY, now=now
    )
    for back in LOOKS:
        at = now - back
        share = 1 - back / timedelta(days=60)
        scans = [Batch(tuple(_until(one, share)), one.cluster) for one in known]
        await apply(conn, "imagemanifestvuln", scans, by=BY, now=at)
        await exposures.run_once(conn, now=at)
    checked = [Batch((one.validations,), one.cluster) for one in known]
    await apply(conn, "deploymentvalidation", checked, by=BY, now=now)
    for name in services:
        told = promised_and_delivered(name, now=now, troubles=troubles.get(name, ()))
        await apply(conn, "dora", [Batch(tuple(told))], by=BY, now=now)
    await apply(conn, "kev", [Batch((demo_catalog(now),))], by=BY, now=now)
    await exposures.run_once(conn, now=now)
    await causes_from_deployments.run_once(conn, now=now)


def _until(one: Known, share: float) -> list[Scan]:
    """Return the scans with so much of what is found now."""
    return [
        Scan(
            source=scan.source,
            subject=scan.subject,
            findings=scan.findings[: round(len(scan.findings) * share)],
            presences=scan.presences,
            namespaces=scan.namespaces,
        )
        for scan in one.scans
    ]
