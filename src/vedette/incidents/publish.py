"""Let the public read a draft."""

from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Conflict
from vedette.incidents import writes
from vedette.incidents.model import Kind
from vedette.incidents.open import take_over
from vedette.incidents.reads import affected, incident
from vedette.incidents.rules import check_version
from vedette.incidents.writes import Changes


async def publish_incident(
    conn: Connection,
    number: int,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
    taken: bool = True,
) -> None:
    """Publish a draft as it stands; raises Missing, or Conflict when it is public already.

    An open incident then takes its components out of the others, as one that is opened in public
    does: a person's out of all, a machine's out of those of machines. One that is over already says
    that the past was changed. taken: a person publishes it, so no machine changes it from now on.
    """
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        if held.published_at is not None:
            raise Conflict(f"incident {number} is public already", hint="update it")
        columns: Changes = {"published_at": now, "taken": taken}
        if held.kind is Kind.INCIDENT and not held.is_open:
            columns["revised_at"] = now
        await writes.change(conn, number, **columns)
        touched = [number]
        if held.kind is Kind.INCIDENT and held.is_open:
            members = (await affected(conn, [number]))[number]
            touched += await take_over(
                conn,
                number,
                [one.component_id for one in members if one.left_at is None],
                by=by,
                now=now,
                of_machines=held.system and not taken,
            )
        await writes.settle(conn, touched, "publish", by=by, now=now)
