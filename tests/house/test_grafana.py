"""The dashboards of deploy/grafana ask for what there is: each of their questions is put to a database."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from tests import factories as make
from tests.house.tree import ROOT
from tests.records import dashboards_world

from vedette import plugins
from vedette.db import testing
from vedette.db.create import GRAFANA
from vedette.db.pool import connect

FOLDER = ROOT / "deploy" / "grafana"
BOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
SINCE = datetime(2026, 11, 20, 12, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "vedette"}


def board(path):
    return json.loads(path.read_text(encoding="utf-8"))


def quoted(value):
    """As Grafana's format `sqlstring` writes a value, or the values of a variable that takes several."""
    values = value if isinstance(value, list) else [value]
    return ",".join("'" + one.replace("'", "''") + "'" for one in values)


def asked(sql, chosen):
    """The question with Grafana's macros and variables in place."""
    since, until = (f"'{t:%Y-%m-%dT%H:%M:%SZ}'" for t in (SINCE, UNTIL))
    sql = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 BETWEEN {since} AND {until}", sql)
    sql = sql.replace("$__timeFrom()", since).replace("$__timeTo()", until)
    sql = sql.replace("$__interval_ms", "60000").replace("$__interval", "1m")
    return re.sub(r"\$\{(\w+):sqlstring\}", lambda found: quoted(chosen[found[1]]), sql)


async def answer(conn, sql, chosen):
    """Names of the columns and the rows."""
    question = asked(sql, chosen)
    assert "$" not in question, question
    cursor = await conn.execute(question)
    return [column.name for column in cursor.description], await cursor.fetchall()


async def chosen_of(conn, found, *, everything=True):
    """What a reader of the dashboard has chosen in each variable: all there is, or the first."""
    chosen = {}
    for variable in found["templating"]["list"]:
        if variable["type"] == "query":
            _, rows = await answer(conn, variable["query"], chosen)
            values = [value for (value,) in rows]
            chosen[variable["name"]] = (
                values if variable["multi"] and everything else next(iter(values), "")
            )
        else:
            chosen[variable["name"]] = variable["current"]["value"]
    return chosen


def questions(found):
    for panel in found["panels"]:
        for target in panel["targets"]:
            yield panel, target
    for annotation in found["annotations"]["list"]:
        yield {"title": annotation["name"], **annotation}, annotation["target"]


CONNECTORS = {
    path.stem: re.findall(r"t\.target, '(\w+)'", path.read_text(encoding="utf-8"))
    for path in BOARDS
    if path.stem in plugins.names("vedette.connectors")
}
"""Connector → the measurements its dashboard shows."""


@pytest.fixture(scope="module")
async def watched(cluster):
    """The name of a database with a little of everything a dashboard may show; one name has a quote in it."""
    name = await testing.clone(cluster.admin)
    async with await connect(cluster.url(name)) as conn:
        component = await make.make_component(conn, state="down", since=UNTIL, reason="refused")
        target = await make.make_target(
            conn, "o'rders-db", component_id=component, cluster="shop-eu", state="down",
            since=UNTIL - timedelta(hours=1), reason="refused", error_class="refused",
        )  # fmt: skip
        agent = await make.make_agent(conn)
        await make.make_assignment(conn, target, agent)
        layout = await make.make_layout(conn, ["query_s"], units=["seconds"])
        await make.make_observation(conn, target, agent, layout_id=layout, values=[0.5])
        await conn.execute("SELECT health.make_minutes_partition(%s)", (SINCE.date(),))
        await conn.execute("INSERT INTO health.rolled (until) VALUES (%s)", (UNTIL,))
        await keep_minutes(conn, target, ["query_s"])
        for connector, names in CONNECTORS.items():
            watched = await make.make_target(conn, f"a {connector}", connector=connector)
            await make.make_transition(conn, "up", at=SINCE + timedelta(hours=1), target_id=watched)
            await keep_minutes(conn, watched, names)
        await conn.execute(
            "INSERT INTO fleet.stream (agent_id, connected_at, heartbeat_at, spooled_reports) VALUES (%s, %s, %s, 4)",
            (agent, SINCE, UNTIL),
        )
        await dashboards_world.fill(conn, until=UNTIL)
        for kind in ({"target_id": target}, {"component_id": component}):
            await make.make_transition(conn, "up", at=SINCE - timedelta(days=1), **kind)
            await make.make_transition(
                conn, "down", was="up", at=UNTIL - timedelta(hours=1), **kind
            )
    yield name
    await testing.drop(cluster.admin, name)


