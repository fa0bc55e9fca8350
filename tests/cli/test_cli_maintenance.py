"""`vedette maintenance` as operators and backup jobs run it: a process of its own, against a real server."""

import asyncio
import json
import os
import signal
import sys

import pytest
from tests.factories import make_component
from tests.rest_world import rest_over
from tests.web.chromium import served

PATIENCE_S = 60


class Shell:
    """Runs commands against one server, with a token that may."""

    def __init__(self, url: str, token: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("VEDETTE_")}
        self.env = clean | {"VEDETTE_URL": url, "VEDETTE_TOKEN": token}

    async def begin(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vedette.app.main", "maintenance", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=self.env,
        )  # fmt: skip

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        return await ended(await self.begin(*arguments))

    async def shown(self, number: int) -> dict:
        _, out, _ = await self.run("list", "--all", "-o", "json")
        return next(one for one in json.loads(out) if one["id"] == number)


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def shell(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        async with rest.pool.connection() as conn:
            await make_component(conn)
        answer = await rest.get("/api/v1/maintenances")
        token = answer.request.headers["authorization"].removeprefix("Bearer ")
        async with served(rest.http._transport.app) as url:
            yield Shell(url, token)


ORDERS = ("--service", "Orders")


async def test_planned_moved_and_called_off(shell):
    code, out, err = await shell.run(
        "plan", "New disks", "--start", "2027-02-01 02:00", "--zone", "Europe/Berlin",
        "--for", "2h", *ORDERS, "-o", "json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    (made,) = json.loads(out)
    assert made["starts_at"] == "2027-02-01T01:00:00Z"
    number = str(made["id"])
    code, out, _ = await shell.run("modify", number, "--for", "3h", "--version", "9")
    assert code == 7
    code, out, _ = await shell.run("modify", number, "--for", "3h", "-o", "json")
    assert json.loads(out)[0]["ends_at"] == "2027-02-01T04:00:00Z"
    code, out, _ = await shell.run("list")
    assert "planned" in out
    assert "New disks" in out
    code, _, _ = await shell.run("cancel", number, "--text", "No disks came.")
    code, out, err = await shell.run("list")
    assert (out, err) == ("", "there are no maintenances\n")


async def test_a_backup_job_and_its_finish(shell):
    code, out, err = await shell.run("now", "--for", "30m", *ORDERS, "--title", "Backup")
    assert (code, err) == (0, "")
    number = int(out)
    assert (await shell.shown(number))["status"] == "in progress"
    code, out, err = await shell.run("now", "--for", "5m", *ORDERS)
    assert code == 0
    await shell.run("finish", str(number))
    assert (await shell.shown(number))["status"] == "completed"


async def test_a_command_is_run_within_and_its_exit_code_is_ours(shell):
    script = "print('backing up'); raise SystemExit(7)"
    code, out, err = await shell.run(
        "now", "--for", "30m", *ORDERS, "--until-exit", "--", sys.executable, "-c", script
    )
    number, said = out.splitlines()
    assert (code, said, err) == (7, "backing up", "")
    assert (await shell.shown(int(number)))["status"] == "completed"


async def test_a_command_that_takes_longer_moves_the_end(shell, tmp_path):
    gate = tmp_path / "gate"
    script = (
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.1)"
    )
    process = await shell.begin(
        "now", "--for", "5s", *ORDERS, "--until-exit", "--", sys.executable, "-c", script
    )
    number = int(await process.stdout.readline())
    first = (await shell.shown(number))["ends_at"]
    async with asyncio.timeout(PATIENCE_S):
        while (await shell.shown(number))["ends_at"] == first:
            pass
    gate.touch()
    code, _, _ = await ended(process)
    assert code == 0
    assert (await shell.shown(number))["status"] == "completed"


async def test_whoever_is_told_to_stop_ends_the_command_and_finishes(shell):
    script = "import time; print('ready', flush=True); time.sleep(600)"
    process = await shell.begin(
        "now", "--for", "30m", *ORDERS, "--until-exit", "--", sys.executable, "-c", script
    )
    number = int(await process.stdout.readline())
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    code, _, _ = await ended(process)
    assert code == 128 + signal.SIGTERM
    assert (await shell.shown(number))["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("now", "--for", "1h", *ORDERS, "--until-exit"), 2, "go together"),
        (("now", "--for", "1h", *ORDERS, "--", "true"), 2, "go together"),
        (("now", "--for", "1h", *ORDERS, "--until-exit", "--", "no-such-cmd"), 6, "no-such-cmd"),
        (("now", "--for", "soon", *ORDERS), 2, "duration"),
        (("now", "--for", "1h"), 2, "whom does it affect"),
        (("now", "--for", "1h", "--service", "Nobody"), 2, "Nobody"),
        (("plan", "x", "--start", "2027-02-01 02:00", "--for", "1h", *ORDERS), 2, "zone"),
        (("finish", "4711"), 6, "4711"),
    ],
)
async def test_what_cannot_be_is_one_line_and_begins_nothing(shell, arguments, code, why):
    given, out, err = await shell.run(*arguments)
    assert (given, out) == (code, "")
    assert why in err
    assert err.count("\n") == 1
    assert json.loads((await shell.run("list", "--all", "-o", "json"))[1]) == []


async def test_a_series_from_the_command_line(shell):
    code, out, _ = await shell.run(
        "series", "plan", "Patches", "--schedule", "0 2 * * WED", "--zone", "Europe/Berlin",
        "--for", "2h", *ORDERS, "-o", "json",
    )  # fmt: skip
    (made,) = json.loads(out)
    assert (code, len(made["next"])) == (0, 3)
    number = str(made["id"])
    code, out, _ = await shell.run("series", "modify", number, "--for", "1h", "-o", "json")
    assert json.loads(out)[0]["lasts"] == "1h"
    code, out, _ = await shell.run("series", "list")
    assert "Patches" in out
    await shell.run("series", "end", number)
    assert (await shell.run("list"))[1] == ""
