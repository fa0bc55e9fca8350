"""`vedette act` against a server: sent, signed by a second person, followed, read, verified, steered."""

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest
from desk_world import PASSWD, desk_before, trusting

from factories import make_assignment, make_component, make_target
from signing_world import needs_ssh, ssh_key
from vedette.actions.document import signed_text
from vedette.actions.document_read import read_action
from vedette.trust.bundle import Withdrawn
from vedette.trust.validity import action_digest

pytestmark = needs_ssh


@pytest.fixture
async def desk(fresh_app_url, tmp_path, monkeypatch, capsys):
    async with desk_before(fresh_app_url, tmp_path, monkeypatch, capsys) as desk:
        yield desk


async def component_and_key(conn, component_id):
    found = await conn.execute(
        "SELECT k.slug, 'sha256:' || encode(a.key_fingerprint, 'hex')"
        " FROM fleet.component AS k, fleet.agent AS a WHERE k.id = %s AND a.name = 'linux-1'",
        [component_id],
    )
    return await found.fetchone()


def read(path):
    return Path(path).read_bytes()


def named_targets(text):
    place = Path("config/vedette/targets.yaml")
    place.parent.mkdir(parents=True)
    place.write_text(text)


async def test_two_people_send_sign_follow_and_read(desk):
    await desk.agents(2)
    await desk.signed("ada")
    code, number, said = await desk.says("act", "send", "a.json")
    assert (code, number) == (0, "1\n"), said
    assert "means 2 agents and waits: file: 1 of 2 in all" in said
    assert "proposed" in await desk.well("act", "list")
    shown = await desk.well("act", "show", "1")
    for words in ("reads file names below /etc", "signed by ada", "weighs 1 of 2 for file in all"):
        assert words in shown
    code, _, said = await desk.says("act", "sign", "1", "--key", str(ssh_key("bob")))
    assert code == 0, said
    assert "reads file names below /etc" in said
    assert "this means 2 agents: linux-1, linux-2" in said
    assert "action 1 is with 2 agents" in said
    await desk.answer(1, "success", "success", elements={"s1": [{"file": "/etc/passwd"}]})
    code, out, said = await desk.says("act", "follow", "1")
    assert code == 0, said
    assert out.splitlines() == [
        "linux-1  success  s1: /etc/passwd",
        "linux-2  success  s1: /etc/passwd",
    ]
    assert "2 success of 2" in said
    rows = list(csv.DictReader(io.StringIO(await desk.well("act", "results", "1", "-o", "csv"))))
    assert [row["agent"] for row in rows] == ["linux-1", "linux-2"]
    assert await desk.well("act", "results", "1", "--no-found", "-o", "jsonl") == ""


async def test_answers_are_shown_while_others_are_awaited(desk):
    await desk.agents(2)
    await desk.signed("ada", "bob")
    await desk.well("act", "send", "a.json")
    following = asyncio.create_task(desk.says("act", "follow", "1", "-o", "jsonl"))
    await desk.answer(1, "success")
    await desk.answer(1, "refused", reason="replayed", message="it ran before")
    code, out, said = await following
    assert code == 5
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["success", "refused"]
    assert "1 success, 1 refused of 2" in said


@pytest.mark.parametrize(
    ("statuses", "code"),
    [(("failed", "refused"), 3), (("timeout", "success"), 3), (("success",), 4)],
)
async def test_the_exit_code_says_how_it_went(desk, statuses, code):
    await desk.agents(2)
    await desk.signed("ada", "bob")
    await desk.well("act", "send", "a.json")
    await desk.answer(1, *statuses)
    assert (await desk.says("act", "follow", "1", "--within", "1s"))[0] == code


async def test_a_person_whose_weight_is_enough_runs_in_one_line(desk):
    await desk.agents(1)
    await trusting(desk.rest, 2, minimum=1)
    code, out, said = await desk.says(
        "act", "run", *PASSWD, "--target", "os='linux'", "--key", str(ssh_key("ada")), "--no-follow"
    )
    assert code == 0, said
    assert "this means 1 agent: linux-1" in said
    assert out == "1\n"
    assert "waits" not in said
    await desk.answer(1, "success")
    assert "success" in await desk.well("act", "follow", "1")


async def test_nobody_is_asked_where_nobody_is_meant(desk):
    code, _, said = await desk.says("act", "run", *PASSWD, "--key", str(ssh_key("ada")))
    assert code == 6
    assert "the target means no agent now" in said
    assert await desk.well("act", "list", "-o", "name") == ""


