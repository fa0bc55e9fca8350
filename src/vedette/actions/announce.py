"""Announce: the modules that agents say they can run are known by name from then on."""

from collections.abc import Sequence

from vedette.db.queries import Connection, load

Q = load(__file__, "writes.sql")


async def announce(conn: Connection, agents: Sequence[int]) -> int:
    """Note the modules of these agents; return how many were new."""
    return await Q.run(conn, "announce", agents=list(agents))