async def keep_minutes(conn, target, names):
    """Sixty minutes of each of those measurements, rolled up."""
    await conn.execute(
        """
        WITH series AS (
            INSERT INTO health.series (target_id, measurement, entity, unit)
            SELECT %s, name, '', 'seconds' FROM unnest(%s::text[]) name
            RETURNING target_id, id
        )
        INSERT INTO health.minutes
        SELECT s.target_id, s.id, %s, array_fill(6::smallint, ARRAY[60]), g.n, g.n, g.n, g.n
        FROM series s
        CROSS JOIN (SELECT array_agg(n::double precision) AS n FROM generate_series(1, 60) n) g""",
        (target, names, SINCE),
    )


@pytest.fixture
async def grafana(cluster, watched):
    """A connection with the rights that Grafana has."""
    async with await connect(cluster.url(watched, GRAFANA)) as conn:
        yield conn


@pytest.fixture
async def at_nothing(cluster, database):
    """The same, where nothing is to be seen yet."""
    async with await connect(cluster.url(database, GRAFANA)) as conn:
        yield conn


def test_the_data_source_is_the_one_the_dashboards_ask_for():
    [source] = yaml.safe_load((FOLDER / "provisioning/datasources/vedette.yaml").read_text())[
        "datasources"
    ]
    assert (source["type"], source["uid"]) == (SOURCE["type"], SOURCE["uid"])
    assert source["user"] == GRAFANA
    assert source["secureJsonData"]["password"].startswith("$")


def test_the_dashboards_are_provided_from_a_folder():
    [provider] = yaml.safe_load((FOLDER / "provisioning/dashboards/vedette.yaml").read_text())[
        "providers"
    ]
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "$VEDETTE_DASHBOARDS"


