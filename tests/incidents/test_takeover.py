"""`vedette import status-dashboard`: everything is taken once, kept true, and nothing is lost in silence."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.app.tree import run
from vedette.db.pool import connect
from vedette.errors import Invalid, Missing
from vedette.incidents.takeover import take_over
from vedette.incidents.takeover_read import Source, read_source
from vedette.incidents.takeover_rules import taken

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = Path(__file__).with_name("status_dashboard.sql").read_text()
SUCCESSOR = """
ALTER TABLE incident ADD COLUMN type varchar;
ALTER TABLE incident ADD COLUMN status varchar;
ALTER TABLE incident ADD COLUMN description varchar;
ALTER TABLE incident ADD COLUMN deleted_at timestamp;
UPDATE incident SET type = CASE impact WHEN 0 THEN 'maintenance' ELSE 'incident' END;
UPDATE incident SET status = 'analysing', description = 'more' WHERE id = 2;
UPDATE incident SET status = 'cancelled' WHERE id = 4;
UPDATE incident SET deleted_at = '2025-09-01 00:00:00' WHERE id = 70;
INSERT INTO incident (id, text, start_date, end_date, impact, type, status, system) VALUES
    (8, 'To know', '2026-02-01 00:00:00', NULL, 0, 'info', 'planned', false),
    (9, 'Not yet public', '2026-02-01 00:00:00', '2026-02-02 00:00:00', 0, 'maintenance', 'pending_review', false);
"""
FIRST = """
ALTER TABLE incident DROP COLUMN system;
ALTER TABLE incident DROP COLUMN impact;
ALTER TABLE incident ADD COLUMN impact varchar;
UPDATE incident SET impact = CASE id WHEN 4 THEN 'maintenance' ELSE 'major' END;
"""


@pytest.fixture
def sqlite(tmp_path):
    """Make a Status Dashboard's file; return its DSN."""

    def make(more=""):
        path = tmp_path / "example.sqlite"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as conn:
            conn.executescript(SCRIPT + more)
        return f"sqlite:///{path}"

    return make


@pytest.fixture
async def here(fresh_database_url):
    """A connection to where it goes."""
    async with await connect(fresh_database_url) as conn:
        yield conn


async def rows(conn, query):
    return await (await conn.execute(query)).fetchall()


async def took(conn, dsn, **options):
    return await take_over(conn, read_source(dsn), by="ada", now=NOW, **options)


def said(outcome, what):
    return [each.remark for each in outcome.remarks if each.what == what]


async def test_everything_is_taken_and_what_could_not_stay_is_told(here, sqlite):
    outcome = await took(here, sqlite())
    assert (outcome.components, outcome.incidents, outcome.updates) == (3, 7, 6)
    found = await rows(
        here,
        "SELECT id, kind, status, system, starts_at, ends_at, description FROM incidents.incident ORDER BY id",
    )
    by_id = {row[0]: row[1:] for row in found}
    assert sorted(by_id) == [1, 2, 3, 4, 5, 7, 70]
    assert by_id[1][:5] == (
        "incident",
        "resolved",
        True,
        datetime(2025, 5, 22, 10, 12, 42, tzinfo=UTC),
        datetime(2025, 5, 22, 11, 12, 42, 559346, tzinfo=UTC),
    )
    assert by_id[2][1:3] == ("fixing", True)
    assert by_id[3][1:3] == ("analyzing", False)
    assert by_id[4][:2] == ("maintenance", "completed")
    assert by_id[4][5] == "Hosts are replaced."
    assert by_id[7][:2] == ("maintenance", "completed")
    assert "another open incident of machines" in said(outcome, "incident 3")[0]
    assert "ended before it started" in said(outcome, "incident 5")[0]
    assert "not taken: there is no impact '9'" in said(outcome, "incident 6")[0]
    assert "without an end" in said(outcome, "incident 7")[0]
    assert said(outcome, "incident 70") == [
        "component 88 not taken",
        "update 6: the word 'pondering' is none of ours; it is kept as it is",
    ]
    assert said(outcome, "update 7") == ["not taken: there is no such incident"]
    assert len(said(outcome, "component 3")) == 2
    assert said(outcome, "component None") == [
        "attribute 'region' not taken: there is no such component"
    ]
    spans = await rows(
        here, "SELECT count(*), min(from_at) FROM incidents.span WHERE incident_id = 1"
    )
    assert spans == [(2, datetime(2025, 5, 22, 10, 12, 42, tzinfo=UTC))]
    born = await rows(here, "SELECT DISTINCT made_at, origin FROM fleet.component")
    assert born == [(datetime(2025, 5, 22, 10, 12, 42, tzinfo=UTC), "import")]
    assert await rows(here, "SELECT count(*) FROM incidents.outbox") == [(0,)]
    [(fresh,)] = await rows(
        here, "SELECT nextval(pg_get_serial_sequence('incidents.incident', 'id'))"
    )
    assert fresh > 70


