"""What MIG's API asks of the database, as MIG's JSON."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vedette.actions import mig_shown as shown
from vedette.actions.match import ids_of
from vedette.actions.mig_search import NO_FILTER, Search
from vedette.actions.mig_shown import ActionRow, AgentRow, CommandRow, InvestigatorRow
from vedette.actions.mig_wire import Json
from vedette.db.queries import Connection, load

Q = load(__file__, "mig_reads.sql")
A = load(__file__, "mig_access.sql")

LINKS = 1_000
"""Commands an action links to; the search finds them all."""
PIECE_BYTES = 16 << 20
"""Of answers that are read at once, and one at least."""
STATISTICS = (
    *("online agents", "online agents by version", "online endpoints", "idle agents"),
    *("idle agents by version", "idle endpoints", "new endpoints"),
    *("endpoints running 2 or more agents", "disappeared endpoints", "flapping endpoints"),
)
"""Their names on the dashboard, in MIG's order."""


async def actions(conn: Connection, filters: Mapping[str, Any]) -> list[Json]:
    """Return actions, the newest first, each with who signed it and how its commands stand."""
    asked = {**NO_FILTER, **filters, "signed": await _signed(conn, filters)}
    if asked["actionid"] is not None:
        asked["ids"] = [asked["actionid"]]
    rows = await Q.all(conn, "actions", row=ActionRow, **asked)
    ids = [row.id for row in rows]
    counted: dict[int, dict[str, int]] = {one: {} for one in ids}
    for action_id, status, commands in await Q.all(conn, "counters", ids=ids):
        counted[action_id][status] = commands
    signers = await _signers(conn, ids)
    return [
        shown.action(row, shown.counters(counted[row.id]), signers.get(row.id, ())) for row in rows
    ]


async def action(conn: Connection, action_id: int) -> Json | None:
    """Return one action; None when there is none."""
    found = await actions(conn, {"ids": [action_id], "limit": 1})
    return found[0] if found else None


async def commands(
    conn: Connection, filters: Mapping[str, Any], held: Mapping[int, Json] | None = None
) -> list[Json]:
    """Return commands, the newest first, each with its whole action and its agent; held: actions read already.

    As many as have `PIECE_BYTES` together, and one at least: fewer than the limit need not be the last.
    """
    asked = {**NO_FILTER, **filters, "signed": await _signed(conn, filters)}
    rows = await Q.all(conn, "commands", row=CommandRow, most_bytes=PIECE_BYTES, **asked)
    orders = dict(held or {})
    orders |= await _by_id(conn, actions, {row.action_id for row in rows} - orders.keys())
    hosts = await _by_id(conn, agents, {row.agent_id for row in rows})
    return [
        shown.command(row, orders.get(row.action_id, {}), hosts.get(row.agent_id, {}))
        for row in rows
    ]


async def command_links(conn: Connection, action_id: int) -> list[tuple[int, str]]:
    """Return the first commands of an action: their ids, and their agents' names."""
    rows = await Q.all(conn, "commands_of", id=action_id, limit=LINKS)
    return [(command_id, name) for command_id, name in rows]


async def agents(conn: Connection, filters: Mapping[str, Any]) -> list[Json]:
    """Return agents, the one heard last first."""
    asked = {**NO_FILTER, **filters, "signed": await _signed(conn, filters)}
    if asked["agentid"] is not None:
        asked["ids"] = [asked["agentid"]]
    return [shown.agent(row) for row in await Q.all(conn, "agents", row=AgentRow, **asked)]


async def agents_meant(conn: Connection, search: Search, *, now: datetime) -> list[Json]:
    """Return the agents that the search's target means: those an action with it would ask."""
    meant = await ids_of(conn, search.target, now=now)
    only = search.ids["agentid"]
    asked = {
        **NO_FILTER,
        **search.filters(),
        "ids": [one for one in meant if only in (None, one)],
        "signed": await _signed(conn, search.filters()),
    }
    return [shown.agent(row) for row in await Q.all(conn, "agents", row=AgentRow, **asked)]


async def investigators(conn: Connection, filters: Mapping[str, Any]) -> list[Json]:
    """Return investigators by their ids."""
    return [shown.investigator(row) for row in await investigator_rows(conn, filters)]


async def investigator_rows(conn: Connection, filters: Mapping[str, Any]) -> list[InvestigatorRow]:
    """Return investigators as they are kept."""
    return await A.all(conn, "investigators", row=InvestigatorRow, **{**NO_FILTER, **filters})


async def statistics(conn: Connection) -> list[Json]:
    """Return the dashboard's figures, as the data of one item."""
    row = await Q.one(conn, "statistics") or [0] * len(STATISTICS)
    return [{"name": name, "value": value} for name, value in zip(STATISTICS, row, strict=True)]


async def _signed(conn: Connection, filters: Mapping[str, Any]) -> list[int] | None:
    """Return the actions of the investigator that is asked for; None when none is."""
    who = {name: filters.get(name) for name in ("investigatorid", "investigatorname")}
    if not any(who.values()):
        return None
    return [action_id for (action_id,) in await Q.all(conn, "signed_by", **who)]


async def _by_id(conn: Connection, ask: Any, ids: Iterable[int]) -> dict[int, Json]:  # noqa: ANN401 - one of the two above
    wanted = sorted(ids)
    if not wanted:
        return {}
    return {one["id"]: one for one in await ask(conn, {"ids": wanted})}


async def _signers(conn: Connection, ids: Sequence[int]) -> Mapping[int, list[Json]]:
    found: defaultdict[int, list[Json]] = defaultdict(list)
    for action_id, *row in await A.all(conn, "signers_of", actions=list(ids)):
        found[action_id].append(shown.investigator(InvestigatorRow(*row)))
    return found
