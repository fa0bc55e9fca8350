"""`vedette import dashdotdb`: a Dash.DB with its history, made as its migrations leave it."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from vedette import clock
from vedette.app.tree import run
from vedette.errors import Invalid, Unavailable
from vedette.records.takeover_dashdotdb import take_over
from vedette.records.takeover_dashdotdb_read import open_dashdotdb

SCHEMA = """
CREATE SCHEMA dash;
SET search_path = dash;
CREATE TYPE datatypes AS ENUM ('CSODataType', 'DVODataType', 'SLODataType');
CREATE TABLE token (id serial PRIMARY KEY, timestamp timestamp, uuid varchar(36), data_type datatypes, is_open boolean);
CREATE TABLE latesttokens (id serial PRIMARY KEY, token_id integer REFERENCES token);
CREATE TABLE cluster (id serial PRIMARY KEY, name varchar(64) UNIQUE);
CREATE TABLE namespace (id serial PRIMARY KEY, name varchar(64), cluster_id integer REFERENCES cluster);
CREATE TABLE service (id serial PRIMARY KEY, name varchar(64) UNIQUE);
CREATE TABLE image (id serial PRIMARY KEY, name varchar(128), manifest varchar(1000));
CREATE TABLE feature (id serial PRIMARY KEY, name varchar(64), version varchar(64));
CREATE TABLE imagefeature (image_id integer REFERENCES image, feature_id integer REFERENCES feature,
    PRIMARY KEY (image_id, feature_id));
CREATE TABLE severity (id serial PRIMARY KEY, name varchar(64) UNIQUE);
CREATE TABLE vulnerability (id serial PRIMARY KEY, name varchar(512), description varchar(10000),
    namespacename varchar(128), fixedby varchar(10000), link varchar(10000), severity_id integer REFERENCES severity,
    feature_id integer REFERENCES feature);
CREATE TABLE pod (id serial PRIMARY KEY, name varchar(256), namespace_id integer REFERENCES namespace,
    token_id integer REFERENCES token);
CREATE TABLE podimage (pod_id integer REFERENCES pod, image_id integer REFERENCES image,
    PRIMARY KEY (pod_id, image_id));
CREATE TABLE objectkind (id serial PRIMARY KEY, name varchar(64) UNIQUE);
CREATE TABLE validation (id serial PRIMARY KEY, name varchar(64), status integer);
CREATE TABLE deploymentvalidation (id serial PRIMARY KEY, name varchar(256), token_id integer REFERENCES token,
    namespace_id integer REFERENCES namespace, objectkind_id integer REFERENCES objectkind,
    validation_id integer REFERENCES validation);
CREATE TABLE slitype (id serial PRIMARY KEY, name varchar(64));
CREATE TABLE slodoc (id serial PRIMARY KEY, name varchar(64) UNIQUE);
CREATE TABLE serviceslo (id serial PRIMARY KEY, name varchar(64), value float8 NOT NULL, target float8 NOT NULL,
    slitype_id integer REFERENCES slitype, slodoc_id integer REFERENCES slodoc, token_id integer REFERENCES token,
    service_id integer REFERENCES service, namespace_id integer REFERENCES namespace);
CREATE TABLE doradeployment (id serial PRIMARY KEY, trigger_reason varchar(256), app_name varchar(256),
    env_name varchar(256), pipeline varchar(256), finish_timestamp timestamp,
    UNIQUE (app_name, env_name, pipeline, trigger_reason));
CREATE TABLE doracommit (id serial PRIMARY KEY, deployment_id integer REFERENCES doradeployment, timestamp timestamp,
    revision varchar(40), repo varchar(256), lttc interval, UNIQUE (deployment_id, revision, repo));
"""

ROWS = """
INSERT INTO token (timestamp, uuid, data_type, is_open) VALUES
    ('2024-03-01 06:00', '00000000-0000-4000-8000-000000000001', 'CSODataType', false),
    ('2024-03-02 06:00', '00000000-0000-4000-8000-000000000002', 'CSODataType', false),
    ('2024-03-03 06:00', '00000000-0000-4000-8000-000000000003', 'CSODataType', true),
    ('2024-03-01 07:00', '00000000-0000-4000-8000-000000000004', 'DVODataType', false),
    ('2024-03-02 07:00', '00000000-0000-4000-8000-000000000005', 'DVODataType', false),
    ('2024-03-01 08:00', '00000000-0000-4000-8000-000000000006', 'SLODataType', false),
    ('2024-03-02 08:00', '00000000-0000-4000-8000-000000000007', 'SLODataType', false),
    ('2024-03-02 09:00', 'no token', 'SLODataType', false);
