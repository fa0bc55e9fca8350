"""`vedette incidents` from end to end: the command line, HTTP, the database."""

import asyncio
import io
import json
from datetime import datetime, timedelta

import pytest
from tests.factories import at, make_component
from tests.rest_world import rest_over
from tests.web.chromium import served

from vedette import clock
from vedette.access.tokens import create_token
from vedette.app.tree import run
from vedette.cli.spans import later, when
from vedette.errors import Invalid


@pytest.fixture
async def vedette(fresh_app_url, monkeypatch, capsys):
    """Run a command line against a server; returns its exit code, stdout and stderr."""
    async with rest_over(fresh_app_url) as rest, served(rest.app) as address:
        async with rest.pool.connection() as conn:
            await make_component(conn, "Orders")
            await make_component(conn, "Stock")
            secret = await create_token(conn, "cli", ["admin"], pepper=rest.secrets.pepper,
                                        by="test", now=clock.now())  # fmt: skip
        monkeypatch.setenv("VEDETTE_URL", address)
        monkeypatch.setenv("VEDETTE_TOKEN", secret)

        async def ran(*words, stdin=""):
            monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
            code = await asyncio.to_thread(run, ["incidents", *words])
            said = capsys.readouterr()
            return code, said.out, said.err

        yield ran


async def well(vedette, *words, **more):
    code, out, err = await vedette(*words, **more)
    assert code == 0, err
    return out


async def test_an_incident_from_the_first_word_to_the_last(vedette):
    number = (
        await well(vedette, "open", "Orders are slow", "--component", "orders@eu-de", "--since", "20m",
                   "--impact", "major", "--text", "-", "-o", "name", stdin="We *look*.\n")
    ).strip()  # fmt: skip
    await well(vedette, "update", number, "--status", "identified", "--text", "- A disk.")
    await well(vedette, "note", number, "Ada has the spare one.")
    await well(vedette, "close", number, "--at", "5m", "--text", "Replaced.")
    await well(vedette, "correct", number, "--end", "6m")
    await well(vedette, "postmortem", number, "-", "--publish", stdin="The disk was old.")
    shown = await well(vedette, "show", number)
    for words in ("Orders are slow", "resolved", "major", "orders-eu-de", "We *look*.", "A disk.",
                  "note  token:cli (internal)", "Replaced.", "post-mortem", "The disk was old."):  # fmt: skip
        assert words in shown
    changes = json.loads(await well(vedette, "history", number, "-o", "json"))
    assert [each["change"] for each in changes] == [
        "postmortem", "correct", "close", "note", "update", "open",
    ]  # fmt: skip
    await well(vedette, "reopen", number)
    assert number in await well(vedette, "list", "--open", "-o", "name")
    assert await well(vedette, "list", "--closed", "-o", "name") == ""


async def test_separate_merge_and_publish(vedette):
    whole = await well(vedette, "open", "All", "--region", "EU-DE", "--draft", "-o", "name")
    apart = json.loads(
        await well(vedette, "separate", whole.strip(), "--service", "stock", "-o", "json")
    )
    assert apart[0]["title"] == "All (Stock)"
    await well(vedette, "merge", str(apart[0]["id"]), whole.strip())
    (held,) = json.loads(await well(vedette, "publish", whole.strip(), "-o", "json"))
    assert len(held["components"]) == 2
    table = await well(vedette, "list", "--text", "all")
    assert table.splitlines()[0].split() == ["ID", "STATUS", "IMPACT", "STARTS", "AT", "ENDS", "AT", "TITLE", "AFFECTS"]  # fmt: skip
    assert "minor" in table


async def test_a_draft_goes_out_by_itself_when_it_was_told_to(vedette):
    words = ("open", "x", "--service", "orders", "--draft", "-o", "json")
    (ahead,) = json.loads(await well(vedette, *words, "--publish-at", "2h"))
    assert at_of(ahead) - clock.now() > timedelta(minutes=119)
    (named,) = json.loads(await well(vedette, *words, "--publish-at", "2100-01-01T03:00:00+01:00"))
    assert (named["publish_at"], named["published_at"]) == ("2100-01-01T02:00:00Z", None)
    code, _, err = await vedette(*words, "--publish-at", "soon")
    assert (code, "is no time" in err) == (2, True)


def at_of(event) -> datetime:
    return datetime.fromisoformat(event["publish_at"])


async def test_templates_and_edited_words(vedette):
    await well(vedette, "templates", "keep", "slow", "--title", "It is slow", "--text", "We lok.", "--impact", "2")  # fmt: skip
    assert "It is slow" in await well(vedette, "templates", "list")
    (event,) = json.loads(
        await well(vedette, "open", "--template", "slow", "--service", "Orders", "-o", "json")
    )
    assert (event["title"], event["impact"]) == ("It is slow", 2)
    said = str(event["updates"][0]["id"])
    await well(vedette, "update", str(event["id"]), "--edit", said, "--text", "We look.")
    assert "(edited)" in await well(vedette, "show", str(event["id"]))
    await well(vedette, "templates", "drop", "slow")
    assert await well(vedette, "templates", "list", "-o", "name") == ""


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["show", "4711"], 6, "there is no incident 4711"),
        (["open", "x", "--component", "nobody"], 2, "there is no component 'nobody'"),
        (["open", "x", "--service", "orders", "--impact", "bad"], 2, "no impact"),
        (["open", "x", "--service", "orders", "--since", "10:30"], 2, "is no time"),
        (["list", "--status", "odd"], 2, "no status"),
        (["templates", "drop", "odd"], 6, "no template"),
    ],
)
async def test_what_does_not_work_is_a_line_and_an_exit_code(vedette, words, code, why):
    got, out, err = await vedette(*words)
    assert (got, out) == (code, "")
    assert why in err
    assert err.count("\n") == 1


async def test_somebody_elses_change_is_a_conflict(vedette):
    number = (await well(vedette, "open", "x", "--service", "orders", "-o", "name")).strip()
    await well(vedette, "update", number, "--status", "fixing", "--version", "1")
    code, _, err = await vedette("close", number, "--version", "1")
    assert code == 7
    assert "changed meanwhile" in err


async def test_a_key_opens_once(vedette):
    words = ("open", "x", "--service", "orders", "--key", "nightly", "-o", "name")
    assert await well(vedette, *words) == await well(vedette, *words)


def test_a_time_has_a_zone_or_is_so_long_ago(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: at("12:00"))
    assert when("20m") == "2026-11-21T11:40:00+00:00"
    assert when("2026-11-22T03:00:00Z") == "2026-11-22T03:00:00+00:00"
    assert later("2h") == "2026-11-21T14:00:00Z"
    assert later("2026-11-22T03:00:00Z") == "2026-11-22T03:00:00+00:00"
    assert when(None) is later(None) is None
    for wrong in ("yesterday", "2026-11-22T03:00:00", "", "9" * 400):
        for read in (when, later):
            with pytest.raises(Invalid):
                read(wrong)
