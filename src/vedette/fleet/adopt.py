"""Take in targets that nobody declared: whoever pushes samples says by that that they are there.

They belong to the origin `intake` and to a stand-in, an agent of the server's own that is no machine,
so that states, silence and reports are what they are everywhere else.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Denied
from vedette.fleet.assign import hold_fleet, reassign
from vedette.fleet.declare import Q as DECLARE
from vedette.fleet.model import ADOPTED as ORIGIN
from vedette.fleet.rules import free_slug, slugify

Q = load(__file__, "adopt.sql")

STAND_IN = "intake"
_KEY = hashlib.sha256(b"vedette: the stand-in of whoever pushes").digest()
"""No key has this fingerprint, so no machine can come as the stand-in."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """The agent that speaks for whoever pushes."""

    id: int
    name: str


async def stand_in(conn: Connection, *, now: datetime) -> StandIn:
    """Return the stand-in, made at need; raise `Denied` when an operator revoked it."""
    found = await Q.one(conn, "stand_in", key_fingerprint=_KEY)
    if found is None:
        async with conn.transaction():
            await hold_fleet(conn)
            found = await Q.one(conn, "stand_in", key_fingerprint=_KEY)
            if found is None:
                return await _made(conn, now)
    id_, name, gone = found
    if gone:
        raise Denied(
            f"agent {name!r}, which stands for whoever pushes, was revoked; nothing is taken in"
        )
    return StandIn(id_, name)


async def adopt(
    conn: Connection,
    wanted: Iterable[tuple[str, str]],
    *,
    every: timedelta,
    most: int,
    now: datetime,
) -> dict[str, int]:
    """Make targets of these (name, connector), as far as `most` allows; return name → id.

    Those there are already are returned as they are. A name that a settings file uses is left to it:
    it is missing in what is returned, as is what is over the bound.
    """
    connectors = dict(wanted)
    known = await _adopted(conn, connectors)
    missing = [name for name in connectors if name not in known]
    if not missing:
        return known
    async with conn.transaction():
        await hold_fleet(conn)
        own = await stand_in(conn, now=now)
        there = {
            name: (slug, origin, lives)
            for name, slug, origin, lives in await DECLARE.all(conn, "known_targets")
        }
        free = [n for n in missing if n not in there or not there[n][2] or there[n][1] == ORIGIN]
        room = most - await Q.value(conn, "count_adopted", origin=ORIGIN)
        taken = {slug for slug, _, _ in there.values()}
        rows = []
        for name in free[: max(room, 0)]:
            slug = there[name][0] if name in there else free_slug(slugify(name), taken)
            taken.add(slug)
            rows.append(_row(name, slug, connectors[name], own, every))
        if rows:
            await DECLARE.all(conn, "keep_targets", rows=Jsonb(rows), origin=ORIGIN, now=now)
            await reassign(conn, agent_id=own.id)
            await write_audit(
                conn, actor="server", action="fleet.adopt", object=f"origin:{ORIGIN}",
                detail={"targets": [row["name"] for row in rows][:100], "count": len(rows)},
            )  # fmt: skip
    return await _adopted(conn, connectors)


async def beat(conn: Connection, own: StandIn, *, now: datetime) -> None:
    """Let the stand-in be seen alive, as an agent's heartbeat does."""
    await Q.run(conn, "beat", agent_id=own.id, now=now)


async def _made(conn: Connection, now: datetime) -> StandIn:
    name = STAND_IN
    if await Q.value(conn, "name_is_taken", name=name):
        name = f"vedette-{STAND_IN}"
    agent_id = await Q.value(conn, "insert_stand_in", name=name, key_fingerprint=_KEY, now=now)
    await Q.run(conn, "open_stream", agent_id=agent_id, now=now)
    return StandIn(agent_id, name)


async def _adopted(conn: Connection, names: Iterable[str]) -> dict[str, int]:
    return dict(await Q.all(conn, "adopted", origin=ORIGIN, names=list(names)))


def _row(name: str, slug: str, connector: str, own: StandIn, every: timedelta) -> dict[str, object]:
    return {
        "name": name,
        "slug": slug,
        "connector": connector,
        "cluster": None,
        "service": None,
        "region": None,
        "type": None,
        "every_ms": every // timedelta(milliseconds=1),
        "timeout_ms": 1000,
        "bad_after": 3,
        "good_after": 2,
        "agents": [own.name],
        "settings": {},
        "requests": [],
        "keep": [],
        "drop": [],
        "thresholds": {},
    }
