"""Who changed what of an incident, and when: what the audit log says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vedette.db.queries import Connection, load
from vedette.incidents.reads import incident

Q = load(__file__, "history.sql")

AT_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change; `change` is the verb as in `close`, detail what the verb noted."""

    at: datetime
    by: str
    change: str
    detail: Mapping[str, Any]


async def history_of(conn: Connection, number: int) -> list[Change]:
    """Return the changes of an incident, the newest first, at most a thousand; raises Missing."""
    await incident(conn, number)
    return await Q.all(conn, "history", row=Change, object=f"incident:{number}", limit=AT_MOST)
