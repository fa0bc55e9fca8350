"""Plan, start, finish, cancel and move a maintenance; and what the clock does by itself."""

import asyncio
from datetime import timedelta

import pytest
from tests.factories import at, make_component

from vedette.db.pool import open_pool
from vedette.errors import Conflict, Invalid
from vedette.incidents.close import close_incident
from vedette.incidents.conduct import cancel, finish, start
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.plan import Plan, Replan, modify, plan
from vedette.incidents.publish import publish_incident
from vedette.incidents.reads import affected, incident, updates
from vedette.incidents.tick import run_once
from vedette.incidents.update import update_incident

NOW = at("12:00")
ADA = {"by": "person:ada", "now": NOW}


def work(*components: int, **given) -> Plan:
    return Plan(
        **{
            "title": "New disks",
            "starts_at": at("14:00"),
            "ends_at": at("16:00"),
            "components": components,
        }
        | given
    )


async def words(conn, number: int) -> list[tuple]:
    return [(said.status, said.at) for said in (await updates(conn, [number]))[number]]


async def spans(conn) -> list[tuple]:
    rows = await conn.execute("SELECT impact, from_at, to_at FROM incidents.span ORDER BY from_at")
    return await rows.fetchall()


async def test_the_clock_starts_and_completes_it(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    assert (await incident(conn, number)).status is Status.PLANNED
    assert await spans(conn) == []
    await run_once(conn, now=at("14:00:01"))
    assert (await incident(conn, number)).status is Status.IN_PROGRESS
    await run_once(conn, now=at("16:00:01"))
    assert (await incident(conn, number)).status is Status.COMPLETED
    assert await words(conn, number) == [
        ("completed", at("16:00")),
        ("in progress", at("14:00")),
    ]
    assert await spans(conn) == [(0, at("14:00"), at("16:00"))]


async def test_after_a_pause_the_true_times_stand(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    assert await run_once(conn, now=at("23:00")) == 1
    assert await words(conn, number) == [("completed", at("16:00")), ("in progress", at("14:00"))]
    assert await spans(conn) == [(0, at("14:00"), at("16:00"))]
    assert await run_once(conn, now=at("23:00")) == 0


async def test_one_that_begins_now_is_in_progress_at_once(conn):
    number = await plan(conn, work(await make_component(conn), starts_at=NOW), **ADA)
    held = await incident(conn, number)
    assert (held.status, held.revised_at) == (Status.IN_PROGRESS, None)


async def test_one_recorded_afterwards_is_over_and_says_so(conn):
    past = work(await make_component(conn), starts_at=at("08:00"), ends_at=at("09:00"))
    held = await incident(conn, await plan(conn, past, **ADA))
    assert (held.status, held.revised_at, held.kind) == (Status.COMPLETED, NOW, Kind.MAINTENANCE)


async def test_started_early_and_finished_early(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    await start(conn, number, **ADA, text="We begin.")
    await finish(conn, number, by="person:ada", now=at("13:00"), at=at("12:45"))
    assert await spans(conn) == [(0, NOW, at("12:45"))]
    with pytest.raises(Conflict, match="is over"):
        await finish(conn, number, **ADA)


async def test_an_end_lies_between_the_start_and_now(conn):
    number = await plan(conn, work(await make_component(conn), starts_at=NOW), **ADA)
    for wrong in ("11:59", "13:01"):
        with pytest.raises(Invalid, match="between its start and now"):
            await finish(conn, number, by="person:ada", now=at("13:00"), at=at(wrong))
    # Whoever waited for the one that began it comes with an older time.
    await finish(conn, number, by="person:ada", now=at("11:59:59"))
    assert (await incident(conn, number)).ends_at == NOW


async def test_a_cancelled_one_never_begins(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    await cancel(conn, number, **ADA, text="No disks came.")
    assert await run_once(conn, now=at("15:00")) == 0
    assert await spans(conn) == []
    with pytest.raises(Conflict, match="is over"):
        await start(conn, number, **ADA)


async def test_one_in_progress_is_finished_not_cancelled(conn):
    number = await plan(conn, work(await make_component(conn), starts_at=NOW), **ADA)
    with pytest.raises(Conflict, match="finish it"):
        await cancel(conn, number, **ADA)


async def test_moving_the_start_takes_the_end_along_and_is_told(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    await modify(conn, number, Replan(starts_at=at("18:00")), **ADA)
    held = await incident(conn, number)
    assert (held.starts_at, held.ends_at) == (at("18:00"), at("20:00"))
    said = (await updates(conn, [number]))[number][0]
    assert said.status == "modified"
    assert said.text == (
        "Now 2026-11-21 18:00 to 2026-11-21 20:00 UTC; it was 2026-11-21 14:00 to 2026-11-21 16:00 UTC."
    )
    await run_once(conn, now=at("17:00"))
    assert (await incident(conn, number)).status is Status.PLANNED


async def test_one_moved_to_now_begins(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    await modify(conn, number, Replan(starts_at=NOW), **ADA)
    assert (await incident(conn, number)).status is Status.IN_PROGRESS


async def test_in_progress_the_end_may_move_and_the_start_only_be_corrected(conn):
    number = await plan(conn, work(await make_component(conn), starts_at=NOW), **ADA)
    later = {"by": "person:ada", "now": at("15:00")}
    await modify(conn, number, Replan(ends_at=at("19:00")), **later)
    await modify(conn, number, Replan(starts_at=at("12:30")), **later)
    held = await incident(conn, number)
    assert (held.starts_at, held.ends_at, held.revised_at) == (
        at("12:30"),
        at("19:00"),
        at("15:00"),
    )
    assert await spans(conn) == [(0, at("12:30"), at("19:00"))]
    with pytest.raises(Conflict, match="cannot lie ahead"):
        await modify(conn, number, Replan(starts_at=at("17:00")), **later)
    with pytest.raises(Conflict, match="ended already"):
        await modify(conn, number, Replan(ends_at=at("14:00")), **later)


async def test_components_of_a_plan_are_replaced_those_of_work_under_way_leave_now(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    number = await plan(conn, work(orders), **ADA)
    await modify(conn, number, Replan(components=[stock]), **ADA)
    assert [one.service for one in (await affected(conn, [number]))[number]] == ["Stock"]
    await start(conn, number, **ADA)
    await modify(conn, number, Replan(components=[orders]), by="person:ada", now=at("13:00"))
    members = (await affected(conn, [number]))[number]
    assert [(one.service, one.joined_at, one.left_at) for one in members] == [
        ("Stock", None, at("13:00")),
        ("Orders", at("13:00"), None),
    ]


async def test_a_draft_waits_for_its_time_to_be_told(conn):
    wish = work(await make_component(conn), publish_at=at("13:00"))
    number = await plan(conn, wish, **ADA)
    await run_once(conn, now=at("12:59"))
    assert (await incident(conn, number)).published_at is None
    await run_once(conn, now=at("13:00:02"))
    held = await incident(conn, number)
    assert (held.published_at, held.publish_at) == (at("13:00:02"), None)


async def test_a_draft_neither_begins_nor_is_started(conn):
    number = await plan(conn, work(await make_component(conn), draft=True), **ADA)
    assert await run_once(conn, now=at("15:00")) == 0
    with pytest.raises(Conflict, match="publish it first"):
        await start(conn, number, **ADA)
    await publish_incident(conn, number, by="person:ada", now=at("15:00"))
    await run_once(conn, now=at("15:00:01"))
    assert (await incident(conn, number)).status is Status.IN_PROGRESS


def broken(component: int, **given) -> Draft:
    return Draft(
        **{
            "kind": Kind.INCIDENT,
            "title": "Orders are slow",
            "impact": Impact.MAJOR,
            "status": Status.ANALYZING,
            "starts_at": at("11:00"),
            "components": [component],
        }
        | given
    )


async def test_an_incident_drafted_for_later_takes_its_components_over(conn):
    orders = await make_component(conn)
    first = await open_incident(conn, broken(orders, published_at=NOW), **ADA)
    second = await open_incident(conn, broken(orders, publish_at=at("13:00")), **ADA)
    await run_once(conn, now=at("13:00"))
    assert (await incident(conn, first)).status is Status.RESOLVED
    assert (await incident(conn, second)).published_at == at("13:00")


async def test_a_machines_draft_waits_for_the_incident_that_has_its_component(conn):
    orders = await make_component(conn)
    person = await open_incident(conn, broken(orders, published_at=NOW), **ADA)
    machines = [
        await open_incident(conn, broken(orders, publish_at=at("13:00"), system=True), **ADA)
        for _ in range(2)
    ]
    assert await run_once(conn, now=at("14:00")) == 0
    await close_incident(conn, person, by="person:ada", now=at("14:30"))
    assert await run_once(conn, now=at("15:00")) == 1
    public = [(await incident(conn, number)).published_at for number in machines]
    assert public == [at("15:00"), None]


async def test_an_open_incident_stays_open_when_a_maintenance_begins(conn):
    orders = await make_component(conn)
    number = await open_incident(conn, broken(orders, published_at=NOW), **ADA)
    await plan(conn, work(orders, starts_at=NOW), **ADA)
    assert (await incident(conn, number)).is_open


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"ends_at": at("14:00")}, "end before it starts"),
        ({"ends_at": at("14:00") + timedelta(days=40)}, "31 days at most"),
        (
            {
                "starts_at": at("14:00", day="2126-11-21"),
                "ends_at": at("15:00", day="2126-11-21"),
            },
            "two years",
        ),
        ({"title": " \n "}, "title"),
        ({"title": "a\u202eb"}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"description": "a\0b"}, "control"),
        ({"description": "x" * 20_001}, "limit"),
        ({"components": []}, "whom"),
        ({"components": [987_654]}, "no component"),
    ],
)
async def test_what_cannot_be_planned_is_refused(conn, given, why):
    wish = work(await make_component(conn), **given) if "components" not in given else work(**given)
    with pytest.raises(Invalid, match=why):
        await plan(conn, wish, **ADA)


async def test_whoever_read_an_older_version_is_told(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    read = (await incident(conn, number)).version
    await modify(conn, number, Replan(title="Newer disks"), **ADA, version=read)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await cancel(conn, number, **ADA, version=read)


async def test_several_servers_do_it_once(fresh_app_url):
    pool = await open_pool(fresh_app_url, max_size=4)
    try:
        async with pool.connection() as conn:
            orders = await make_component(conn)
            numbers = [await plan(conn, work(orders, title=f"Disk {n}"), **ADA) for n in range(10)]

        async def one_server() -> int:
            async with pool.connection() as conn:
                return await run_once(conn, now=at("17:00"))

        assert sum(await asyncio.gather(*(one_server() for _ in range(4)))) == 10
        async with pool.connection() as conn:
            said = await updates(conn, numbers)
            assert {len(each) for each in said.values()} == {2}
            rows = await conn.execute("SELECT change, count(*) FROM incidents.outbox GROUP BY 1")
            assert dict(await rows.fetchall()) == {"open": 10, "finish": 10}
    finally:
        await pool.close()


async def test_a_start_by_hand_and_one_by_the_clock_are_one(fresh_app_url):
    pool = await open_pool(fresh_app_url, max_size=2)
    try:
        async with pool.connection() as conn:
            number = await plan(conn, work(await make_component(conn)), **ADA)

        async def by_hand() -> str:
            async with pool.connection() as conn:
                try:
                    await start(conn, number, by="person:ada", now=at("14:00"))
                except Conflict:
                    return "second"
                return "first"

        async def by_clock() -> int:
            async with pool.connection() as conn:
                return await run_once(conn, now=at("14:00"))

        hand, clock = await asyncio.gather(by_hand(), by_clock())
        assert (hand, clock) in {("first", 0), ("second", 1)}
        async with pool.connection() as conn:
            assert [word for word, _ in await words(conn, number)] == ["in progress"]
    finally:
        await pool.close()


async def test_an_update_neither_begins_a_maintenance_nor_takes_it_back(conn):
    number = await plan(conn, work(await make_component(conn)), **ADA)
    with pytest.raises(Invalid, match="no update makes it in progress") as refused:
        await update_incident(conn, number, **ADA, status=Status.IN_PROGRESS)
    assert refused.value.hint == "start, finish or cancel it"
    await start(conn, number, **ADA)
    with pytest.raises(Invalid, match="no update makes it planned"):
        await update_incident(conn, number, **ADA, status=Status.PLANNED)
    await update_incident(
        conn, number, **ADA, status=Status.IN_PROGRESS, text="Half of it is done."
    )
    assert [word for word, _ in await words(conn, number)] == ["in progress", "in progress"]
