"""`vedette bootstrap`: a catalogue provisioned, renamed, retired and purged, on the database itself."""

import asyncio
import json
from pathlib import Path

import pytest

from vedette.app.catalog_file import read_catalog
from vedette.app.tree import run
from vedette.clock import now
from vedette.db.pool import connect
from vedette.errors import Invalid
from vedette.fleet.catalog_rules import Entry
from vedette.fleet.declare import declare
from vedette.fleet.model import ComponentName, Declaration, DeclaredService, DeclaredTarget
from vedette.health import expect
from vedette.incidents import writes
from vedette.incidents.model import Draft, Impact, Kind, Status

CATALOGUE = Path(__file__).parents[1] / "config" / "catalog.yaml"


@pytest.fixture
async def bootstrap(fresh_database_url, capsys):
    """Run `vedette bootstrap` there; return its code and what it printed as JSON."""

    async def command(*words):
        capsys.readouterr()
        told = ["bootstrap", *map(str, words), "-o", "json", "--database-url", fresh_database_url]
        code = await asyncio.to_thread(run, told)
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return command


@pytest.fixture
async def there(fresh_app_url):
    """A connection to see what came of it."""
    async with await connect(fresh_app_url) as conn:
        yield conn


async def components(conn):
    rows = await conn.execute(
        "SELECT s.name, r.name, c.attributes, c.id FROM fleet.component AS c"
        " JOIN fleet.service AS s ON s.id = c.service_id"
        " LEFT JOIN fleet.region AS r ON r.id = c.region_id"
        " WHERE c.retired_at IS NULL ORDER BY s.name, r.name"
    )
    return await rows.fetchall()


async def incident(conn, *ids):
    draft = Draft(
        kind=Kind.INCIDENT,
        title="Disks are slow",
        impact=Impact.MINOR,
        status=Status.ANALYZING,
        starts_at=now(),
        components=ids,
        published_at=now(),
    )
    async with conn.transaction():
        number = await writes.insert(conn, draft, by="ada", now=now())
        await writes.settle(conn, [number], "open", by="ada", now=now())
    return number


def text_file(tmp_path, text):
    path = tmp_path / "catalog.yaml"
    path.write_text(text)
    return path


async def test_a_catalogue_is_planned_provisioned_once_and_noticed(bootstrap, there):
    code, rows = await bootstrap("provision", CATALOGUE, "--dry-run")
    assert code == 0
    assert {row["change"] for row in rows} == {"add"}
    assert await components(there) == []
    await there.execute("LISTEN vedette_fleet")
    assert (await bootstrap("provision", CATALOGUE))[0] == 0
    heard = [notice.payload async for notice in there.notifies(timeout=10, stop_after=1)]
    assert heard == ["targets"]
    kept = await components(there)
    assert len(kept) == len(rows) == 11
    assert kept[0][:3] == (
        "Block Storage",
        "North",
        {"category": "Storage", "region": "North", "type": "disk"},
    )
    assert ("Console", None, {}) in [row[:3] for row in kept]
    assert await bootstrap("provision", CATALOGUE) == (0, [])


async def test_a_renamed_component_keeps_its_page_and_its_past(bootstrap, there, tmp_path):
    path = text_file(tmp_path, "components: [{name: Disks, attributes: {region: North}}]")
    await bootstrap("provision", path)
    [(_, _, _, before)] = await components(there)
    number = await incident(there, before)
    path.write_text(
        "components: [{name: Block Storage, was: Disks, attributes: {region: North, public: false}}]"
    )
    code, rows = await bootstrap("provision", path)
    assert code == 0
    assert [row["change"] for row in rows] == ["rename", "change"]
    [(name, _, attributes, after)] = await components(there)
    assert (name, after, attributes["public"]) == ("Block Storage", before, "false")
    assert await bootstrap("provision", path) == (0, [])
    path.write_text("components: []")
    assert [row["change"] for row in (await bootstrap("provision", path))[1]] == ["retire"]
    spans = await there.execute("SELECT incident_id FROM incidents.span")
    assert await spans.fetchall() == [(number,)]
    services = await there.execute("SELECT name FROM fleet.service")
    assert await services.fetchall() == [("Block Storage",)]


async def test_without_a_file_the_usual_places_are_looked_at(bootstrap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VEDETTE_DATA_DIR", str(tmp_path / "data"))
    assert await bootstrap("provision") == (6, None)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalog.yaml").write_text("components: [{name: A}]")
    assert [row["component"] for row in (await bootstrap("provision"))[1]] == ["A"]
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "catalog.yaml").write_text("components: [{name: A}, {name: B}]")
    assert [row["component"] for row in (await bootstrap("provision"))[1]] == ["B"]


