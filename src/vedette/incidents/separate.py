"""Give some components of an incident an incident of their own."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid
from vedette.incidents import writes
from vedette.incidents.model import Draft, Kind, Said
from vedette.incidents.open import labels_of, link_to
from vedette.incidents.reads import affected, incident
from vedette.incidents.rules import check_version
from vedette.incidents.texts import TITLE_LIMIT, checked_title

Q = load(__file__, "separate.sql")


async def separate_components(
    conn: Connection,
    number: int,
    components: Sequence[int],
    *,
    by: str,
    now: datetime,
    title: str | None = None,
    version: int | None = None,
) -> int:
    """Move these into a new incident that began, weighed and ended as this one; return its id.

    What the public was told of each component stays the same. title: default the old one with the
    services' names. Raises Missing, Invalid when they are not in it or nobody would be left,
    Conflict when it went into another or was changed since `version`.
    """
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        if held.kind is not Kind.INCIDENT:
            raise Invalid(f"{number} is no incident but: {held.kind}")
        if held.merged_into is not None:
            raise Conflict(
                f"incident {number} went into {held.merged_into}", hint="separate that one"
            )
        members = [one for one in (await affected(conn, [number]))[number] if one.left_at is None]
        going = [one for one in members if one.component_id in set(components)]
        if not going or len(going) < len(set(components)):
            raise Invalid(
                f"incident {number} does not affect all of these",
                hint="of it are " + ", ".join(one.slug for one in members[:20]),
            )
        if len(going) == len(members):
            raise Invalid("nobody would be left in it", hint="give it another title instead")
        ids = [one.component_id for one in going]
        names = ", ".join(dict.fromkeys(row[0] for row in await Q.all(conn, "names", components=ids)))  # fmt: skip
        draft = Draft(
            kind=held.kind,
            title=checked_title(title or f"{held.title} ({names})"[:TITLE_LIMIT]),
            impact=held.impact,
            status=held.status,
            starts_at=held.starts_at,
            ends_at=held.ends_at,
            components=(),
            published_at=held.published_at,
            publish_at=held.publish_at,
        )
        new = await writes.insert(conn, draft, by=by, now=now)
        await Q.run(conn, "weigh_alike", number=number, new=new)
        await Q.run(conn, "move_affected", number=number, new=new, components=ids)
        await writes.change(conn, number, taken=True)
        labels = ", ".join(await labels_of(conn, ids))
        for one, words, other in ((number, "moved to", new), (new, "moved from", number)):
            text = f"{labels} {words} {await link_to(conn, other)}"
            await writes.say(conn, one, Said.SYSTEM, text, at=now, by=by, now=now)
        await writes.settle(conn, [number, new], "separate", by=by, now=now, detail={"new": new})
    return new