def test_each_dashboard_has_a_name_of_its_own():
    general = {"agents", "component", "fleet", "target"}
    records = {"delivery", "mending", "slos", "validations", "vulnerabilities"}
    assert {path.stem for path in BOARDS} == {*general, *records, *CONNECTORS}
    assert {"cockroachdb", "host", "postgres", "redis"} <= {*CONNECTORS}
    for path in BOARDS:
        assert board(path)["uid"] == f"vedette-{path.stem}"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_panel_asks_vedette_and_stands_beside_the_others(path):
    taken = set()
    found = board(path)
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    for asker, target in questions(found):
        assert asker["datasource"] == target["datasource"] == SOURCE
    for panel in found["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_links_lead_to_dashboards_and_variables_that_are_there(path):
    variables = {
        found["uid"]: {variable["name"] for variable in found["templating"]["list"]}
        for found in map(board, BOARDS)
    }
    for uid, name in re.findall(r"/d/([\w-]+)\?var-(\w+)=", path.read_text(encoding="utf-8")):
        assert name in variables[uid]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
async def test_every_question_is_answered_with_something(path, grafana):
    found = board(path)
    chosen = await chosen_of(grafana, found)
    if isinstance(chosen.get("target"), str):
        chosen |= {"target": "o'rders-db", "measurement": "query_s"}
    for panel, target in questions(found):
        names, rows = await answer(grafana, target["rawSql"], chosen)
        assert rows, panel["title"]
        if target["format"] == "time_series":
            assert names[0] == "time"
            assert rows == sorted(rows, key=lambda row: row[0])


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
async def test_every_question_may_be_asked_of_one_thing(path, grafana):
    found = board(path)
    chosen = await chosen_of(grafana, found, everything=False)
    for _, target in questions(found):
        await answer(grafana, target["rawSql"], chosen)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
async def test_an_empty_vedette_is_no_error(path, at_nothing):
    found = board(path)
    chosen = await chosen_of(at_nothing, found)
    for _, target in questions(found):
        await answer(at_nothing, target["rawSql"], chosen)


async def test_the_target_board_shows_the_measurement_and_the_share_of_time(grafana):
    found = board(FOLDER / "dashboards" / "target.json")
    by_title = {panel["title"]: panel["targets"][0]["rawSql"] for panel in found["panels"]}
    chosen = {"target": "o'rders-db", "measurement": "query_s"}
    _, points = await answer(grafana, by_title["$measurement"], chosen)
    assert len(points) == 60
    assert points[0] == (SINCE, "query_s", 1.0)
    _, [(share,)] = await answer(grafana, by_title["Up of the time"], chosen)
    assert share == pytest.approx(23 / 24)


async def test_a_variable_offers_what_is_measured_of_the_target(grafana):
    found = board(FOLDER / "dashboards" / "target.json")
    [variable] = [v for v in found["templating"]["list"] if v["name"] == "measurement"]
    assert (await answer(grafana, variable["query"], {"target": "o'rders-db"}))[1] == [("query_s",)]


async def test_a_unit_is_called_as_grafana_calls_it(owner_conn):
    for connector in CONNECTORS:
        description = plugins.load("vedette.connectors", connector).description
        units = {measure.name: measure.unit for measure in description.measures}
        found = board(FOLDER / "dashboards" / f"{connector}.json")
        for panel in found["panels"][1:]:
            cursor = await owner_conn.execute(
                "SELECT health.axis_unit(%s)", (units[panel["title"]],)
            )
            assert await cursor.fetchone() == (panel["fieldConfig"]["defaults"]["unit"],)


async def test_targets_are_counted_by_state_at_the_start_of_each_step(grafana):
    hour = timedelta(hours=1)

    async def counted(since, until, clusters=None):
        cursor = await grafana.execute(
            "SELECT time, state, targets FROM state_counts(%s, %s, '1 hour', %s) WHERE targets > 0",
            (since, until, clusters),
        )
        return await cursor.fetchall()

    others = len(CONNECTORS)
    assert await counted(SINCE, SINCE + 2 * hour) == [
        (SINCE, "up", 1),
        (SINCE + hour, "up", 1 + others),
    ]
    assert await counted(UNTIL - 2 * hour, UNTIL, ["shop-eu"]) == [
        (UNTIL - 2 * hour, "up", 1),
        (UNTIL - hour, "down", 1),
    ]
    assert await counted(SINCE, UNTIL, ["nowhere"]) == []


async def test_a_range_of_years_is_not_counted_by_the_minute(grafana):
    cursor = await grafana.execute(
        "SELECT count(DISTINCT time) FROM state_counts(%s, %s, '1 minute')",
        (SINCE - timedelta(days=3650), UNTIL),
    )
    assert 1000 <= (await cursor.fetchone())[0] <= 4000


async def test_every_change_is_told_with_what_it_was_before(grafana):
    cursor = await grafana.execute(
        "SELECT kind, name, was, state FROM transitions(%s, %s)",
        (UNTIL - timedelta(hours=2), UNTIL),
    )
    assert await cursor.fetchall() == [
        ("component", "orders-eu-de", "up", "down"),
        ("target", "o'rders-db", "up", "down"),
    ]


async def test_a_timeline_begins_with_the_state_a_target_came_with(grafana):
    cursor = await grafana.execute(
        "SELECT * FROM target_timeline(%s, %s, %s)", ("o'rders-db", SINCE, UNTIL)
    )
    assert await cursor.fetchall() == [(SINCE, "up"), (UNTIL - timedelta(hours=1), "down")]
