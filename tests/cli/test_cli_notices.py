"""`vedette notices` from end to end: the command line, HTTP, the database."""

import asyncio
import json

from tests.cli.test_cli_incidents import vedette, well  # noqa: F401 - a fixture
from tests.incidents.notices_world import Box, mail_server
from tests.incidents.test_notices_sent import mail

from vedette import clock
from vedette.app.tree import run
from vedette.db.pool import connect


async def test_what_was_told_is_listed_shown_and_accounted_for(
    vedette,  # noqa: F811 - the fixture
    fresh_app_url,
    capsys,
):
    async def notices(*words):
        code = await asyncio.to_thread(run, ["notices", *words])
        return code, capsys.readouterr().out

    box = Box()
    async with mail_server(box) as port, await connect(fresh_app_url) as conn:
        await mail(port).run_once(conn, now=clock.now())
        await well(vedette, "open", "Orders are slow", "--component", "orders@eu-de", "--impact", "major")  # fmt: skip
        code, listed = await notices("list", "-o", "json")
        (one,) = json.loads(listed)
        assert (code, one["waiting"]) == (0, 1)
        assert await mail(port).run_once(conn, now=clock.now()) == 1
    number = str(one["id"])
    for shape, words in (
        ("text", "Orders are slow\n"),
        ("html", "<!doctype html>"),
        ("mail", "From: Status"),
    ):
        code, shown = await notices("show", number, "-o", shape)
        assert (code, shown[: len(words)]) == (0, words)
    code, told = await notices("recipients", "-o", "json")
    assert [(each["address"], each["sent"]) for each in json.loads(told)] == [
        ("ada@example.org", 1)
    ]
    assert (await notices("show", "4711"))[0] == 6
    assert len(box.taken) == 1
