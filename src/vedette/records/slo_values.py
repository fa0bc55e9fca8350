"""Values of service level indicators, kept for years: one a time, the last that a snapshot says of it."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.fleet.places import Places
from vedette.records.merge import LOCK, Snapshot
from vedette.records.model import SloValue
from vedette.records.outcome import Outcome

Q = load(__file__, "slo_values.sql")


async def keep_slo_values(
    conn: Connection,
    values: Sequence[SloValue],
    places: Places,
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    at: datetime,
) -> None:
    """Keep these values: of the time they say, else of `at`, never of one to come; the transaction is the caller's.

    A service lives where its values come from. A value of the same time replaces the one before.
    """
    last = {(_key(one), min(one.at or at, at)): one for one in values}
    await Q.run(conn, "hold", number=LOCK)
    rows = await Q.all(
        conn,
        "keep",
        names=[one.name for one in last.values()],
        slis=[one.sli for one in last.values()],
        documents=[one.document for one in last.values()],
        services=[places.services[one.service] for one in last.values()],
        namespaces=[places.namespaces[one.cluster, one.namespace] for one in last.values()],
        values=[one.value for one in last.values()],
        targets=[one.target for one in last.values()],
        times=[when for _, when in last],
        snapshot=snapshot.id,
    )
    for name, is_new, added, replaced in rows:
        if is_new:
            outcome.say("slo", name)
        outcome.count(added, 0, replaced)


def _key(one: SloValue) -> tuple[str, ...]:
    return one.service, one.cluster, one.namespace, one.document, one.sli, one.name
