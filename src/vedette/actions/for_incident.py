"""For an incident: an action is tied to the incident that it was launched for, whose notes tell how it went."""

import psycopg

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Missing

Q = load(__file__, "for_incident.sql")


async def tie(conn: Connection, action_id: int, incident: int, *, by: str) -> None:
    """Tie the action to the incident of that number; to the same one again changes nothing.

    It is no part of what people signed: agents know nothing of it. Raises Missing.
    """
    try:
        async with conn.transaction():
            if await Q.run(conn, "tie", id=action_id, incident=incident):
                await write_audit(
                    conn,
                    actor=by,
                    action="action.tie",
                    object=f"action:{action_id}",
                    detail={"incident": incident},
                )
    except psycopg.errors.ForeignKeyViolation:
        raise Missing(f"there is no incident {incident}", hint="`vedette incident list`") from None
