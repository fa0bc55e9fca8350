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
    slos = await _keep_slos(conn, values, places, outcome)
    row = await Q.one(
        conn,
        "keep_values",
        slos=[slos[key] for key, _ in last],
        times=[when for _, when in last],
        values=[one.value for one in last.values()],
        targets=[one.target for one in last.values()],
        snapshot=snapshot.id,
    )
    assert row is not None
    outcome.count(row[0], 0, row[1])


async def _keep_slos(
    conn: Connection, values: Sequence[SloValue], places: Places, outcome: Outcome
) -> dict[tuple[str, ...], int]:
    wanted = {_key(one): one for one in values}
    rows = await Q.all(
        conn,
        "keep_slos",
        names=[one.name for one in wanted.values()],
        slis=[one.sli for one in wanted.values()],
        documents=[one.document for one in wanted.values()],
        services=[places.services[one.service] for one in wanted.values()],
        namespaces=[places.namespaces[one.cluster, one.namespace] for one in wanted.values()],
    )
    for one, (_, is_new) in zip(wanted.values(), rows, strict=True):
        if is_new:
            outcome.say("slo", one.name)
    return {key: row[0] for key, row in zip(wanted, rows, strict=True)}


def _key(one: SloValue) -> tuple[str, ...]:
    return one.service, one.cluster, one.namespace, one.document, one.sli, one.name