async def test_each_answer_is_held_against_its_agents_key_and_the_order(desk):
    await desk.agents(2)
    await desk.signed("ada", "bob")
    await desk.well("act", "send", "a.json")
    await desk.answer(1, "success", "success")
    rows = json.loads(await desk.well("act", "results", "1", "--verify", "-o", "json"))
    assert [row["verified"] for row in rows] == ["yes", "yes"]
    forged = "UPDATE actions.result SET answer = replace(answer::text, 'true', 'false')::json WHERE command_id = 1"
    await desk.answer(1, forge=forged)
    code, out, _ = await desk.says("act", "results", "1", "--verify")
    assert code == 5
    assert "NO: the answer does not bear its agent's signature" in out
    assert out.splitlines()[2].endswith("yes")


async def test_an_answer_to_another_order_is_told(desk):
    await desk.agents(1)
    await desk.signed("ada", "bob")
    await desk.well("act", "send", "a.json")
    await desk.answer(1, "success", digest="f" * 64)
    code, out, _ = await desk.says("act", "results", "1", "--verify")
    assert code == 5
    assert "NO: the agent signed the answer to another action" in out


async def test_it_is_denied_cancelled_paused_resumed(desk):
    await desk.agents(1)
    await desk.signed("ada")
    await desk.well("act", "send", "a.json")
    code, _, said = await desk.says("act", "deny", "1", "--reason", "too wide")
    assert (code, "action 1 is invalid" in said) == (0, True)
    assert "denied by token:" in await desk.well("act", "show", "1")
    assert (await desk.says("act", "follow", "1"))[0] == 7
    await desk.signed("ada", "bob")
    await desk.well("act", "send", "a.json", "--canary", "1", "--rate", "5")
    for verb in ("pause", "resume", "canary", "again", "cancel"):
        await desk.well("act", verb, "2")
    assert (await desk.says("act", "cancel", "2"))[0] == 7
    assert (await desk.says("act", "cancel", "9"))[0] in {6, 7}


async def test_the_same_file_is_the_same_action_and_brings_its_signatures(desk):
    await desk.agents(1)
    await desk.signed("ada")
    assert await desk.well("act", "send", "a.json") == "1\n"
    await desk.well("act", "sign", "a.json", "--key", str(ssh_key("bob")))
    out = await desk.well("act", "send", "a.json", "-o", "json")
    assert json.loads(out)["state"] == "inflight"


async def test_who_is_meant_is_seen_before_anyone_signs(desk):
    await desk.agents(2)
    assert await desk.well("agents", "match", "name='linux-2'", "-o", "name") == "linux-2\n"
    named_targets("one: name='linux-1'\n")
    assert await desk.well("agents", "match", "one", "-o", "name") == "linux-1\n"
    code, _, said = await desk.says("agents", "match", "nam='x'")
    assert (code, "nam" in said) == (2, True)
    code, out, said = await desk.says("agents", "match", "name='nobody'", "-o", "json")
    assert (code, json.loads(out)) == (0, [])
    assert "there are no agents" in said


async def test_what_is_beneath_a_component_is_signed_as_a_list_of_keys(desk):
    await desk.agents(2)
    async with desk.rest.pool.connection() as conn:
        component_id = await make_component(conn, "Orders")
        target_id = await make_target(conn, "orders-db", component_id=component_id)
        await make_assignment(conn, target_id, next(iter(desk.keys)))
        slug, key = await component_and_key(conn, component_id)
    beneath = ("--component", slug)
    assert f"linux-1  orders-db, of {slug}" in await desk.well("agents", "match", *beneath)
    listed = f"key IN ('{key}')"
    assert await desk.well("agents", "match", *beneath, "-o", "target") == f"{listed}\n"
    await desk.well("act", "write", *PASSWD, *beneath, "--out", "b.json")
    assert json.loads(read("b.json"))["target"] == listed
    line = ("act", "run", *PASSWD, *beneath, "--key", str(ssh_key("ada")), "--no-follow")
    code, _, said = await desk.says(*line)
    assert (code, "this means 1 agent: linux-1" in said) == (0, True), said
    assert json.loads(await desk.well("act", "show", "1", "-o", "json"))["target"] == listed
    code, _, said = await desk.says("agents", "match", "--component", "orders", "true")
    assert (code, "either a target or --component" in said) == (2, True)
    code, _, said = await desk.says("agents", "match", "--component", "nothing")
    assert (code, "there is no component" in said) == (6, True)


@pytest.mark.parametrize(
    "words",
    [
        *(["show"], ["cancel"], ["pause"], ["resume"], ["canary"], ["again"], ["follow"]),
        *(["results"], ["deny", "--reason", "x"], ["sign", "--key", "ada"]),
    ],
)
async def test_an_action_that_is_not_there_is_missing_whatever_is_asked_of_it(desk, words):
    code, _, said = await desk.says("act", words[0], "4711", *words[1:])
    assert (code, said.strip().startswith("vedette: there is no action 4711")) == (6, True), said
    code, _, said = await desk.says("act", words[0], "9" * 20, *words[1:])
    assert (code, said.count("\n")) == (2, 1), said


