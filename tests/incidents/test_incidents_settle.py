"""The published past follows what was said, whatever the order it was said in."""

from datetime import datetime, timedelta

import psycopg
import pytest
from tests.factories import at, make_component

from vedette.incidents import writes
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.reads import affected, incident, updates

NOW = at("12:00")


async def opened(conn, *components: int, **given) -> int:
    """An incident that began at ten and was published at once."""
    draft = Draft(
        **{
            "kind": Kind.INCIDENT,
            "title": "Orders are slow",
            "impact": Impact.MINOR,
            "status": Status.ANALYZING,
            "starts_at": at("10:00"),
            "published_at": at("10:00"),
            "components": components,
        }
        | given
    )
    number = await writes.insert(conn, draft, by="person:ada", now=NOW)
    await writes.settle(conn, [number], "open", by="person:ada", now=NOW)
    return number


async def spans(conn) -> list[tuple[int, int, datetime, datetime | None]]:
    rows = await conn.execute(
        "SELECT component_id, impact, from_at, to_at FROM incidents.span ORDER BY 1, 3"
    )
    return await rows.fetchall()


async def test_an_open_incident_counts_until_further_notice(conn):
    orders = await make_component(conn)
    await opened(conn, orders)
    assert await spans(conn) == [(orders, 1, at("10:00"), None)]


async def test_a_graver_impact_begins_a_span_of_its_own(conn):
    orders = await make_component(conn)
    number = await opened(conn, orders)
    await writes.weigh(conn, number, Impact.OUTAGE, since=at("10:30"))
    await writes.change(
        conn, number, impact=Impact.OUTAGE, ends_at=at("11:00"), status=Status.RESOLVED
    )
    await writes.settle(conn, [number], "close", by="person:ada", now=NOW)
    assert await spans(conn) == [
        (orders, 1, at("10:00"), at("10:30")),
        (orders, 3, at("10:30"), at("11:00")),
    ]


async def test_who_joins_late_and_leaves_early_is_charged_for_that_time(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    number = await opened(conn, orders)
    await writes.join(conn, number, [stock], at=at("10:20"))
    await writes.leave(conn, number, [orders], at=at("10:40"))
    await writes.settle(conn, [number], "move", by="person:ada", now=NOW)
    assert await spans(conn) == [
        (orders, 1, at("10:00"), at("10:40")),
        (stock, 1, at("10:20"), None),
    ]


async def test_a_start_moved_back_moves_those_who_were_in_it_from_the_start(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    number = await opened(conn, orders)
    await writes.join(conn, number, [stock], at=at("10:20"))
    await writes.change(conn, number, starts_at=at("09:00"), revised_at=NOW)
    await writes.settle(conn, [number], "backdate", by="person:ada", now=NOW)
    assert [row[2] for row in await spans(conn)] == [at("09:00"), at("10:20")]


@pytest.mark.parametrize(
    ("given", "status", "is_told"),
    [
        ({"published_at": None}, Status.ANALYZING, False),
        ({"kind": Kind.MAINTENANCE, "impact": Impact.MAINTENANCE, "ends_at": at("13:00")}, Status.PLANNED, False),
        ({"kind": Kind.MAINTENANCE, "impact": Impact.MAINTENANCE, "ends_at": at("13:00")}, Status.IN_PROGRESS, True),
        ({"kind": Kind.INFO, "impact": Impact.MAINTENANCE}, Status.ACTIVE, False),
    ],
)  # fmt: skip
async def test_drafts_plans_and_notes_leave_no_past(conn, given, status, is_told):
    await opened(conn, await make_component(conn), status=status, **given)
    assert bool(await spans(conn)) == is_told


async def test_a_component_is_in_one_open_incident_of_machines_at_most(conn):
    orders = await make_component(conn)
    await opened(conn, orders, system=True)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await opened(conn, orders, system=True)


async def test_a_change_is_a_version_an_audit_line_and_a_row_for_subscribers(conn):
    number = await opened(conn, await make_component(conn))
    await writes.say(conn, number, Status.FIXING, "a new disk", at=NOW, by="person:ada", now=NOW)
    await writes.say(conn, number, "note", "ours", at=NOW, by="person:ada", now=NOW, internal=True)
    await writes.settle(conn, [number], "update", by="person:ada", now=NOW + timedelta(minutes=1))
    held = await incident(conn, number)
    assert (held.version, held.kind, held.impact) == (2, Kind.INCIDENT, Impact.MINOR)
    rows = await conn.execute("SELECT change FROM incidents.outbox ORDER BY id")
    assert await rows.fetchall() == [("open",), ("update",)]
    rows = await conn.execute(
        "SELECT action, object FROM access.audit WHERE action LIKE 'incident.%' ORDER BY id"
    )
    assert await rows.fetchall() == [
        ("incident.open", f"incident:{number}"),
        ("incident.update", f"incident:{number}"),
    ]
    assert [said.text for said in (await updates(conn, [number]))[number]] == ["a new disk"]
    assert len((await updates(conn, [number], internal=True))[number]) == 2
    assert [one.service for one in (await affected(conn, [number]))[number]] == ["Orders"]
