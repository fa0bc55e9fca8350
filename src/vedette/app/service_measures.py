"""What `automation/` works out of several rooms, handed to the pages of services."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from vedette.automation import delivery, objectives_measured
from vedette.db.queries import Connection
from vedette.incidents.availability_rules import Reporting
from vedette.records.objectives_reads import Wanted
from vedette.web.service_measures import Measures

OBJECTIVES = 20
"""So many stand on a page."""
DELIVERY = timedelta(days=30)


def measures_of(reporting: Callable[[], Reporting]) -> Measures:
    """Return the functions of one server; reporting: by which rules availability is counted."""

    async def objectives(
        conn: Connection, service: str, now: datetime
    ) -> Sequence[objectives_measured.Shown]:
        return await objectives_measured.shown_objectives(
            conn, Wanted(service=service), policy=reporting().policy, now=now, limit=OBJECTIVES
        )

    async def deliveries(conn: Connection, service: str, now: datetime) -> Sequence[delivery.Line]:
        wanted = delivery.Wanted(since=now - DELIVERY, until=now, service=service)
        return await delivery.deliveries(conn, wanted, now=now)

    return Measures(objectives, deliveries)
