"""Change the words of an update that was said already; readers see that they were."""

from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.errors import Invalid, Missing
from vedette.incidents import writes
from vedette.incidents.reads import incident
from vedette.incidents.rules import check_version
from vedette.incidents.texts import checked_text

Q = load(__file__, "edit.sql")


async def edit_update(
    conn: Connection,
    number: int,
    update_id: int,
    text: str,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
) -> None:
    """Replace the text of an update, or of an internal note; its time and its status stay.

    Raises Missing when the incident has no such update, Invalid, or Conflict when somebody changed
    the incident since `version`.
    """
    text = checked_text(text)
    if not text:
        raise Invalid("the text is empty", hint="write what holds now; what was said stays said")
    async with conn.transaction():
        await writes.hold(conn)
        held = await incident(conn, number)
        check_version(held, version)
        edited = await Q.value(
            conn, "edit", incident_id=number, update_id=update_id, text=text, by=by, now=now
        )
        if edited is None:
            raise Missing(f"incident {number} has no update {update_id}")
        await writes.change(conn, number, taken=True)
        await writes.settle(conn, [number], "edit", by=by, now=now, detail={"update": update_id})
