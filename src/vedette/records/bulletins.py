"""Advisories that are published on their own, without a look at anything: the latest text of each stays."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.records.merge import LOCK
from vedette.records.model import Bulletin
from vedette.records.outcome import Outcome
from vedette.records.texts import keep_texts

Q = load(__file__, "bulletins.sql")


async def keep_bulletins(
    conn: Connection, bulletins: Sequence[Bulletin], outcome: Outcome, *, now: datetime
) -> None:
    """Learn what these say, and under which other names they are found."""
    given = {(one.advisory.name, one.advisory.feed): one for one in bulletins}
    # What scanners find is added under the same lock, so that two never add one advisory twice.
    await Q.run(conn, "hold", number=LOCK)
    texts = await keep_texts(conn, (), list(given), list(given.values()), {}, now=now)
    for name, is_new in zip(given, texts.advisories.new, strict=True):
        if is_new:
            outcome.say("vulnerability", name[0])
        else:
            outcome.unchanged += 1
    await Q.run(
        conn,
        "keep_withdrawn",
        advisories=texts.advisories.numbers,
        withdrawn=[one.withdrawn for one in given.values()],
        now=now,
    )
