"""`vedette availability` as operators run it: a process of its own, against a real server."""

import asyncio
import csv
import json
import os
import sys

import pytest
from tests.incidents.availability_world import component, tell, when
from tests.rest_world import rest_over
from tests.web.chromium import served

from vedette.db.pool import connect

PATIENCE_S = 60
OCTOBER = ("--from", "2026-10", "--months", "1")


@pytest.fixture
async def run(fresh_app_url, fresh_database_url):
    async with await connect(fresh_database_url) as conn:
        orders = await component(conn)
        await tell(conn, orders, 3, when("2026-10-05T00:00"), when("2026-10-05T01:00"))
    async with rest_over(fresh_app_url) as rest, served(rest.http._transport.app) as url:
        answer = await rest.get("/api/v1/availability")
        token = answer.request.headers["authorization"].removeprefix("Bearer ")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("VEDETTE_")}

        async def run(*arguments):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vedette.app.main", "availability", *arguments,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=clean | {"VEDETTE_URL": url, "VEDETTE_TOKEN": token},
            )  # fmt: skip
            async with asyncio.timeout(PATIENCE_S):
                out, err = await process.communicate()
            return process.returncode, out.decode(), err.decode()

        yield run


async def test_a_row_a_component_a_column_a_month_and_how_it_is_counted(run):
    code, out, err = await run(*OCTOBER, "-o", "csv")
    assert code == 0
    [row] = csv.DictReader(out.splitlines())
    assert (row["service"], row["2026-10"]) == ("Orders", "99.865591")
    assert "Lost is 100 % of an outage" in err


async def test_of_one_component_a_row_a_month_with_both_numbers(run):
    code, out, _ = await run("orders-eu-de", *OCTOBER, "--compatible", "-o", "json")
    assert code == 0
    [month] = json.loads(out)
    assert (month["percent"], month["lost_s"], month["compatible"]) == ("99.865591", 3600, "100")


async def test_groups_are_asked_for_by_name(run):
    _, out, _ = await run(*OCTOBER, "--by", "region")
    assert out.splitlines()[0].split() == ["REGION", "2026-10"]
    assert out.splitlines()[1].split() == ["EU-DE", "99.865591"]


async def test_what_is_not_there_is_said_in_one_line(run):
    code, out, err = await run("nothing", *OCTOBER)
    assert (code, out) == (6, "")
    assert "there is no component 'nothing' to count" in err
    code, _, err = await run("--months", "99")
    assert code == 2
    assert "1 to 36" in err