INSERT INTO cluster (name) VALUES ('c1'), ('c2');
INSERT INTO namespace (name, cluster_id) VALUES ('shop', 1), ('shop', 2), ('shop', 1);
INSERT INTO service (name) VALUES ('orders');
INSERT INTO image (name, manifest) VALUES ('quay.io/shop/orders', 'sha256:aa'), ('quay.io/shop/stock', 'sha256:bb');
INSERT INTO feature (name, version) VALUES ('openssl', '1.0'), ('bash', '5');
INSERT INTO imagefeature VALUES (1, 1), (1, 2), (2, 2);
INSERT INTO severity (name) VALUES ('High'), ('Critical');
INSERT INTO vulnerability (name, description, namespacename, fixedby, link, severity_id, feature_id) VALUES
    ('CVE-2020-1', 'text', 'centos:8', '1.1', 'https://a.example/CVE-2020-1', 1, 1),
    ('CVE-2020-1', 'text', 'centos:8', '1.1', 'https://a.example/CVE-2020-1', 2, 1),
    ('RHSA-2020:0007: bash update (Important)', 'text', 'centos:8', NULL, NULL, 1, 2);
INSERT INTO pod (name, namespace_id, token_id) VALUES
    ('shop/orders-1', 1, 1), ('shop/orders-2', 1, 1), ('shop/stock-1', 2, 1),
    ('shop/orders-1', 3, 2), ('shop/stock-1', 2, 2),
    ('shop/half-sent', 1, 3);
INSERT INTO podimage VALUES (1, 1), (2, 1), (3, 2), (4, 1), (5, 2), (6, 2);
INSERT INTO objectkind (name) VALUES ('Deployment');
INSERT INTO validation (name, status) VALUES ('dvo_no_limits', 1), ('dvo_no_limits', 0);
INSERT INTO deploymentvalidation (name, token_id, namespace_id, objectkind_id, validation_id) VALUES
    ('orders', 4, 1, 1, 1), ('orders', 5, 1, 1, 2);
INSERT INTO slitype (name) VALUES ('availability');
INSERT INTO slodoc (name) VALUES ('orders-slos');
INSERT INTO serviceslo (name, value, target, slitype_id, slodoc_id, token_id, service_id, namespace_id) VALUES
    ('answers', 99.9, 99.5, 1, 1, 6, 1, 1), ('answers', 99.1, 99.5, 1, 1, 7, 1, 1),
    ('broken', 'NaN', 99.5, 1, 1, 7, 1, 1);
INSERT INTO doradeployment (trigger_reason, app_name, env_name, pipeline, finish_timestamp) VALUES
    ('https://git.example/service/x/commit/1', 'orders', 'production', 'deploy', '2024-03-02 10:18:28'),
    ('https://git.example/service/x/commit/2', 'orders', 'production', 'deploy', '2024-03-03 10:18:28');
INSERT INTO doracommit (deployment_id, timestamp, revision, repo, lttc) VALUES
    (1, '2024-03-02 09:18:28', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'https://git.example/x', '1 hour'),
    (2, '2024-03-03 10:18:38', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'https://git.example/x', '-10 seconds');