async def test_purge_takes_back_what_was_provisioned_and_nothing_else(bootstrap, there, tmp_path):
    path = text_file(
        tmp_path, "components: [{name: A}, {name: B, attributes: {region: North}}, {name: C}]"
    )
    await bootstrap("provision", path)
    settings = Declaration(
        services=(DeclaredService(name="Mail", category="Web"),),
        targets=(DeclaredTarget(name="c", connector="tcp", component=ComponentName(service="C")),),
    )
    await declare(there, settings, origin="settings", now=now())
    ids = {name: id_ for name, _, _, id_ in await components(there)}
    alone = await incident(there, ids["A"], ids["B"])
    shared = await incident(there, ids["A"], ids["Mail"])
    code, rows = await bootstrap("purge")
    assert code == 2
    assert len(await components(there)) == 4
    assert [row["detail"].split(":")[0] for row in rows[:3]] == ["catalog", "catalog", "kept"]
    code, rows = await bootstrap("purge", "--yes")
    assert code == 0
    assert rows[3]["name"] == f"{alone} Disks are slow"
    assert [row[0] for row in await components(there)] == ["C", "Mail"]
    spans = await there.execute("SELECT incident_id, component_id FROM incidents.span")
    assert await spans.fetchall() == [(shared, ids["Mail"])]
    regions = await there.execute("SELECT count(*) FROM fleet.region")
    assert await regions.fetchone() == (0,)
    assert (await bootstrap("purge"))[0] == 0


def test_our_own_services_are_read_too(tmp_path):
    path = text_file(
        tmp_path,
        "services: [{name: Mail, category: Web, regions: [North, South], type: smtp, public: false}]\n"
        "components: [{name: Disks, attributes: {tier: 1, old: no, fast: true}}]\n",
    )
    word = {"category": "Web", "type": "smtp", "public": "false"}
    assert read_catalog(path) == [
        Entry(name="Disks", attributes={"tier": "1", "old": "no", "fast": "true"}),
        Entry(name="Mail", attributes=word | {"region": "North"}),
        Entry(name="Mail", attributes=word | {"region": "South"}),
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[]", "no catalogue"),
        ("targets: []", "no catalogue"),
        ("components: []\nmore: 1", ":2: unknown key 'more'"),
        ("components: {name: A}", ":1: components must be a list"),
        ("components:\n  - attributes: {}", ":2: a component is a map with a name"),
        ("components:\n  - {name: A, region: N}", ":2: unknown key 'region'"),
        ("components:\n  - {name: A}\n  - {name: ''}", ":3: name '' is empty"),
        ("components:\n  - {name: A, was: [B]}", ":2: was must be a text"),
        ("components:\n  - {name: A, attributes: [region]}", ":2: attributes must be a map"),
        (
            "components:\n  - {name: A, attributes: {region: {a: b}}}",
            ":2: attributes.'region' must",
        ),
        ("services:\n  - {name: A, region: N}", ":2: Object contains unknown field `region`"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_its_line(tmp_path, text, where):
    with pytest.raises(Invalid) as refused:
        read_catalog(text_file(tmp_path, text))
    assert where in refused.value.message


async def counted(conn, what):
    rows = await conn.execute(f"SELECT count(*) FROM {what}")
    return (await rows.fetchone())[0]


async def test_a_demo_is_a_full_year_that_purge_takes_back(bootstrap, there, tmp_path):
    await bootstrap("provision", text_file(tmp_path, "components: [{name: Mail}]"))
    assert (await bootstrap("provision", "--demo"))[0] == 0
    assert await counted(there, "fleet.component WHERE made_at < now() - interval '365 days'") == 44
    assert await counted(there, "incidents.incident WHERE kind = 'incident' AND is_open") == 1
    assert await counted(there, "incidents.incident WHERE status = 'planned'") == 1
    assert (
        await counted(there, "incidents.published() WHERE starts_at < now() - interval '300 days'")
        > 10
    )
    assert await counted(there, "incidents.update WHERE at > now()") == 0
    assert (
        await counted(
            there,
            "incidents.incident AS i WHERE NOT EXISTS (SELECT FROM incidents.affected AS a WHERE a.incident_id = i.id)",
        )
        == 0
    )
    assert await counted(there, "incidents.outbox") == 0
    assert (
        await counted(there, "health.component_day WHERE seconds_down + seconds_degraded > 0") > 100
    )
    assert await counted(there, "health.transition WHERE handled_at IS NULL") == 0
    assert await counted(there, "fleet.service WHERE category IS NOT NULL") == 0
    assert await counted(there, "records.exposure WHERE ended_at IS NULL") > 100
    assert await counted(there, "records.validation WHERE NOT passed") > 30
    assert await counted(there, "records.slo_value") > 1_000
    assert await counted(there, "records.deployment WHERE service_id IS NOT NULL") > 300
    up = await counted(there, "health.component_state WHERE state = 'up'")
    await expect.run_once(there, now=now())
    assert await counted(there, "health.component_state WHERE state = 'up'") == up > 40
    assert (await bootstrap("provision", "--demo"))[0] == 7
    assert (await bootstrap("purge", "--yes"))[0] == 0
    for table in (
        "fleet.component",
        "fleet.service",
        "fleet.region",
        "incidents.incident",
        "health.component_day",
        "health.transition",
        "fleet.cluster",
        "records.subject",
        "records.finding",
        "records.exposure",
        "records.slo_value",
        "records.objective",
        "records.deployment",
        "records.snapshot",
        "records.kev",
        "records.feed",
    ):
        assert await counted(there, table) == 0, table
