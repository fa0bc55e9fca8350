"""Advisories that are published on their own, without a look at anything: the latest text of each stays."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.records.merge import LOCK
from vedette.records.model import Bulletin
from vedette.records.outcome import Outcome
from vedette.records.texts import Said, keep_texts

Q = load(__file__, "bulletins.sql")


async def keep_bulletins(
    conn: Connection, bulletins: Sequence[Bulletin], outcome: Outcome, *, now: datetime
) -> None:
    """Learn what these say, and under which other names they are found."""
    given = {(one.advisory.name, one.advisory.feed): one for one in bulletins}
    said = {name: Said(one.advisory, one.score, one.vector) for name, one in given.items()}
    # What scanners find is added under the same lock, so that two never add one advisory twice.
    await Q.run(conn, "hold", number=LOCK)
    kept = (await keep_texts(conn, (), said, {}, now=now)).advisories
    for name in given:
        if name in kept.new:
            outcome.say("vulnerability", name[0])
        else:
            outcome.unchanged += 1
    await Q.run(
        conn,
        "keep_withdrawn",
        advisories=[kept.ids[name] for name in given],
        withdrawn=[one.withdrawn for one in given.values()],
        now=now,
    )