async def test_a_second_import_takes_what_has_changed_there_and_not_here(here, sqlite):
    await took(here, sqlite())
    again = await took(here, sqlite())
    assert (again.incidents, again.again, again.same, again.components) == (0, 0, 7, 0)
    closed = "UPDATE incident SET end_date = '2025-06-03 00:00:00' WHERE id IN (1, 2);"
    await here.execute("UPDATE incidents.incident SET version = 2 WHERE id = 1")
    third = await took(here, sqlite(closed))
    assert (third.incidents, third.again, third.same) == (0, 1, 6)
    assert "changed there and here" in said(third, "incident 1")[0]
    ends = await rows(here, "SELECT id, ends_at FROM incidents.incident WHERE id < 3 ORDER BY id")
    assert [at.day for _, at in ends] == [22, 3]
    assert await rows(here, "SELECT count(*) FROM incidents.incident") == [(7,)]


async def test_a_number_that_is_used_here_is_not_taken_away(here, sqlite):
    await here.execute(
        "INSERT INTO incidents.incident (id, kind, title, impact, status, origin, starts_at, made_at, made_by, changed_at)"
        " VALUES (2, 'incident', 'Ours', 1, 'analyzing', 'person', now(), now(), 'ada', now())"
    )
    outcome = await took(here, sqlite())
    [(number,)] = await rows(here, "SELECT incident_id FROM incidents.imported WHERE id = 2")
    assert said(outcome, "incident 2") == [f"is {number} here"]
    assert await rows(here, "SELECT title FROM incidents.incident WHERE id = 2") == [("Ours",)]
    titles = await rows(here, f"SELECT title FROM incidents.incident WHERE id = {number}")
    assert titles == [("Still open",)]


async def test_the_successor_and_the_first_revision_are_read_too(here, sqlite):
    outcome = await took(here, sqlite(SUCCESSOR))
    found = {
        row[0]: row[1:]
        for row in await rows(
            here,
            "SELECT id, kind, status, description, published_at IS NULL FROM incidents.incident",
        )
    }
    assert found[2] == ("incident", "analyzing", "more", False)
    assert found[4][:2] == ("maintenance", "cancelled")
    assert found[8][:2] == ("info", "planned")
    assert found[9][1::2] == ("planned", True)
    assert said(outcome, "incident 70")[-1] == "not taken: deleted there"
    first = await took(here, sqlite(FIRST), dry_run=True)
    assert first.again + first.incidents == 8
    assert len(await rows(here, "SELECT FROM incidents.incident")) == 8