"""


@pytest.fixture
async def dash(fresh_database_url):
    """The URL of a Dash.DB; it lies beside ours, in a schema of its own."""
    async with await psycopg.AsyncConnection.connect(fresh_database_url, autocommit=True) as conn:
        await conn.execute(SCHEMA)
        await conn.execute(ROWS)
    yield f"{fresh_database_url}&options=-csearch_path%3Ddash"


@pytest.fixture
async def ours(fresh_app_url):
    async with await psycopg.AsyncConnection.connect(fresh_app_url, autocommit=True) as conn:
        yield conn


async def taken(ours, dash, *, zone="UTC", **more):
    async with open_dashdotdb(dash, zone=ZoneInfo(zone)) as source:
        return await take_over(ours, source, by="test", now=clock.now(), **more)


async def rows(ours, statement):
    return await (await ours.execute(statement)).fetchall()


def at(day, hour):
    return datetime(2024, 3, day, hour, tzinfo=UTC)


async def everything(ours):
    return [
        await rows(ours, f"SELECT * FROM records.{table} ORDER BY 1, 2, 3")
        for table in ("subject", "presence", "scan", "finding", "document", "validation", "slo_value", "deployment", "commit")
    ]  # fmt: skip


PODS = """SELECT c.name, p.pod, p.first_seen_at, p.gone_at FROM records.presence AS p
    JOIN fleet.namespace AS n ON n.id = p.namespace_id JOIN fleet.cluster AS c ON c.id = n.cluster_id
    ORDER BY 1, 2"""
FINDINGS = """SELECT s.name, k.name, a.name, f.severity, f.first_seen_at, f.fixed_at, d.kind
    FROM records.finding AS f JOIN records.scan AS sc ON sc.id = f.scan_id
    JOIN records.subject AS s ON s.id = sc.subject_id JOIN records.package AS k ON k.id = f.package_id
    JOIN records.advisory AS a ON a.id = f.advisory_id LEFT JOIN records.document AS d ON d.scan_id = sc.id
    ORDER BY 1, 2, 3"""


async def test_each_snapshot_is_taken_as_of_its_time(ours, dash):
    done = await taken(ours, dash)
    assert (done.snapshots, done.new, done.known, done.deployments) == (6, 6, 0, 2)
    assert done.passed == {
        "snapshots without a token of their own": 1,
        "SLO values that are no numbers": 1,
    }
    assert done.there["pods"], done.there["commits"] == (6, 2)
    assert await rows(ours, PODS) == [
        ("c1", "shop/orders-1", at(1, 6), None),
        ("c1", "shop/orders-2", at(1, 6), at(2, 6)),
        ("c2", "shop/stock-1", at(1, 6), None),
    ]
    kind = "imagemanifestvuln"
    assert await rows(ours, FINDINGS) == [
        ("quay.io/shop/orders", "bash", "RHSA-2020:0007", 4, at(1, 6), None, kind),
        ("quay.io/shop/orders", "openssl", "CVE-2020-1", 5, at(1, 6), None, kind),
        ("quay.io/shop/stock", "bash", "RHSA-2020:0007", 4, at(1, 6), None, kind),
    ]
    assert await rows(ours, "SELECT passed, since_at, until_at FROM records.validation ORDER BY since_at") == [
        (False, at(1, 7), at(2, 7)),
        (True, at(2, 7), None),
    ]  # fmt: skip
    assert await rows(ours, "SELECT at, value, target FROM records.slo_value ORDER BY at") == [
        (at(1, 8), 99.9, 99.5),
        (at(2, 8), 99.1, 99.5),
    ]
    assert await rows(ours, """SELECT d.finished_at, c.lead_s FROM records.deployment AS d
        JOIN records.commit AS c ON c.deployment_id = d.id ORDER BY 1""") == [
        (datetime(2024, 3, 2, 10, 18, 28, tzinfo=UTC), 3600),
        (datetime(2024, 3, 3, 10, 18, 28, tzinfo=UTC), -10),
    ]  # fmt: skip


ODD = """
INSERT INTO token (timestamp, uuid, data_type, is_open) VALUES
    ('2024-03-02 10:00', '00000000-0000-4000-8000-000000000006', 'CSODataType', false), (now(), NULL, 'CSODataType', false);
INSERT INTO cluster (name) VALUES (NULL);
INSERT INTO namespace (name, cluster_id) VALUES (NULL, 1), ('shop', 3);
INSERT INTO pod (name, namespace_id, token_id) VALUES (NULL, 1, 1), ('shop/a', 4, 1), ('shop/b', 5, 1);
INSERT INTO podimage VALUES (7, 1), (8, 1), (9, 1);
INSERT INTO deploymentvalidation (name, token_id, namespace_id, objectkind_id, validation_id) VALUES
    ('orders', 4, 5, 1, 1), (NULL, 4, 1, 1, 1);