async def test_a_list_that_cannot_be_meant_is_refused_and_not_empty(desk):
    code, _, said = await desk.says("act", "list", "--state", "inflight,nonsense")
    assert (code, "state cannot be 'nonsense'" in said) == (2, True)
    code, _, said = await desk.says("act", "list", "--limit", "0")
    assert (code, "--limit is 1 at least" in said) == (2, True)
    code, _, said = await desk.says("act", "unschedule", "9" * 20)
    assert (code, said.count("\n")) == (2, 1)


async def test_what_cannot_be_done_with_it_now_says_how_it_stands(desk):
    await desk.agents(1)
    await desk.signed("ada", "bob")
    await desk.well("act", "send", "a.json")
    await desk.well("act", "pause", "1")
    code, _, said = await desk.says("act", "pause", "1")
    assert (code, "action 1 is paused" in said) == (7, True)
    await desk.well("act", "cancel", "1")
    code, _, said = await desk.says("act", "again", "1")
    assert (code, "action 1 is done; nobody can be asked again" in said) == (7, True)


async def test_without_a_server_it_is_said_what_to_do(desk, monkeypatch):
    await desk.signed("ada", "bob")
    monkeypatch.setenv("VEDETTE_URL", "http://127.0.0.1:9")
    code, _, said = await desk.says("act", "send", "a.json")
    assert code == 8
    assert "is the server running?" in said
    code, _, said = await desk.says("act", "follow", "1", "--url", "nonsense")
    assert code == 2


async def test_the_digest_that_agents_answer_to_is_that_of_the_signed_bytes(desk):
    await desk.signed("ada")
    action = read_action(read("a.json"))
    await desk.well("act", "send", "a.json")
    async with desk.rest.pool.connection() as conn:
        found = await conn.execute("SELECT encode(digest, 'hex') FROM actions.action")
        assert (await found.fetchone())[0] == action_digest(signed_text(action))


async def test_what_is_done_to_an_agent_is_said(desk, monkeypatch):
    await desk.agents(1)
    monkeypatch.setenv("VEDETTE_TOKEN", await desk.rest.token(("read", "agents:write")))
    for verb, words in (
        ("release", "linux-1 is in no quarantine"),
        ("revoke", "linux-1 is sent away"),
        ("retire", "linux-1 is sent away and no longer listed"),
    ):
        code, out, said = await desk.says("agents", verb, "linux-1")
        assert (code, out) == (0, ""), said
        assert said.startswith(f"vedette: {words}")
    assert (await desk.says("agents", "release", "nobody"))[0] == 6


async def test_who_sends_what_was_launched_before_is_told(desk):
    await desk.agents(1)
    await desk.signed("ada", "bob")
    assert "handed in before" not in (await desk.says("act", "send", "a.json"))[2]
    code, number, said = await desk.says("act", "send", "a.json")
    assert (code, number) == (0, "1\n")
    assert "action 1 is with 1 agent" in said
    assert "no agent runs it twice; to ask again, write and sign another" in said


async def test_who_sends_what_waits_for_signatures_again_is_told_what_it_waits_for(desk):
    await desk.agents(1)
    await desk.signed("ada")
    await desk.well("act", "send", "a.json")
    code, _, said = await desk.says("act", "send", "a.json")
    assert code == 0
    assert "waits: file: 1 of 2" in said
    assert "twice" not in said


async def test_who_follows_what_is_held_back_is_told_how_it_goes_on(desk):
    await desk.agents(2)
    await desk.signed("ada", "bob")
    await desk.well("act", "send", "a.json", "--canary", "1", "--most-failures", "0.5", "--no-late")
    shown = await desk.well("act", "show", "1")
    said = "1 first, the others when somebody says so, pauses when more than 50.00% failed"
    assert f"goes out: {said}, not to those who come later" in shown
    await desk.answer(1, "success")
    _, _, said = await desk.says("act", "follow", "1", "--within", "1s")
    assert said.count("the others are asked after: vedette act canary 1") == 2
    assert "1 success, 1 held of 2; the others" in said
    await desk.well("act", "pause", "1", "--reason", "lunch")
    _, _, said = await desk.says("act", "follow", "1", "--within", "1s")
    assert ": lunch (vedette act resume 1)" in said
    await desk.well("act", "cancel", "1")
    shown = await desk.well("act", "show", "1")
    assert "cancelled by token:" in shown
    assert "1 success, 1 cancelled of 2\n" in shown


async def test_where_a_further_signature_would_not_help_none_is_asked_for(desk):
    await desk.agents(1)
    await desk.signed("ada")
    assert "another person" in (await desk.says("act", "send", "a.json"))[2]
    made = signed_text(read_action(read("a.json")))
    gone = Withdrawn(digest=action_digest(made), reason="the key was stolen")
    await trusting(desk.rest, 2, withdrawn=(gone,))
    said = (await desk.says("act", "send", "a.json"))[2]
    assert "waits: the fleet's roots withdrew it: the key was stolen\n" in said
