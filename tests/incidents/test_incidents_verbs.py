"""Open, update, close and reopen, as a person does."""

from datetime import timedelta

import pytest
from tests.factories import at, make_component

from vedette.errors import Conflict, Invalid, Missing
from vedette.incidents.close import close_incident, reopen_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.reads import affected, incident, updates
from vedette.incidents.update import note, update_incident

NOW = at("12:00")
ADA = {"by": "person:ada", "now": NOW}


def broken(*components: int, **given) -> Draft:
    return Draft(
        **{
            "kind": Kind.INCIDENT,
            "title": "Orders are slow",
            "impact": Impact.MINOR,
            "status": Status.ANALYZING,
            "starts_at": at("10:00"),
            "published_at": NOW,
            "components": components,
        }
        | given
    )


async def words(conn, number: int) -> list[str]:
    return [said.status for said in (await updates(conn, [number], internal=True))[number]]


async def spans(conn) -> list[tuple]:
    rows = await conn.execute("SELECT impact, from_at, to_at FROM incidents.span ORDER BY from_at")
    return await rows.fetchall()


async def test_an_incident_lives_from_opened_to_resolved_and_back(conn):
    number = await open_incident(conn, broken(await make_component(conn)), **ADA, text="We look.")
    await update_incident(conn, number, **ADA, status=Status.FIXING, text="A disk.")
    await close_incident(conn, number, **ADA, at=at("11:30"), text="New disk.")
    assert await spans(conn) == [(1, at("10:00"), at("11:30"))]
    await reopen_incident(conn, number, by="person:bob", now=NOW + timedelta(minutes=5))
    held = await incident(conn, number)
    assert (held.status, held.ends_at, held.is_open) == (Status.ANALYZING, None, True)
    assert held.revised_at is not None
    assert await words(conn, number) == ["reopened", "fixing", "analyzing", "resolved"]


async def test_an_impact_raised_from_half_past_ten_on_is_charged_from_there(conn):
    number = await open_incident(conn, broken(await make_component(conn)), **ADA)
    await update_incident(conn, number, **ADA, impact=Impact.OUTAGE, at=at("10:30"))
    assert await spans(conn) == [(1, at("10:00"), at("10:30")), (3, at("10:30"), None)]
    assert await words(conn, number) == ["impact changed"]


async def test_what_a_person_opens_takes_its_components_with_it(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    machine = await open_incident(conn, broken(orders, stock, system=True), **ADA)
    mine = await open_incident(conn, broken(orders, title="The [real] one"), **ADA)
    left = (await affected(conn, [machine]))[machine]
    assert [(one.service, one.left_at) for one in left] == [("Orders", NOW), ("Stock", None)]
    notes = (await updates(conn, [machine]))[machine]
    assert notes[0].text == f"Orders (Shop, EU-DE) moved to [The  real  one](/incidents/{mine})"
    last = await open_incident(conn, broken(stock), **ADA)
    assert (await incident(conn, machine)).status is Status.RESOLVED
    assert (await incident(conn, last)).is_open


async def test_whoever_waited_for_the_lock_may_come_with_an_older_time(conn):
    orders = await make_component(conn)
    machine = await open_incident(conn, broken(orders, system=True, starts_at=NOW), **ADA)
    earlier = {"by": "person:bob", "now": NOW - timedelta(seconds=1)}
    number = await open_incident(conn, broken(orders), **earlier)
    held = await incident(conn, machine)
    assert (held.is_open, held.ends_at) == (False, NOW)
    later = await open_incident(conn, broken(orders, starts_at=NOW), **ADA)
    assert not (await incident(conn, number)).is_open
    await close_incident(conn, later, **earlier)
    assert (await incident(conn, later)).ends_at == NOW


async def test_whoever_read_an_older_version_is_told(conn):
    number = await open_incident(conn, broken(await make_component(conn)), **ADA)
    read = (await incident(conn, number)).version
    await update_incident(conn, number, **ADA, status=Status.FIXING, version=read)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await close_incident(conn, number, **ADA, version=read)


async def test_a_note_is_for_operators_and_may_come_late(conn):
    number = await open_incident(conn, broken(await make_component(conn)), **ADA)
    await close_incident(conn, number, **ADA)
    await note(conn, number, "It was the cleaner.", **ADA)
    assert "It was the cleaner." not in str((await updates(conn, [number]))[number])


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"impact": Impact.MAINTENANCE}, "impact 0"),
        ({"starts_at": NOW + timedelta(hours=1)}, "future"),
        ({"ends_at": at("09:00")}, "end before it starts"),
        ({"status": Status.PLANNED}, "status"),
        ({"components": ()}, "whom does it affect"),
        ({"components": (987_654,)}, "no component 987654"),
    ],
)
async def test_what_cannot_be_is_refused(conn, given, why):
    orders = await make_component(conn)
    with pytest.raises(Invalid, match=why):
        await open_incident(conn, broken(*given.pop("components", [orders]), **given), **ADA)


async def test_what_is_over_or_unknown_is_not_updated(conn):
    number = await open_incident(conn, broken(await make_component(conn)), **ADA)
    with pytest.raises(Invalid, match="before incident"):
        await update_incident(conn, number, **ADA, text="Earlier.", at=at("09:00"))
    with pytest.raises(Conflict, match="is open"):
        await reopen_incident(conn, number, **ADA)
    await close_incident(conn, number, **ADA)
    with pytest.raises(Conflict, match="reopen it first"):
        await update_incident(conn, number, **ADA, status=Status.FIXING)
    with pytest.raises(Missing):
        await close_incident(conn, 987_654, **ADA)
