"""The dashboards of deploy/grafana ask for what there is: each of their questions is put to a database."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from tests import factories as make
from tests.house.tree import ROOT

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


@pytest.fixture
async def watched(fresh_database_url):
    """A little of everything a dashboard may show; one name has a quote in it."""
    async with await connect(fresh_database_url) as conn:
        component = await make.make_component(conn, state="down", since=UNTIL, reason="refused")
        target = await make.make_target(
            conn, "o'rders-db", component_id=component, cluster="shop-eu", state="down",
            since=UNTIL - timedelta(hours=1), reason="refused", error_class="refused",
        )  # fmt: skip
        await make.make_target(conn, "cache", connector="redis")
        agent = await make.make_agent(conn)
        await make.make_assignment(conn, target, agent)
        await conn.execute(
            "INSERT INTO fleet.stream (agent_id, connected_at, heartbeat_at, spooled_reports) VALUES (%s, %s, %s, 4)",
            (agent, SINCE, UNTIL),
        )
        for kind in ({"target_id": target}, {"component_id": component}):
            await make.make_transition(conn, "up", at=SINCE - timedelta(days=1), **kind)
            await make.make_transition(
                conn, "down", was="up", at=UNTIL - timedelta(hours=1), **kind
            )
        await keep_minutes(conn, target)
    return fresh_database_url


async def keep_minutes(conn, target):
    """Sixty minutes of `query_s`, rolled up."""
    await conn.execute("SELECT health.make_minutes_partition(%s)", (SINCE.date(),))
    await conn.execute("INSERT INTO health.rolled (until) VALUES (%s)", (UNTIL,))
    series = await conn.execute(
        "INSERT INTO health.series (target_id, measurement, entity, unit) VALUES (%s, 'query_s', '', 's') RETURNING id",
        (target,),
    )
    await conn.execute(
        """
        INSERT INTO health.minutes
        SELECT %s, %s, %s, array_fill(6::smallint, ARRAY[60]), g.n, g.n, g.n, g.n
        FROM (SELECT array_agg(n::double precision) AS n FROM generate_series(1, 60) n) g""",
        (target, (await series.fetchone())[0], SINCE),
    )


@pytest.fixture
async def grafana(cluster, fresh_database):
    """A connection with the rights that Grafana has."""
    async with await connect(cluster.url(fresh_database, GRAFANA)) as conn:
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


def test_there_are_four_dashboards_each_with_a_name_of_its_own():
    assert [path.stem for path in BOARDS] == ["agents", "component", "fleet", "target"]
    for path in BOARDS:
        assert board(path)["uid"] == f"vedette-{path.stem}"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_panel_asks_vedette_and_stands_beside_the_others(path):
    taken = set()
    found = board(path)
    assert len({panel["id"] for panel in found["panels"]}) == len(found["panels"])
    for panel, target in questions(found):
        assert panel["datasource"] == target["datasource"] == SOURCE
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
async def test_every_question_is_answered_with_something(path, watched, grafana):
    found = board(path)
    chosen = await chosen_of(grafana, found)
    if "target" in chosen:
        chosen["target"] = "o'rders-db"
    for panel, target in questions(found):
        names, rows = await answer(grafana, target["rawSql"], chosen)
        assert rows, panel["title"]
        if target["format"] == "time_series":
            assert names[0] == "time"
            assert rows == sorted(rows, key=lambda row: row[0])


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
async def test_every_question_may_be_asked_of_one_thing(path, watched, grafana):
    found = board(path)
    chosen = await chosen_of(grafana, found, everything=False)
    for _, target in questions(found):
        await answer(grafana, target["rawSql"], chosen)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
async def test_an_empty_vedette_is_no_error(path, grafana):
    found = board(path)
    chosen = await chosen_of(grafana, found)
    for _, target in questions(found):
        await answer(grafana, target["rawSql"], chosen)


async def test_the_target_board_shows_the_measurement_and_the_share_of_time(watched, grafana):
    found = board(FOLDER / "dashboards" / "target.json")
    by_title = {panel["title"]: target["rawSql"] for panel, target in questions(found)}
    chosen = {"target": "o'rders-db", "measurement": "query_s"}
    _, points = await answer(grafana, by_title["$measurement"], chosen)
    assert len(points) == 60
    assert points[0] == (SINCE, "query_s", 1.0)
    _, [(share,)] = await answer(grafana, by_title["Up of the time"], chosen)
    assert share == pytest.approx(23 / 24)
