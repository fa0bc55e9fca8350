"""`vedette act schedule`: signed once by two people, run by itself, stopped."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from desk_world import PASSWD, desk_before, now

from signing_world import needs_ssh, ssh_key
from vedette.actions import mandates
from vedette.actions.document_read import read_action

pytestmark = needs_ssh
HOURLY = ("--every", "1h", "--runs", "3", "--each", "10m")


@pytest.fixture
async def desk(fresh_app_url, tmp_path, monkeypatch, capsys):
    async with desk_before(fresh_app_url, tmp_path, monkeypatch, capsys) as desk:
        await desk.agents(1)
        await desk.well("act", "write", *PASSWD, "--target", "true", "--out", "m.json")
        yield desk


def key(name):
    return ("--key", str(ssh_key(name)))


async def turn(desk, *, after=0):
    """The server looks at its mandates, so many minutes from now."""
    async with desk.rest.pool.connection() as conn:
        return await mandates.run_once(conn, now=now() + timedelta(minutes=after))


async def test_two_people_sign_what_then_runs_by_itself(desk):
    code, number, said = await desk.says("act", "schedule", "m.json", *HOURLY, *key("ada"))
    assert (code, number) == (0, "1\n"), said
    assert "runs every 1h, 3 times at most, each counts for 10m, with nobody asked again" in said
    assert "its runs would wait: file: 1 of 2 in all" in said
    await desk.well("act", "sign", "m.json", *key("bob"))
    code, number, said = await desk.says("act", "schedule", "m.json")
    assert (code, number, "wait" in said) == (0, "1\n", False), said
    assert await turn(desk) == 1
    shown = await desk.well("act", "show", "1")
    assert "of which this is run 1" in shown
    assert "signed by bob" in shown
    await desk.answer(1, "success")
    assert await desk.well("act", "follow", "1") == "linux-1  success  found\n"
    assert "yes" in await desk.well("act", "results", "1", "--verify")
    (held,) = json.loads(await desk.well("act", "schedules", "-o", "json"))
    assert (held["state"], held["runs"], held["most_runs"]) == ("running", 1, 3)


async def test_what_is_unscheduled_runs_no_more(desk):
    await desk.well("act", "schedule", "m.json", *HOURLY, *key("ada"))
    said = (await desk.says("act", "unschedule", "1"))[2]
    assert "mandate 1 is stopped" in said
    assert await turn(desk, after=61) == 0
    assert (await desk.says("act", "unschedule", "1"))[0] == 7
    assert (await desk.says("act", "unschedule", "2"))[0] == 6


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "how often does it run?"),
        (("--every", "1h", *key("ada")), "mandate.runs"),
        (("--every", "1h", "--cron", "0 3 * * *", "--runs", "2", *key("ada")), "either every_s or cron"),
        (("--cron", "0 3 * *", "--runs", "2", *key("ada")), "five fields"),
        (("--every", "9d", "--runs", "99", *key("ada")), "of 99 runs, 41 begin within 366 days"),
        (("--every", "1h", "--runs", "2"), "nobody signed the mandate"),
    ],
)  # fmt: skip
async def test_what_cannot_be_scheduled_is_said(desk, words, complaint):
    code, _, said = await desk.says("act", "schedule", "m.json", *words)
    assert (code, complaint in said) == (2, True), said


async def test_what_is_signed_keeps_its_schedule(desk):
    await desk.well("act", "schedule", "m.json", *HOURLY, *key("ada"))
    code, _, said = await desk.says("act", "schedule", "m.json", "--every", "2h", "--runs", "9")
    assert (code, "stands fast" in said) == (2, True)
    code, _, said = await desk.says("act", "send", "m.json")
    assert (code, "runs by itself" in said) == (2, True)


async def test_a_mandate_ends_with_its_last_run(desk):
    times = (
        "--cron",
        "0 3 * * *",
        "--runs",
        "2",
        "--each",
        "1h",
        "--start",
        "2030-01-01T00:00:00Z",
    )
    await desk.well("act", "schedule", "m.json", *times, *key("ada"))
    action = read_action(Path("m.json").read_bytes())  # noqa: ASYNC240 - a file of the test
    assert f"{action.valid_from:%F %T} {action.expire_after:%F %T}" == (
        "2030-01-01 00:00:00 2030-01-02 04:00:00"
    )
