"""The notes of an incident say how the actions go that were launched for it."""

from datetime import timedelta

import pytest
from tests.factories import make_component

from actions_world import NOW, action, agents, bundle, signed_by, trusting
from signing_world import needs_ssh
from vedette.actions import conclude, steer
from vedette.actions.for_incident import tie
from vedette.actions.launch import propose
from vedette.automation.notes_from_results import Standing, run_once, words
from vedette.errors import Missing
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.reads import updates

pytestmark = needs_ssh
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def incident(conn):
    component = await make_component(conn)
    draft = Draft(
        kind=Kind.INCIDENT,
        title="Orders slow",
        impact=Impact.MINOR,
        status=Status.DETECTED,
        starts_at=NOW - MINUTE,
        components=[component],
    )
    return await open_incident(conn, draft, by="ada", now=NOW)


async def launched(conn, incident, *, hosts=3, people=("ada", "bob"), **launch):
    await trusting(conn, bundle())
    await agents(conn, hosts)
    found = await propose(conn, signed_by(action("look"), *people), by="ada", now=NOW, **launch)
    await tie(conn, found.id, incident, by="ada")
    return found.id


async def answered(conn, action_id, number, outcome="success"):
    await conn.execute(
        "UPDATE actions.command SET state = 'returned', outcome = %s, found = true, epoch = 1,"
        " sent_at = %s, returned_at = %s WHERE id IN (SELECT id FROM actions.command"
        " WHERE action_id = %s AND state = 'ready' ORDER BY id LIMIT %s)",
        [outcome, NOW, NOW, action_id, number],
    )


async def notes(conn, incident):
    return [
        one.text
        for one in (await updates(conn, [incident], internal=True))[incident]
        if one.internal
    ]


async def test_a_launch_is_noted_and_is_for_operators_alone(conn, incident):
    action_id = await launched(conn, incident)
    assert await run_once(conn, now=NOW) == 1
    assert await notes(conn, incident) == [
        f"Action [{action_id}](/actions/{action_id}) `look` runs on 3 hosts: 3 still to answer."
    ]
    assert await run_once(conn, now=NOW + 2 * MINUTE) == 0


async def test_answers_are_noted_at_most_once_a_minute(conn, incident):
    action_id = await launched(conn, incident)
    await run_once(conn, now=NOW)
    await answered(conn, action_id, 1)
    assert await run_once(conn, now=NOW + MINUTE / 2) == 0
    await answered(conn, action_id, 1, "failed")
    assert await run_once(conn, now=NOW + MINUTE) == 1
    assert (await notes(conn, incident))[0].endswith(
        "runs on 3 hosts: 1 answered, 1 failed, 1 still to answer. 2 found something."
    )


async def test_the_last_word_comes_at_once_and_once(conn, incident):
    action_id = await launched(conn, incident)
    await run_once(conn, now=NOW)
    await answered(conn, action_id, 2)
    await steer.cancel(conn, action_id, by="ada", now=NOW)
    assert await run_once(conn, now=NOW + MINUTE / 60) == 1
    assert "is over on 3 hosts: 2 answered, 1 cancelled. 2" in (await notes(conn, incident))[0]
    await conclude.run_once(conn, now=NOW + 2 * MINUTE)
    assert await run_once(conn, now=NOW + 3 * MINUTE) == 0


async def test_what_was_denied_is_noted_with_its_reason(conn, incident):
    action_id = await launched(conn, incident, people=("ada",))
    assert await run_once(conn, now=NOW) == 0
    await steer.deny(conn, action_id, "too [wide](x) `now`", by="eve", now=NOW)
    assert await run_once(conn, now=NOW) == 1
    assert "was not run: `eve said no: too [wide](x)  now`." in (await notes(conn, incident))[0]


async def test_an_action_that_names_no_incident_is_noted_nowhere(conn, incident):
    await trusting(conn, bundle())
    await agents(conn, 1)
    await propose(conn, signed_by(action("look"), "ada", "bob"), by="ada", now=NOW)
    assert await run_once(conn, now=NOW) == 0
    assert await notes(conn, incident) == []


async def test_an_incident_that_is_not_there_is_missing(conn, incident):
    with pytest.raises(Missing, match="no incident 4711"):
        await tie(conn, await launched(conn, incident), 4711, by="ada")


def test_a_name_cannot_leave_the_code_it_stands_in():
    evil = "a`\n[x](javascript:y)\u202e" + "b" * 200
    told = words(Standing(5, 1, "done", evil, "", {"state": "done", "success": 1}, 0))
    assert told.count("`") == 2
    assert "\n" not in told
    assert told.endswith("…` is over on 1 host: 1 answered.")
