"""Advisories that are published on their own, without a look at anything: the latest text of each stays."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.records.merge import LOCK
from vedette.records.model import Bulletin
from vedette.records.outcome import Outcome
from vedette.records.rules import advisory_key, identity_of, text_key

Q = load(__file__, "bulletins.sql")
MERGE = load(__file__, "merge.sql")


async def keep_bulletins(
    conn: Connection, bulletins: Sequence[Bulletin], outcome: Outcome, *, now: datetime
) -> None:
    """Learn what these say, and under which other names they are found."""
    given = list({advisory_key(one.advisory): one for one in bulletins}.values())
    # What scanners find is added under the same lock, so that two never add one advisory twice.
    await Q.run(conn, "hold", number=LOCK)
    rows = await MERGE.all(conn, "keep_advisories", row=None, **_columns(given), now=now)
    for one, (_, is_new) in zip(given, rows, strict=True):
        if is_new:
            outcome.say("vulnerability", one.advisory.name)
        else:
            outcome.unchanged += 1
    names = [
        (name, row[0]) for one, row in zip(given, rows, strict=True) for name in one.advisory.names
    ]
    if names:
        aliases, numbers = zip(*names, strict=True)
        await MERGE.run(conn, "keep_aliases", names=list(aliases), advisories=list(numbers))
    await Q.run(
        conn,
        "keep_withdrawn",
        advisories=[row[0] for row in rows],
        withdrawn=[one.withdrawn for one in given],
        now=now,
    )


def _columns(given: Sequence[Bulletin]) -> dict[str, list[object]]:
    return {
        "keys": [advisory_key(one.advisory) for one in given],
        "text_keys": [text_key(one.advisory) for one in given],
        "names": [one.advisory.name for one in given],
        "feeds": [one.advisory.feed for one in given],
        "identities": [identity_of(one.advisory) for one in given],
        "titles": [one.advisory.title for one in given],
        "descriptions": [one.advisory.description for one in given],
        "links": [" ".join(one.advisory.links) for one in given],
        "cwes": [" ".join(one.advisory.cwes) for one in given],
        "scores": [one.score for one in given],
        "vectors": [one.vector for one in given],
        "published": [one.advisory.published_at for one in given],
    }
