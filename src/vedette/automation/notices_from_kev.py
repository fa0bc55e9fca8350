"""When a vulnerability that we know to run enters a catalogue of exploited ones, then a notice is written, once.

A notice is a row of `records.notice`, a line in the log, and a NOTIFY on `vedette_notices` for whoever listens. It is
for operators: what runs where is nothing for the public, whom the notices of incidents tell.
"""

from datetime import datetime

import structlog

from vedette.db.queries import Connection, load

Q = load(__file__, "notices_from_kev.sql")
log = structlog.get_logger(__name__)
CHANNEL = "vedette_notices"


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Write what is new; return how many notices. Repeating is harmless."""
    async with conn.transaction():
        told = await Q.all(conn, "tell", now=now)
        for identity, _, _, _ in told:
            await conn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, identity))
    for identity, catalog, namespaces, images in told:
        log.warning(
            "a vulnerability that runs here is exploited",
            vulnerability=identity,
            catalogue=catalog,
            namespaces=namespaces,
            images=images,
        )
    return len(told)
