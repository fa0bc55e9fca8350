"""`vedette accounts`: made, listed, disabled and reset, on the database itself."""

import asyncio
import json

import pytest

from vedette import clock
from vedette.access.local_accounts import check_password
from vedette.app.tree import run
from vedette.db.pool import connect
from vedette.errors import Denied

PASSWORD = "a horse that counts to nine"


@pytest.fixture
async def accounts(fresh_database_url, tmp_path):
    """Run `vedette accounts` there; the file `password` holds a good one."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "short").write_text("short")

    async def command(*words):
        given = [
            str(tmp_path / word.removeprefix("@")) if word[0] == "@" else word for word in words
        ]
        told = ["accounts", *given, "--database-url", fresh_database_url]
        return await asyncio.to_thread(run, told)

    return command


async def opens(url, password=PASSWORD):
    conn = await connect(url)
    async with conn:
        try:
            await check_password(conn, "ada", password, now=clock.now(), address="10.0.0.1")
        except Denied:
            return False
        return True


async def test_an_account_is_made_listed_disabled_and_reset(accounts, fresh_app_url, capsys):
    made = (
        "create",
        "ada",
        "--role",
        "operator",
        "--role",
        "viewer",
        "--password-file",
        "@password",
    )
    assert await accounts(*made) == 0
    assert await opens(fresh_app_url)
    assert await accounts(*made) == 7
    capsys.readouterr()
    assert await accounts("list", "--output", "json") == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["name"], row["roles"], row["disabled_at"]) == ("ada", ["operator", "viewer"], None)
    assert await accounts("disable", "ada") == 0
    assert not await opens(fresh_app_url)
    assert await accounts("reset", "ada", "--password-file", "@password") == 0
    assert await opens(fresh_app_url)
    assert await accounts("disable", "bob") == 6


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("create", "ada", "--role", "king", "--password-file", "@password"), 2),
        (("create", "ada", "--role", "admin", "--password-file", "@short"), 2),
        (("create", "ada", "--role", "admin", "--password-file", "@absent"), 6),
        (("create", "a/b", "--role", "admin", "--password-file", "@password"), 2),
        (("create", "ada", "--role", "admin"), 2),
        (("reset", "ada", "--password-file", "@password"), 6),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_line(accounts, words, code, capsys):
    assert await accounts(*words) == code
    assert len(capsys.readouterr().err.splitlines()) == 1
