import csv
import io
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from vedette.app.tree import run
from vedette.db import testing
from vedette.db.backup import for_any_server
from vedette.db.binaries import find_binaries
from vedette.db.create import APP, GRAFANA, LOGINS, OWNER, READER
from vedette.db.embedded import embedded
from vedette.db.migrations.history import HEAD
from vedette.db.pool import connect


@pytest.fixture
def db(capfd, monkeypatch):
    """`vedette db …` on a database: returns exit code, stdout, stderr."""
    for name in ("VEDETTE_DATABASE_URL", "DASHDOTDB_DATABASE_URL", "VEDETTE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)

    def db(*words):
        code = run(["db", *map(str, words)])
        said = capfd.readouterr()
        return code, said.out, said.err

    return db


@pytest.fixture
def on(db, fresh_database_url, monkeypatch):
    """The same on a fresh database of an external server, which the environment names."""
    monkeypatch.setenv("VEDETTE_DATABASE_URL", fresh_database_url)
    return db


@pytest.mark.parametrize("variable", ["VEDETTE_DATABASE_URL", "DASHDOTDB_DATABASE_URL"])
def test_the_environment_names_the_database(db, database_url, monkeypatch, variable):
    monkeypatch.setenv(variable, database_url.replace("postgresql:", "postgres:"))
    code, said, _ = db("check")
    assert code == 0
    assert said.endswith(", up to date\n")


def test_ours_comes_before_dashdotdbs(db, database_url, monkeypatch):
    monkeypatch.setenv("VEDETTE_DATABASE_URL", database_url)
    monkeypatch.setenv("DASHDOTDB_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
    assert db("check")[0] == 0


def test_the_flag_comes_before_both(db, database_url, monkeypatch):
    monkeypatch.setenv("VEDETTE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
    assert db("check", "--database-url", database_url)[0] == 0


def test_the_embedded_database_is_made_upgraded_and_asked(db, tmp_path):
    data_dir = tmp_path / "data"
    testing.write_unsafe_settings(data_dir)
    code, said, told = db("upgrade", "--data-dir", data_dir)
    assert (code, said) == (0, f"at revision {HEAD}\n")
    assert "db/roles.sql" in told
    assert db("upgrade", "--data-dir", data_dir)[1].endswith(", nothing to do\n")
    who = ("sql", "SELECT current_user", "--no-header", "--data-dir", data_dir)
    assert db(*who)[1] == "vedette_owner\n"
    assert db(*who, "--role", GRAFANA)[1] == "vedette_grafana\n"
    code, dsn, told = db("grafana", "--data-dir", data_dir)
    assert dsn.startswith("postgresql://vedette_grafana:")
    assert "--db-listen" in told
    rotated = db("grafana", "--rotate", "--data-dir", data_dir)[1]
    assert rotated != dsn
    assert db("grafana", "--data-dir", data_dir)[1] == rotated
    assert db(*who, "--role", GRAFANA)[0] == 0, "the new password is the one that is kept"


def test_the_last_result_is_printed(on):
    assert on("sql", "CREATE TABLE public.a (n int); INSERT INTO public.a VALUES (1), (2)")[:2] == (
        0,
        "INSERT 0 2\n",
    )
    assert on("sql", "SELECT 1; SELECT n, n * 2 AS twice FROM public.a ORDER BY n")[1] == (
        "n  twice\n1  2\n2  4\n"
    )


def test_several_statements_are_one_transaction(on):
    code, _, told = on("sql", "CREATE TABLE public.a (n int); SELECT 1 / 0")
    assert (code, told) == (2, "vedette: division by zero\n")
    assert on("sql", "SELECT count(*) FROM public.a")[0] == 2


ODD = """SELECT -5 AS n, 1.5::numeric AS d, '=1+1' AS formula, NULL AS nothing, '' AS blank,
         true AS yes, '{1,2}'::int[] AS list, '{"a": 1}'::jsonb AS object,
         '2026-11-22 02:00:00+00'::timestamptz AS at, E'a\\tb\\\\c' AS tab"""


def test_json_keeps_types(on):
    (row,) = json.loads(on("sql", "-o", "json", ODD)[1])
    assert row == {
        "n": -5,
        "d": 1.5,
        "formula": "=1+1",
        "nothing": None,
        "blank": "",
        "yes": True,
        "list": [1, 2],
        "object": {"a": 1},
        "at": "2026-11-22 02:00:00+00",
        "tab": "a\tb\\c",
    }


def test_csv_holds_no_formula_and_numbers_stay_numbers(on):
    head, row = csv.reader(io.StringIO(on("sql", "-o", "csv", ODD)[1]))
    cells = dict(zip(head, row, strict=True))
    assert cells["formula"] == "'=1+1"
    assert cells["n"] == "-5"
    assert cells["list"] == "{1,2}"


def test_tsv_is_one_line_a_row_whatever_is_in_it(on):
    lines = on("sql", "-o", "tsv", "--no-header", ODD)[1].splitlines()
    assert len(lines) == 1
    cells = lines[0].split("\t")
    assert cells[3:5] == [r"\N", ""]
    assert cells[-1] == r"a\tb\\c"


def test_a_terminal_is_shown_no_control_characters(on):
    assert "\x1b" not in on("sql", "SELECT E'\\x1b[31mred' AS x")[1]


@pytest.mark.parametrize(
    ("statement", "code", "word"),
    [
        ("SELEC 1", 2, "syntax error"),
        ("SELECT * FROM nothing", 2, "does not exist"),
        ("SET ROLE postgres", 5, "permission denied"),
        ("SET statement_timeout = 1; SELECT pg_sleep(5)", 8, "statement timeout"),
    ],
)
def test_each_failure_is_one_line_with_its_exit_code(on, statement, code, word):
    got, said, told = on("sql", statement)
    assert (got, said) == (code, "")
    assert word in told
    assert told.count("\n") == 1


def test_sql_logs_in_as_the_role_so_that_its_settings_apply(on):
    words = ("sql", "--role", GRAFANA, "--no-header")
    assert on(*words, "SHOW statement_timeout")[1] == "30s\n"
    assert on(*words, "SELECT session_user")[1] == "vedette_grafana\n"
    assert on(*words, "SELECT * FROM fleet.agent")[0] == 5


@pytest.mark.parametrize("command", [("sql", "SELECT 1"), ("psql", "-c", "SELECT 1")])
def test_a_role_that_cannot_log_in_is_named_with_those_that_can(on, command):
    for role in ("nobody", READER):
        code, said, told = on(*command, "--role", role)
        assert (code, said) == (6, "")
        assert f"no role {role!r} can log in" in told
        assert f"there are: {', '.join(LOGINS)}" in told


def test_an_unreachable_database_is_one_line(db):
    code, said, told = db("check", "--database-url", "postgres://a:secret@127.0.0.1:1/d")
    assert (code, said) == (8, "")
    assert told.startswith("vedette: PostgreSQL at d@127.0.0.1:1 does not answer")
    assert "secret" not in told


def test_check_names_what_is_missing(on):
    on("sql", "UPDATE vedette.repeatable SET digest = ''")
    code, said, _ = on("check")
    assert code == 7
    assert "  db/roles.sql\n" in said


def test_a_newer_schema_is_one_line(on):
    on("sql", "UPDATE vedette.alembic_version SET version_num = '9999'")
    code, _, told = on("upgrade")
    assert code == 7
    assert re.fullmatch(r"vedette: the schema of .* is at revision 9999, newer than .*\n", told)


def test_reset_wants_to_be_meant_and_says_what_it_makes(on):
    on("sql", "INSERT INTO fleet.region (name, slug) VALUES ('a', 'a')")
    assert on("reset")[0] == 2
    assert on("sql", "--no-header", "SELECT count(*) FROM fleet.region")[1] == "1\n"
    code, said, _ = on("reset", "--yes")
    assert code == 0
    assert said == "(re)Creating tables\n(re)Creating stored procedures\n"
    assert on("sql", "--no-header", "SELECT count(*) FROM fleet.region")[1] == "0\n"


def test_stamp_takes_head_and_known_revisions(on):
    assert on("stamp", "head")[0] == 0
    assert on("stamp", HEAD)[0] == 0
    assert on("stamp", "7777")[0] == 6


def test_a_backup_brings_everything_back(on, tmp_path):
    file = tmp_path / "vedette.dump"
    on("sql", "INSERT INTO fleet.region (name, slug) VALUES ('EU-DE', 'eu-de')")
    assert on("backup", file)[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    on("sql", "DELETE FROM fleet.region; CREATE TABLE fleet.newer (n int)")
    assert on("restore", file)[0] == 0
    assert on("sql", "--no-header", "SELECT name FROM fleet.region")[1] == "EU-DE\n"
    assert on("sql", "SELECT 1 FROM fleet.newer")[0] == 2, "what came later is gone"
    assert on("check")[0] == 0
    assert on("sql", "--role", GRAFANA, "SELECT * FROM agents()")[0] == 0, "the rights are back"
    assert on("sql", "--role", APP, "DELETE FROM access.audit")[0] == 5


def test_a_backup_may_go_to_an_older_server(on, tmp_path):
    """PostgreSQL 15 and 16 have no transaction_timeout; pg_restore sets it for every server."""
    file = tmp_path / "vedette.dump"
    on("backup", file)
    program = find_binaries().program("pg_restore")
    script = subprocess.run([program, "--file=-", file], capture_output=True, check=True).stdout
    assert b"transaction_timeout" in script
    assert b"transaction_timeout" not in for_any_server(script)
    assert len(script) - len(for_any_server(script)) == len("SET transaction_timeout = 0;\n")


def test_a_damaged_backup_changes_nothing(on, tmp_path):
    file = tmp_path / "vedette.dump"
    on("backup", file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - 2000])
    on("sql", "INSERT INTO fleet.region (name, slug) VALUES ('EU-DE', 'eu-de')")
    code, _, told = on("restore", file)
    assert code != 0
    assert told.count("\n") == 1
    assert on("sql", "--no-header", "SELECT name FROM fleet.region")[1] == "EU-DE\n"


def test_what_is_no_backup_is_refused(on, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    assert on("restore", tmp_path / "photo.jpg")[2].startswith("vedette: ")
    assert on("restore", tmp_path / "photo.jpg")[0] == 2
    assert on("restore", tmp_path / "nothing")[0] == 6


def test_a_backup_of_a_newer_version_is_refused(on, tmp_path):
    on("sql", "UPDATE vedette.alembic_version SET version_num = '9999'")
    on("backup", tmp_path / "newer")
    on("sql", f"UPDATE vedette.alembic_version SET version_num = '{HEAD}'")
    code, _, told = on("restore", tmp_path / "newer")
    assert code == 7
    assert "newer than this vedette" in told


def test_a_restore_does_not_wait_for_ever_for_a_server(on, fresh_database_url, tmp_path):
    on("backup", tmp_path / "b")
    with psycopg.connect(fresh_database_url) as server:
        server.execute("SELECT * FROM fleet.region")  # an open transaction holds the table
        code, _, told = on("restore", tmp_path / "b")
    assert code == 7
    assert "stop the servers" in told
    assert on("check")[0] == 0


def test_a_backup_that_cannot_be_written_is_said(on, tmp_path):
    code, _, told = on("backup", tmp_path / "no" / "folder")
    assert code == 8
    assert "cannot be written" in told


def test_psql_opens_with_its_own_arguments(fresh_database_url):
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "vedette.app.main",
            "db",
            "psql",
            "-At",
            "-c",
            "SELECT session_user",
        ],
        env={**os.environ, "VEDETTE_DATABASE_URL": fresh_database_url},
        capture_output=True,
        text=True,
    )
    assert answer.stdout == "vedette_owner\n"


def test_grafanas_password_on_a_server_of_yours_is_nobodys_guess(on):
    code, _, told = on("grafana")
    assert code == 6
    assert "--rotate" in told
    assert on("grafana", "--rotate")[0] == 5, "only an administrator may"


@pytest.fixture
async def bare(tmp_path):
    """The administrator's URL of a server on which nobody has heard of Vedette."""
    testing.write_unsafe_settings(tmp_path / "bare")
    async with embedded(tmp_path / "bare") as running:
        admin = running.dsn("postgres", "postgres")
        async with await connect(admin) as conn:
            await conn.execute("DROP DATABASE vedette")
            await conn.execute(f"DROP ROLE {', '.join((*LOGINS, READER))}")
        yield admin


def made_with_vedette(db, admin):
    code, said, _ = db("create", "--admin-url", admin)
    assert code == 0
    return said


def made_with_psql(db, admin):
    script = Path(__file__).parents[2] / "deploy" / "createdb.sh"
    path = f"{find_binaries().folder}:{os.environ['PATH']}"
    return subprocess.run(
        [script, admin],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": path},
    ).stdout


@pytest.mark.parametrize("make", [made_with_vedette, made_with_psql])
def test_a_server_of_yours_is_made_ready_and_again(db, bare, make):
    urls = dict(line.split(": ") for line in make(db, bare).splitlines())
    assert list(urls) == list(LOGINS)
    assert db("upgrade", "--database-url", urls[OWNER])[0] == 0
    again = dict(line.split(": ") for line in make(db, bare).splitlines())
    parts = [conninfo.conninfo_to_dict(url[OWNER]) for url in (urls, again)]
    assert "password" in parts[0]
    assert "password" not in parts[1], "a role that exists keeps its own"
    assert db("sql", "SELECT * FROM agents()", "--database-url", urls[GRAFANA])[0] == 0
    assert db("sql", "SELECT * FROM fleet.agent", "--database-url", urls[GRAFANA])[0] == 5
    assert db("sql", "SELECT pg_advisory_lock(1)", "--database-url", urls[GRAFANA])[0] == 5
    assert db("sql", "DELETE FROM access.audit", "--database-url", urls[APP])[0] == 5
    assert db("check", "--database-url", urls[APP])[0] == 0


def test_both_ways_to_make_it_end_alike(db, bare, tmp_path):
    def rights():
        found = db(
            "sql",
            "SELECT rolname, rolcanlogin, rolconfig,"
            " array(SELECT roleid::regrole::text FROM pg_auth_members AS m WHERE m.member = r.oid)"
            " FROM pg_roles AS r WHERE rolname LIKE 'vedette%' ORDER BY 1;"
            " SELECT datacl, (SELECT lanacl FROM pg_language WHERE lanname = 'plpgsql'),"
            " (SELECT nspacl FROM pg_namespace WHERE nspname = 'public')"
            " FROM pg_database WHERE datname = 'vedette'",
            "--database-url",
            bare.replace("/postgres?", "/vedette?"),
        )
        assert found[0] == 0
        return found[1]

    made_with_vedette(db, bare)
    ours = rights()
    for statement in ("DROP DATABASE vedette", f"DROP ROLE {', '.join((*LOGINS, READER))}"):
        assert db("sql", statement, "--database-url", bare)[0] == 0
    made_with_psql(db, bare)
    assert rights() == ours


def test_a_dry_run_prints_the_sql_and_connects_to_nothing(db):
    code, said, _ = db("create", "--admin-url", "postgres://a@127.0.0.1:1/b", "--dry-run")
    assert code == 0
    assert 'CREATE DATABASE "vedette" OWNER "vedette_owner"' in said
    assert "127.0.0.1" not in said