INSERT INTO doracommit (deployment_id, timestamp, revision, repo) VALUES
    (1, '2024-03-02 09:18:28', 'abc', 'https://git.example/x'),
    (1, NULL, 'cccccccccccccccccccccccccccccccccccccccc', 'https://git.example/x'),
    (1, '2024-03-02 09:18:28', 'DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD', 'https://git.example/x');
"""


async def test_what_names_nothing_is_passed_over_and_the_rest_taken(ours, dash):
    async with await psycopg.AsyncConnection.connect(dash, autocommit=True) as theirs:
        await theirs.execute(ODD)
    done = await taken(ours, dash)
    assert done.passed == {
        "snapshots without a token of their own": 3,
        "pods without a name": 3,
        "validations without a name": 2,
        "commits without a revision, a repository or a time": 2,
        "SLO values that are no numbers": 1,
    }
    assert [row[1] for row in await rows(ours, PODS)] == [
        "shop/orders-1",
        "shop/orders-2",
        "shop/stock-1",
    ]
    assert await rows(ours, "SELECT count(*) FROM records.validation") == [(2,)]
    assert (await rows(ours, "SELECT count(*) FROM records.commit")) == [(3,)]


async def test_what_is_repeated_changes_nothing_and_takes_what_is_new(ours, dash):
    await taken(ours, dash)
    before = await everything(ours)
    again = await taken(ours, dash)
    assert (again.new, again.known, again.deployments) == (0, 6, 0)
    assert await everything(ours) == before
    await ours.execute("DELETE FROM records.snapshot WHERE kind = 'serviceslometrics'")
    async with await psycopg.AsyncConnection.connect(dash, autocommit=True) as theirs:
        await theirs.execute("UPDATE token SET is_open = false WHERE id = 3")
    later = await taken(ours, dash)
    assert (later.new, later.known) == (3, 4)
    assert [row[1] for row in await rows(ours, PODS) if row[3] is None] == ["shop/half-sent", "shop/stock-1"]  # fmt: skip
    assert await rows(ours, "SELECT count(*) FROM records.slo_value") == [(2,)]


async def test_a_plan_says_what_there_is_and_does_nothing(ours, dash):
    plan = await taken(ours, dash, dry_run=True)
    assert (plan.new, plan.there["vulnerabilities"], plan.there["deployments"]) == (6, 3, 2)
    assert await rows(ours, "SELECT count(*) FROM records.snapshot") == [(0,)]


async def test_its_times_go_by_the_clock_that_is_named(ours, dash):
    await taken(ours, dash, zone="Europe/Berlin")
    assert (await rows(ours, "SELECT min(at) FROM records.slo_value"))[0][0] == at(1, 7)


async def test_a_snapshot_keeps_its_token(ours, dash):
    await taken(ours, dash)
    tokens = await rows(ours, "SELECT token, opened_at FROM records.snapshot WHERE kind = 'imagemanifestvuln' ORDER BY 2")  # fmt: skip
    assert tokens[0] == (UUID("00000000-0000-4000-8000-000000000001"), at(1, 6))


async def test_what_is_no_dash_db_is_refused(ours, fresh_database_url):
    with pytest.raises(Invalid, match="is no Dash"):
        await taken(ours, fresh_database_url)
    with pytest.raises(Unavailable, match=r"is this where Dash\.DB keeps its tables\?"):
        await taken(ours, "postgresql://nobody@127.0.0.1:1/none")


async def test_the_command_says_what_it_took(dash, fresh_database_url, capsys, monkeypatch):
    monkeypatch.setenv("VEDETTE_DATABASE_URL", fresh_database_url)
    words = ["import", "dashdotdb", dash, "-o", "csv"]
    code = await asyncio.to_thread(run, [*words, "--dry-run"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert said.out.splitlines()[:2] == ["what,there", "clusters,2"]
    assert "would take 6" in said.err
    assert await asyncio.to_thread(run, words) == 0
    assert "took 6 and 2 new deployments" in capsys.readouterr().err
    assert await asyncio.to_thread(run, [*words, "--zone", "Nowhere"]) == 2