async def test_a_postgresql_is_read_and_not_written(fresh_database_url, capsys, monkeypatch):
    async with await connect(fresh_database_url) as conn:
        await conn.execute("CREATE SCHEMA theirs; SET search_path = theirs")
        await conn.execute(SCRIPT)
    there = f"{fresh_database_url}{'&' if '?' in fresh_database_url else '?'}options=-csearch_path%3Dtheirs"
    monkeypatch.setenv("VEDETTE_IMPORT_FROM", there.replace("postgresql:", "postgresql+psycopg2:"))
    told = ["import", "status-dashboard", "--database-url", fresh_database_url, "-o", "json"]
    assert await asyncio.to_thread(run, [*told, "--dry-run"]) == 0
    dry = capsys.readouterr()
    assert "would take 7 incidents" in dry.err
    assert await asyncio.to_thread(run, told) == 0
    done = capsys.readouterr()
    assert json.loads(done.out) == json.loads(dry.out)
    assert "took 7 incidents with 6 updates and 3 new components" in done.err
    async with await connect(fresh_database_url) as conn:
        assert await rows(conn, "SELECT count(*) FROM incidents.incident") == [(7,)]
        assert await rows(conn, "SELECT count(*) FROM theirs.incident") == [(8,)]


def test_what_is_no_status_dashboard_is_named(tmp_path):
    with pytest.raises(Missing):
        read_source(f"sqlite:///{tmp_path}/absent.sqlite")
    (tmp_path / "text.sqlite").write_text("not a database, but long enough to look into" * 30)
    with pytest.raises(Invalid, match=r"no Status Dashboard's database"):
        read_source(f"sqlite:///{tmp_path}/text.sqlite")
    sqlite3.connect(tmp_path / "empty.sqlite").execute("CREATE TABLE component (id integer)")
    with pytest.raises(Invalid, match="no such table: component_attribute"):
        read_source(f"sqlite:///{tmp_path}/empty.sqlite")


WORDS = st.one_of(
    st.none(),
    st.text(max_size=400),
    st.integers(-3, 9),
    st.sampled_from(
        (
            "analysing",
            "in_progress",
            "SYSTEM",
            "2025-01-01 00:00:00",
            "0001-01-01",
            "9999-12-31 23:59:59",
            "minor",
            "maintenance",
            "info",
        )
    ),
)
COLUMNS = (
    "text",
    "start_date",
    "end_date",
    "impact",
    "type",
    "status",
    "description",
    "created_at",
    "modified_at",
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, WORDS)),
    st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys(("timestamp", "status", "text"), WORDS)),
        max_size=3,
    ),
)
def test_whatever_a_row_holds_it_is_taken_as_tables_hold_it_or_told(row, updates):
    remarks = []
    found = taken(
        {"id": 5, **row}, [{"id": 1, **each} for each in updates], [1, 1], remarks, now=NOW
    )
    if found is None:
        assert remarks[0].what == "incident 5"
        return
    assert (found.kind == "incident") == (found.impact > 0)
    assert found.ends_at is None or found.ends_at >= found.starts_at
    assert found.kind != "maintenance" or found.ends_at is not None
    assert 0 < len(found.title) <= 300
    assert "\0" not in found.title + found.description
    assert all(0 < len(each.status) <= 50 for each in found.updates)
    assert len(found.updates) == len(updates)


async def test_two_thousand_incidents_are_taken_in_one_go(here):
    count = 2000
    source = Source(
        name="large",
        components=[{"id": number, "name": f"Service {number}"} for number in range(1, 101)],
        attributes=[],
        incidents=[
            {
                "id": n,
                "text": "x",
                "start_date": "2025-01-01",
                "end_date": "2025-01-02",
                "impact": 1,
            }
            for n in range(1, count + 1)
        ],
        relations=[{"incident_id": n, "component_id": n % 100 + 1} for n in range(1, count + 1)],
        updates=[
            {
                "id": n,
                "incident_id": n % count + 1,
                "timestamp": "2025-01-01",
                "status": "fixing",
                "text": "y",
            }
            for n in range(1, 5 * count)
        ],
    )
    outcome = await take_over(here, source, by="ada", now=NOW)
    assert (outcome.incidents, outcome.updates, outcome.remarks) == (count, 5 * count - 1, [])
