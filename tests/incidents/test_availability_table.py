"""Availability as a table: groups, months published for good, the compatible formula, what may be asked."""

import csv
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import make_component
from tests.incidents.availability_world import blind, component, minutes, tell, when
from tests.rest_world import rest_over

from vedette.db.pool import connect
from vedette.errors import Invalid
from vedette.incidents.availability import table
from vedette.incidents.availability_ask import MOST_MONTHS, later, question
from vedette.incidents.availability_freeze import run_once
from vedette.incidents.availability_rules import (
    Policy,
    Reporting,
    Told,
    budget,
    objective,
    place,
)
from vedette.incidents.availability_share import percent
from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
LATER = when("2026-12-15")
REPORTING = Reporting()


def ask(now=LATER, **words):
    return question({"from": "2026-11", "months": "1", **words}, REPORTING, now=now)


async def shares(conn, now=LATER, **words):
    """Slug → what each month's cell says, to six digits."""
    found = await table(conn, ask(now, **words), now=now)
    return {line.slug: [percent(cell.share, 6) for cell in line.cells] for line in found.lines}


# ── groups ───────────────────────────────────────────────────────────────────────────────────────


async def test_11_a_group_is_up_while_all_are_and_beside_it_stands_the_mean(conn):
    a, b = await component(conn), await component(conn, "Stock")
    await tell(conn, a, 3, when("2026-11-10T00:00"), when("2026-11-10T01:00"))
    await tell(conn, b, 3, when("2026-11-10T00:30"), when("2026-11-10T01:30"))
    day = [when("2026-11-10"), when("2026-11-11")]
    rows = await conn.execute(
        "SELECT component_id, window_us, outage_us FROM incidents.told(%s, %s, %s, true, %s)"
        " ORDER BY component_id NULLS LAST",
        ([a, b], day, LATER, [7, 7]),
    )
    hour = 3_600_000_000
    assert await rows.fetchall() == [
        (a, 24 * hour, hour),
        (b, 24 * hour, hour),
        (None, 24 * hour, hour * 3 // 2),
    ]
    [group] = (await table(conn, ask(by="region"), now=LATER)).groups
    assert percent(group.cells[0].share, 6) == "99.791666"  # 90 of 43,200 minutes
    assert percent(group.cells[0].members_mean, 6) == "99.861111"  # 60 of them


async def test_the_maintenance_of_one_member_does_not_shield_another(conn):
    a, b = await component(conn), await component(conn, "Stock")
    await tell(conn, a, 0, when("2026-11-10T00:00"), when("2026-11-10T02:00"))
    await tell(conn, a, 3, when("2026-11-10T00:00"), when("2026-11-10T01:00"))
    await tell(conn, b, 3, when("2026-11-10T01:00"), when("2026-11-10T02:00"))
    [group] = (await table(conn, ask(by="region"), now=LATER)).groups
    assert group.cells[0].told.outage_us == 3_600_000_000
    assert group.cells[0].told.maintenance_us == 3_600_000_000


async def test_a_group_with_a_member_unseen_is_unseen_unless_another_is_worse(conn):
    a, b = await component(conn), await component(conn, "Stock")
    await blind(conn, a, when("2026-11-10T00:00"), when("2026-11-10T02:00"))
    await tell(conn, b, 3, when("2026-11-10T01:00"), when("2026-11-10T03:00"))
    [group] = (await table(conn, ask(by="region"), now=LATER)).groups
    told = group.cells[0].told
    assert (told.unseen_us, told.outage_us) == (3_600_000_000, 7_200_000_000)


async def test_groups_are_made_of_what_was_asked(conn):
    for service, region in (("Orders", "EU-DE"), ("Orders", "EU-NL"), ("Stock", "EU-DE")):
        await make_component(conn, service, region=region, category="Shop")
    by = {}
    for words in ("region", "service", "category", "region,service"):
        found = await table(conn, ask(by=words), now=LATER)
        by[words] = [(g.region, g.category, g.service, len(g.members)) for g in found.groups]
    assert by["region"] == [("EU-DE", "", "", 2), ("EU-NL", "", "", 1)]
    assert by["service"] == [("", "", "Orders", 2), ("", "", "Stock", 1)]
    assert by["category"] == [("", "Shop", "", 3)]
    assert len(by["region,service"]) == 3


async def test_the_example_of_the_documentation_is_right(conn):
    orders = await component(conn)
    await conn.execute(
        'UPDATE fleet.component SET attributes = \'{"slo": "99.9"}\' WHERE id = %s', (orders,)
    )
    await tell(conn, orders, 0, when("2026-11-10T10:00"), when("2026-11-10T14:00"))
    await tell(conn, orders, 3, when("2026-11-10T13:30"), when("2026-11-10T14:30"))
    await tell(conn, orders, 2, when("2026-11-20"), when("2026-11-20") + minutes(100))
    await blind(conn, orders, when("2026-11-20"), when("2026-11-20") + minutes(10))
    await blind(conn, orders, when("2026-11-25"), when("2026-11-25") + minutes(600))
    now = when("2026-11-30T23:59:59.999999")
    [line] = (await table(conn, ask(), now=LATER)).lines
    assert percent(line.cells[0].share, 6) == "99.859154"
    [line] = (await table(conn, ask(now), now=now)).lines
    assert line.budget.said() == "17 min over the 43 allowed at 99.9 %"


# ── who is counted, and for how long ─────────────────────────────────────────────────────────────


async def test_only_what_was_asked_for_is_in_the_table(conn):
    for service, region in (("Orders", "EU-DE"), ("Orders", "EU-NL"), ("Stock", "EU-DE")):
        await make_component(conn, service, region=region)
    assert len(await shares(conn)) == 3
    assert list(await shares(conn, service="Stock")) == ["stock-eu-de"]
    assert sorted(await shares(conn, region="EU-DE")) == ["orders-eu-de", "stock-eu-de"]
    assert await shares(conn, component="orders-eu-nl", region="EU-DE") == {}


async def test_what_is_kept_from_the_public_is_in_no_table(conn):
    number = await component(conn)
    await conn.execute(
        'UPDATE fleet.component SET attributes = \'{"public": "false"}\' WHERE id = %s', (number,)
    )
    assert await shares(conn) == {}


async def test_a_component_that_was_retired_ends_there(conn):
    number = await component(conn)
    await conn.execute(
        "UPDATE fleet.component SET retired_at = %s WHERE id = %s", (when("2026-11-11"), number)
    )
    rows = await conn.execute(
        "SELECT window_us FROM incidents.told(%s, %s, %s, true)",
        ([number], [when("2026-11-01"), when("2026-12-01")], LATER),
    )
    assert await rows.fetchall() == [(10 * 86_400_000_000,)]


async def test_a_draft_costs_nothing_and_what_is_published_does(conn):
    number = await component(conn)
    draft = Draft(
        kind=Kind.INCIDENT, title="Down", impact=Impact.OUTAGE, status=Status.ANALYZING,
        starts_at=when("2026-11-10"), components=[number],
    )  # fmt: skip
    now = when("2026-11-10T01:00")
    await open_incident(conn, draft, by="person:ada", now=now)
    slug = (await table(conn, ask(now), now=now)).lines[0].slug
    assert await shares(conn, now) == {slug: ["100"]}


async def test_14_what_would_end_before_it_starts_cannot_be_written(conn):
    number = await component(conn)
    now = when("2026-11-10T12:00")
    draft = Draft(
        kind=Kind.INCIDENT, title="Down", impact=Impact.OUTAGE, status=Status.ANALYZING,
        starts_at=when("2026-11-10"), components=[number], published_at=now,
    )  # fmt: skip
    incident = await open_incident(conn, draft, by="person:ada", now=now)
    with pytest.raises(Invalid):
        await close_incident(conn, incident, by="person:ada", now=now, at=when("2026-11-09"))
    for change in (
        "UPDATE incidents.incident SET ends_at = '2026-11-09', status = 'resolved' WHERE id = %s",
        "UPDATE incidents.span SET to_at = '2026-11-09' WHERE incident_id = %s",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            async with conn.transaction():
                await conn.execute(change, (incident,))


# ── published for good ───────────────────────────────────────────────────────────────────────────


async def test_15_a_month_published_stands_and_what_was_corrected_is_revised(conn):
    orders = await component(conn, born="2026-11-01")
    start = when("2026-11-20T12:00")
    await tell(conn, orders, 3, start, start + minutes(60))
    assert await run_once(conn, now=when("2026-12-05T23:59"), reporting=REPORTING) == 0
    assert await run_once(conn, now=when("2026-12-06T00:01"), reporting=REPORTING) == 1
    [line] = (await table(conn, ask(), now=LATER)).lines
    assert not line.cells[0].revised
    assert line.cells[0].published.at == when("2026-12-06T00:01")

    await conn.execute("UPDATE incidents.span SET from_at = %s", (start - minutes(60),))
    assert await run_once(conn, now=LATER, reporting=REPORTING) == 0
    [line] = (await table(conn, ask(), now=LATER)).lines
    cell = line.cells[0]
    assert cell.revised
    assert (percent(cell.published.share), percent(cell.share)) == ("99.86", "99.72")
    assert "100 % of an outage" in cell.published.policy


async def test_the_number_published_is_the_exact_one(conn):
    third = Reporting(policy=Policy(major=Fraction(3, 10), minor=Fraction(1, 10)))
    orders = await component(conn, born="2026-11-01")
    await tell(conn, orders, 2, when("2026-11-02"), when("2026-11-02") + timedelta(microseconds=1))
    await run_once(conn, now=LATER, reporting=third)
    asked = question({"from": "2026-11", "months": "1"}, third, now=LATER)
    [line] = (await table(conn, asked, now=LATER)).lines
    assert line.cells[0].published.share == line.cells[0].share < 1


async def test_a_server_that_was_away_makes_up_for_its_months(conn):
    await component(conn, born="2026-09-10")
    assert await run_once(conn, now=LATER, reporting=REPORTING) == 3
    rows = await conn.execute("SELECT month FROM incidents.monthly ORDER BY month")
    assert [month.month for (month,) in await rows.fetchall()] == [9, 10, 11]


async def test_what_was_published_of_one_zone_says_nothing_of_another(conn):
    await component(conn)
    await run_once(conn, now=LATER, reporting=REPORTING)
    [line] = (await table(conn, ask(zone="Europe/Berlin"), now=LATER)).lines
    assert line.cells[0].published is None


# ── the compatible formula: observed on the original at 2026-11-21 12:00 ─────────────────────────

OBSERVED_AT = when("2026-11-21T12:00")


@pytest.mark.parametrize(
    ("impact", "outages", "october", "november"),
    [
        (3, [("2026-10-05T00:00", "2026-10-05T01:00")], "99.865591", "100"),
        (3, [("2026-11-05T00:00", "2026-11-05T01:00")], "100", "99.796747"),
        (3, [("2026-10-31T00:00", "2026-11-01T01:00")], "100", "99.796747"),
        (3, [("2026-09-15T00:00", "2026-11-02T00:00")], "100", "95.121951"),
        (3, [("2026-10-05T00:00", "2026-10-05T10:00")] * 2, "97.311827", "100"),
        (3, [("2026-11-01T00:00", None)], "100", "100"),
        (2, [("2026-11-01T00:00", "2026-11-20T00:00")], "100", "100"),
    ],
)
async def test_the_compatible_formula_keeps_the_faults_of_the_original(
    conn, impact, outages, october, november
):
    orders = await component(conn)
    for start, end in outages:
        await conn.execute(
            "WITH i AS (INSERT INTO incidents.incident"
            " (kind, title, impact, status, origin, starts_at, ends_at, published_at, made_at, made_by, changed_at)"
            " VALUES ('incident', 'x', %s, %s, 'person', %s, %s, now(), now(), 'test', now()) RETURNING id)"
            " INSERT INTO incidents.affected (incident_id, component_id) SELECT id, %s FROM i",
            (impact, "resolved" if end else "analyzing", when(start), end and when(end), orders),
        )
    asked = question(
        {"from": "2026-10", "months": "2", "beside": "compatible"}, REPORTING, now=OBSERVED_AT
    )
    [line] = (await table(conn, asked, now=OBSERVED_AT)).lines
    assert [percent(cell.compatible, 6) for cell in line.cells] == [october, november]


# ── budgets ──────────────────────────────────────────────────────────────────────────────────────

HALF_NOVEMBER = 15 * 86_400_000_000


@pytest.mark.parametrize(
    ("lost_min", "said"),
    [
        (31, "12 min of 43 left at 99.9 %"),
        (0, "43 min of 43 left at 99.9 %"),
        (50, "7 min over the 43 allowed at 99.9 %"),
    ],
)
def test_a_budget_is_that_of_the_whole_month(lost_min, said):
    told = Told(HALF_NOVEMBER, outage_us=lost_min * 60_000_000)
    found = budget(told, Policy(), objective("99.9"), to_come_us=HALF_NOVEMBER)
    assert found.said() == said


@pytest.mark.parametrize(
    "text", ["", "100", "0", "1e999999999", "99,9", "99.9 %", "٩٩", "-1", None]
)
def test_what_is_no_objective_is_none(text):
    assert objective(text) is None


async def test_a_component_with_an_objective_has_a_budget_this_month(conn):
    orders = await component(conn)
    await conn.execute(
        'UPDATE fleet.component SET attributes = \'{"slo": "99.9"}\' WHERE id = %s', (orders,)
    )
    await tell(conn, orders, 3, when("2026-11-10T00:00"), when("2026-11-10T00:31"))
    now = when("2026-11-16")
    [line] = (await table(conn, ask(now), now=now)).lines
    assert line.budget.said() == "12 min of 43 left at 99.9 %"
    [line] = (await table(conn, ask(), now=LATER)).lines
    assert line.budget is None


# ── what may be asked ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("months", "0"), ("months", "37"), ("months", "²"), ("months", "-1"), ("months", "1" * 400),
        ("from", "2026-13"), ("from", "2026"), ("from", "0000-01"), ("from", "2026-11-01"),
        ("zone", "Mars/Olympus"), ("zone", "Europe"), ("zone", "../../etc/passwd"), ("zone", "/etc/localtime"),
        ("zone", "A" * 150), ("by", "colour"), ("beside", "wishful"), ("service", "x" * 201), ("region", "a\x00b"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_one_line(name, text):
    with pytest.raises(Invalid) as refused:
        question({name: text}, REPORTING, now=LATER)
    assert "\n" not in str(refused.value)


@given(
    st.dictionaries(
        st.sampled_from(["months", "from", "zone", "by", "beside", "service"]), st.text()
    )
)
def test_whatever_is_asked_is_a_question_or_invalid(words):
    try:
        asked = question(words, REPORTING, now=LATER)
    except Invalid:
        return
    assert 1 <= asked.months <= MOST_MONTHS


def test_unless_told_otherwise_the_last_months_are_asked_for():
    asked = question({"zone": "Pacific/Auckland"}, REPORTING, now=when("2026-11-30T12:00"))
    assert (asked.first, asked.months) == (date(2026, 1, 1), 12)  # December there
    assert later(NOVEMBER, 2) == date(2027, 1, 1)
    assert later(OCTOBER, -10) == date(2025, 12, 1)


def test_a_zone_is_a_place_and_not_a_folder():
    assert place("Europe/Berlin").key == "Europe/Berlin"
    with pytest.raises(Invalid):
        place("America")


def test_a_loss_counted_twice_is_below_nothing():
    assert percent(Fraction(-1, 3)) == "-33.34"


# ── REST ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def rest(fresh_app_url, fresh_database_url):
    async with await connect(fresh_database_url) as conn:
        orders = await component(conn)
        await conn.execute('UPDATE fleet.component SET attributes = \'{"category": "=Shop"}\'')
        await tell(conn, orders, 3, when("2026-10-05T00:00"), when("2026-10-05T01:00"))
    async with rest_over(fresh_app_url) as served:
        yield served


async def test_everyone_may_read_it(rest):
    answer = await rest.http.get("/api/v1/availability?from=2026-10&months=1")
    assert answer.status_code == 200
    found = answer.json()
    assert found["counting"]["says"].startswith("Lost is 100 % of an outage, 30 % of major impact")
    [item] = found["items"]
    assert item["months"][0]["percent"] == "99.865591"
    assert item["months"][0]["lost_s"] == 3600
    assert item["months"][0]["whole_s"] == 744 * 3600


async def test_a_group_names_its_members(rest):
    answer = await rest.http.get("/api/v1/availability?from=2026-10&months=1&by=category")
    [item] = answer.json()["items"]
    assert (item["component"], item["category"], len(item["members"])) == ("", "=Shop", 1)
    assert item["months"][0]["mean_percent"] == "99.865591"


async def test_a_sheet_has_a_row_a_month_and_no_formula(rest):
    answer = await rest.http.get(
        "/api/v1/availability?from=2026-09&months=2&format=csv&beside=compatible"
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [row["month"] for row in rows] == ["2026-09", "2026-10"]
    assert rows[1]["percent"] == "99.865591"
    assert rows[1]["category"] == "'=Shop"
    assert rows[0]["compatible_percent"] == "100"


@pytest.mark.parametrize("query", ["months=0", "format=xml", "by=x", "zone=Mars", "colour=red"])
async def test_what_cannot_be_is_400(rest, query):
    assert (await rest.http.get(f"/api/v1/availability?{query}")).status_code == 400


# ── Grafana ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_dashboard_asks_for_the_months_of_a_zone(conn):
    orders = await component(conn)
    await tell(conn, orders, 2, when("2026-10-05T00:00"), when("2026-10-05T10:00"))
    rows = await conn.execute(
        'SELECT "time", availability, lost_seconds FROM grafana.availability(%s, %s, %s, major => 1)',
        (when("2026-09-15"), when("2026-10-20"), "Europe/Berlin"),
    )
    september, october = await rows.fetchall()
    assert september == (datetime(2026, 8, 31, 22, tzinfo=UTC), 1.0, 0.0)
    assert october[1] == pytest.approx(1 - 600 / 44_700)
    assert october[2] == 36_000
