"""MIG's clients find MIG's API: its paths, its envelope, its words, and none of its faults."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from actions_world import agents, signed_bundle
from mig_client import (
    API,
    EVERYTHING,
    Mig,
    document,
    error,
    fingerprint,
    pgp_bundle,
    public_key,
    signed,
    token,
    values,
)
from rest_world import rest_over
from signing_world import gpg, gpg_key, gpg_public, gpg_sign, needs_gpg
from vedette import clock
from vedette.actions import mig_found, mig_reads
from vedette.actions.mig_search import read_search
from vedette.actions.mig_wire import NOT_BEGUN, NOT_ENDED, written
from vedette.actions.push_trust import push_trust

pytestmark = needs_gpg


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        async with rest.pool.connection() as conn:
            await push_trust(conn, signed_bundle(pgp_bundle()), by="root", now=clock.now())
            rest.agents = await agents(conn, 2, now=clock.now())
        yield rest


@pytest.fixture
def ada(rest):
    return Mig(rest.http, "ada")


async def sql(rest, text, *given):
    async with rest.pool.connection() as conn:
        found = await conn.execute(text, given)
        return await found.fetchall() if found.description else found.rowcount


async def launched(mig, *people, **changes):
    said = await mig.launch(signed(document(**changes), *(people or ("ada",))))
    assert said.status_code == 202, said.text
    ((_, value),) = values(said)
    return value


NONE_FOUND = {"s1": []}


async def answered(rest, agent, *, found=True, elements=NONE_FOUND):
    """The agent answered all it was asked."""
    result = {"foundanything": found, "success": True, "elements": elements}
    body = json.dumps({"results": [{**result, "statistics": None, "errors": None}]})
    await sql(
        rest,
        "WITH done AS (UPDATE actions.command SET state = 'done', outcome = 'success', found = %s, epoch = 1,"
        " sent_at = now(), returned_at = now(), done_at = now() WHERE agent_id = %s RETURNING id)"
        " INSERT INTO actions.result (command_id, answer, alike, size_bytes, signature, stored_at)"
        " SELECT id, %s, 'x', 10, 'x', now() FROM done",
        found,
        rest.agents[agent][0],
        body,
    )


async def test_the_console_begins_with_the_dashboard(rest, ada):
    await launched(ada)
    said = await ada.get("dashboard")
    assert said.headers["content-type"] == "application/json"
    whole = said.json()["collection"]
    assert (whole["version"], whole["template"], whole["error"]) == ("1.0", {}, {})
    assert whole["href"] == "http://vedette.test/api/v1/dashboard"
    figures = {one["name"]: one["value"] for one in whole["items"][0]["data"]}
    assert list(figures) == [
        "online agents",
        "online agents by version",
        "online endpoints",
        "idle agents",
        "idle agents by version",
        "idle endpoints",
        "new endpoints",
        "endpoints running 2 or more agents",
        "disappeared endpoints",
        "flapping endpoints",
    ]
    assert (figures["online agents"], figures["online endpoints"]) == (2, 2)
    assert figures["online agents by version"][0]["count"] == 2
    assert [one["data"][0]["name"] for one in whole["items"][1:]] == ["action"]


async def test_an_investigation_from_the_target_to_the_results(rest, ada):
    target = "os='linux' AND name LIKE 'linux-%'"
    assert len(await ada.search("agent", target=target, limit=1000000)) == 2
    made = await launched(ada, target=target)
    said = await ada.get(f"action?actionid={made['id']}")
    ((name, seen),) = values(said)
    assert (name, seen["status"], seen["name"]) == ("action", "inflight", "look for passwd")
    assert seen["counters"] == {"sent": 2, "inflight": 2}
    assert [one["name"] for one in seen["investigators"]] == ["ada"]
    assert seen["investigators"][0]["pgpfingerprint"] == fingerprint("ada")
    links = said.json()["collection"]["items"][0]["links"]
    assert [one["rel"].split(" on agent ")[1] for one in links] == ["linux-1", "linux-2"]
    await answered(rest, "linux-1")
    await answered(rest, "linux-2", found=False)
    seen = (await ada.items(f"action?actionid={made['id']}"))[0][1]
    assert (seen["status"], seen["counters"]) == ("completed", {"sent": 2, "done": 2, "success": 2})
    hits = await ada.search("command", actionid=made["id"], foundanything="true", limit=37)
    assert [one["agent"]["name"] for one in hits] == ["linux-1"]
    assert hits[0]["results"][0]["foundanything"] is True
    assert hits[0]["action"]["id"] == made["id"]
    # MIG's client asks for the page behind the last one, and takes this for the end.
    assert await ada.search("command", actionid=made["id"], limit=37, offset=37) == []


async def test_an_action_is_shown_with_mig_keys_and_mig_times(ada):
    made = await launched(ada, target="name='nobody'")
    (action,) = [value for name, value in await ada.items(f"action?actionid={made['id']}")]
    assert list(action) == [
        *("id", "name", "target", "description", "threat", "validfrom", "expireafter"),
        *("operations", "pgpsignatures", "investigators", "status", "starttime", "finishtime"),
        *("lastupdatetime", "counters", "syntaxversion"),
    ]
    assert action["finishtime"] == "9998-01-11T11:11:11.000000011Z"
    assert action["description"]["revision"] == 201410031030
    assert (action["counters"], action["syntaxversion"]) == ({}, 2)
    assert action["operations"][0]["module"] == "file"


async def test_a_command_is_shown_with_its_action_its_agent_and_empty_results(ada):
    await launched(ada)
    (first, _) = await ada.search("command")
    ((name, command),) = await ada.items(f"command?commandid={first['id']}")
    assert (name, command["status"]) == ("command", "prepared")
    assert command["results"] == [
        {
            "foundanything": False,
            "success": False,
            "elements": None,
            "statistics": None,
            "errors": None,
        }
    ]
    ((_, agent),) = await ada.items(f"agent?agentid={command['agent']['id']}")
    assert agent == command["agent"]
    assert agent["queueloc"].startswith("linux.")


async def test_a_second_investigator_hands_the_action_in_again_with_both_signatures(rest, ada):
    async with rest.pool.connection() as conn:
        two = signed_bundle(pgp_bundle(2, minimum=2))
        await push_trust(conn, two, by="root", now=clock.now())
    made = document()
    first = await ada.launch(signed(made, "ada"))
    assert values(first)[0][1]["status"] == "pending"
    second = await Mig(rest.http, "bob").launch(signed(made, "ada", "bob"))
    assert values(second)[0][1]["status"] == "inflight"
    assert values(second)[0][0] == f"action ID {values(first)[0][1]['id']}"
    assert await sql(rest, "SELECT origin FROM actions.action") == [("mig",)]


async def test_a_changed_action_is_refused_in_the_envelope(ada):
    said = await ada.launch({**signed(document(), "ada"), "target": "true"})
    assert said.status_code == 403
    assert "is not over this text" in error(said)
    assert said.json()["collection"]["items"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": "os = linux'"}, "line 1"),
        ({"operations": []}, "operations"),
        ({"suprise": 1}, "suprise"),
        ({"expireafter": "2017-10-25T15:56:05Z", "validfrom": "2017-10-25T15:50:05Z"}, "expired"),
    ],
)
async def test_a_wrong_action_is_400_and_says_what_is_wrong(ada, change, words):
    said = await ada.launch({**document(), **change})
    assert said.status_code == 400
    assert words in error(said)


async def test_an_action_is_cancelled(ada):
    made = await launched(ada)
    said = await ada.post("action/cancel/", actionid=made["id"])
    assert values(said)[0][1]["status"] == "cancelled"
    assert values(said)[0][1]["counters"] == {"sent": 2, "done": 2, "cancelled": 2}


async def test_searches_by_names_times_and_status(rest, ada):
    await launched(ada, name="alpha one")
    await launched(ada, name="beta%_two")
    names = lambda found: sorted(one["name"] for one in found)  # noqa: E731 - of what was found
    assert names(await ada.search("action", actionname="ALPHA%")) == ["alpha one"]
    assert names(await ada.search("action", actionname="%", status="%")) == [
        "alpha one",
        "beta%_two",
    ]
    assert names(await ada.search("action", actionname="%\\")) == []
    assert len(await ada.search("action", status="inflight")) == 2
    assert len(await ada.search("action", threatfamily="compliance")) == 2
    assert len(await ada.search("action", investigatorname="a%", agentname="linux-1")) == 2
    assert await ada.search("action", investigatorname="bob") == []
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert await ada.search("action", after=later) == []
    assert (
        len(await ada.search("action", after="0011-01-11T11:11:11Z", before="9998-01-11T11:11:11Z"))
        == 2
    )
    assert names(await ada.search("agent", agentname="%-2", status="online")) == ["linux-2"]
    assert names(await ada.search("agent", actionid=1)) == ["linux-1", "linux-2"]
    assert len(await ada.search("command", agentname="linux-1", actionname="beta%")) == 1
    assert names(await ada.search("investigator", investigatorname="%d%")) == ["ada"]


async def test_a_search_ends_with_its_parameters_and_pages_by_offset(ada):
    for name in ("one", "two", "three"):
        await launched(ada, name=name)
    found = await ada.items("search?type=action&limit=1&offset=1")
    assert [name for name, _ in found] == ["action", "pagination", "search parameters"]
    page = found[1][1]
    assert (page["limit"], page["offset"]) == (1, 1)
    assert "offset=2" in page["next"]
    assert found[2][1]["actionname"] == "%"


async def test_actions_are_shown_as_the_view_has_them(rest, ada):
    waits = await one_of_each_state(rest, ada)
    views = await sql(
        rest,
        "SELECT id::bigint, status, starttime, finishtime, lastupdatetime, pgpsignatures::jsonb"
        " FROM mig.actions ORDER BY id DESC",
    )
    shown = await ada.search("action", limit=50)
    keys = ("id", "status", "starttime", "finishtime", "lastupdatetime", "pgpsignatures")
    assert [tuple(one[key] for key in keys) for one in shown] == [
        (
            number,
            status,
            written(began, NOT_BEGUN),
            written(ended, NOT_ENDED),
            written(last, NOT_BEGUN),
            signatures,
        )
        for number, status, began, ended, last, signatures in views
    ]
    assert {one["status"] for one in shown} == {"completed", "cancelled", "inflight", "pending"}
    assert [one["id"] for one in await ada.search("action", status="pending")] == [waits]


async def one_of_each_state(rest, ada):
    """Make an action of each state; return the one that waits for signatures."""
    await launched(ada, name="answered", target="name='linux-1'")
    await answered(rest, "linux-1")
    called_off = await launched(ada, name="called off")
    said = await ada.post("action/cancel", actionid=called_off["id"])
    assert said.status_code == 200, said.text
    await launched(ada, name="runs")
    waits = await launched(ada, name="waits")
    await sql(
        rest, "UPDATE actions.action SET state = 'proposed', started_at = NULL WHERE id = %s", waits["id"]
    )  # fmt: skip
    return waits["id"]


async def test_commands_are_read_in_portions_however_many_are_asked_for(rest, ada, monkeypatch):
    for name in ("one", "two", "three", "four"):
        await launched(ada, name=name)
    await answered(rest, "linux-1")
    whole = [one["id"] for one in await ada.search("command", limit=10_000_000)]
    assert (len(whole), whole) == (8, sorted(whole, reverse=True))
    monkeypatch.setattr(mig_found, "COMMANDS", 3)
    assert await read_together(rest, limit="7", offset="1") == [whole[1:4], whole[4:7], whole[7:]]
    # Answers of ten bytes, one of each two commands: two of them are too much together.
    monkeypatch.setattr(mig_reads, "PIECE_BYTES", 15)
    assert [len(one) for one in await read_together(rest, limit="8")] == [3, 2, 2, 1]
    monkeypatch.setattr(mig_reads, "PIECE_BYTES", 1)
    assert await read_together(rest, limit="8") == [whole[n : n + 2] for n in (0, 2, 4, 6)]
    monkeypatch.setattr(mig_found, "WRITTEN_BYTES", 1)
    assert [one["id"] for one in await ada.search("command", limit=5)] == whole[:5]


async def read_together(rest, **where):
    """Return the ids of the commands that are held in memory at a time."""
    portions = mig_found.MigSearches(rest.pool).portions(read_search({"type": "command", **where}))
    return [[one["id"] for one in portion] async for portion in portions]


HIT = {
    "file": "/etc/passwd",
    "search": {"paths": ["/etc"], "names": ["^passwd$"], "contents": ["^eve:"], "options": {}},
}
MISS = {"file": "", "search": {"paths": ["/etc", "/srv"], "modes": ["^-rws"]}}


async def test_compliance_items_say_of_each_search_whether_it_found_what_it_looks_for(rest, ada):
    threat = {"family": "compliance", "type": "system", "level": "high", "ref": "sys-7"}
    made = await launched(
        ada, threat=threat, target="name='linux-1'", description={"url": "https://x"}
    )
    await sql(rest, 'UPDATE fleet.agent SET tags = \'{"operator": "IT"}\'')
    await answered(rest, "linux-1", elements={"s1": [HIT, MISS]})
    said = await ada.items(f"search?type=command&report=complianceitems&actionid={made['id']}")
    assert [name for name, _ in said] == ["compliance item"] * 2 + ["search parameters"]
    there, absent = (item for name, item in said if name == "compliance item")
    assert there["policy"] == {"name": "system", "url": "https://x", "level": "high"}
    assert there["check"] == {
        "ref": "sys-7",
        "description": "look for passwd",
        "name": "s1",
        "location": "/etc/passwd",
        "test": {"type": "file", "value": "name='^passwd$' and content='^eve:'"},
    }
    assert (there["target"], there["compliance"], there["tags"]) == (
        "linux-1",
        True,
        {"operator": "IT"},
    )
    assert there["link"].endswith("/api/v1/command?commandid=1")
    assert there["utctimestamp"].startswith("20")
    assert (absent["compliance"], absent["check"]["location"]) == (False, "/etc, /srv")
    assert absent["check"]["test"]["value"] == "mode='^-rws'"


@pytest.mark.parametrize(
    "elements",
    [[], "text", {"s1": {}}, {"s1": [1, {}, {"file": 1, "search": []}]}, {"s1": None}, None],
)
async def test_what_an_agent_answers_otherwise_is_no_compliance_item(rest, ada, elements):
    await launched(ada)
    await answered(rest, "linux-1", elements=elements)
    said = await ada.items("search?type=command&report=complianceitems")
    assert [name for name, _ in said] == ["search parameters"]


async def test_agents_and_investigators_are_found_by_what_was_asked_of_them(ada):
    await launched(ada, name="alpha one", target="name='linux-1'")
    names = lambda found: [one["name"] for one in found]  # noqa: E731 - of what was found
    assert names(await ada.search("agent", actionname="alpha%")) == ["linux-1"]
    assert names(await ada.search("agent", investigatorname="ada", threatfamily="compl%")) == [
        "linux-1"
    ]
    assert await ada.search("agent", investigatorname="bob") == []
    assert await ada.search("agent", target="os='linux'", agentid=4711) == []
    assert names(await ada.search("investigator", actionname="alpha%")) == ["ada"]
    assert await ada.search("investigator", threatfamily="malware") == []


@pytest.mark.parametrize(
    "query",
    [
        "type=nothing",
        "type=command&report=everything",
        "type=command&report=geolocations",
        "type=agent&report=complianceitems",
        "type=agent&foundanything=true",
        "type=loader&actionname=x",
        "type=manifest&agentname=x",
        "type=action&actionnam=x",
        "type=action&limit=many",
        "type=action&actionid=1;drop",
        "type=action&after=yesterday",
        "type=command&foundanything=maybe",
        "type=action&target=true",
        "type=action&actionname=%00",
        "type=action&type=agent",
        "type=action&offset=99999999999999999999",
    ],
)
async def test_a_search_that_cannot_be_meant_is_400_and_not_everything(ada, query):
    said = await ada.get(f"search?{query}")
    assert said.status_code == 400
    assert error(said)


async def test_a_target_that_is_more_than_a_condition_runs_nothing(ada):
    # MIG puts the text into its SQL; RESET ROLE or a second statement got out of it.
    for target in ("true); RESET ROLE; --", "true; DELETE FROM agents", "pg_sleep(10) IS NULL"):
        said = await ada.ask("GET", "search", params={"type": "agent", "target": target})
        assert said.status_code == 400, target


async def test_ids_that_are_not_there_are_404_in_the_envelope(ada):
    for noun in ("action", "command", "agent", "investigator", "loader", "manifest"):
        said = await ada.get(f"{noun}?{noun}id=999999")
        refused = said.status_code == 401 and noun in ("investigator", "loader", "manifest")
        assert refused or (said.status_code, error(said)[-9:]) == (404, "not found"), noun


# Who may.


async def test_a_token_counts_once(rest):
    headers = {"X-PGPAUTHORIZATION": token("ada")}
    assert (await rest.http.get(API + "dashboard", headers=headers)).status_code == 200
    again = await rest.http.get(API + "dashboard", headers=headers)
    assert (again.status_code, "used before" in error(again)) == (401, True)
    assert (await rest.http.get(API + "search?type=agent", headers=headers)).status_code == 401


async def test_a_token_that_was_refused_for_its_permission_is_used_up(rest):
    await sql(rest, "UPDATE actions.investigator SET permissions = 1 WHERE name = 'ada'")
    headers = {"X-PGPAUTHORIZATION": token("ada")}
    assert (await rest.http.get(API + "dashboard", headers=headers)).status_code == 401
    assert "used before" in error(await rest.http.get(API + "search?type=agent", headers=headers))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: token("ada", at=datetime.now(UTC) - timedelta(minutes=11)), "time limits"),
        (lambda: token("ada", at=datetime.now(UTC) + timedelta(minutes=11)), "time limits"),
        (lambda: token("mallory"), "verification failed"),
        (lambda: token("ada").replace("1;", "2;", 1), "format"),
        (lambda: "1;yesterday;1;x", "format"),
        (lambda: "1;2026-13-45T00:00:00Z;1;abcd=", "format"),
        (lambda: token("ada", nonce=5).replace(";5;", ";6;"), "verification failed"),
    ],
)
async def test_what_is_no_fresh_token_of_an_investigator_is_401(rest, made, words):
    headers = {"X-PGPAUTHORIZATION": made()}
    said = await rest.http.get(API + "dashboard", headers=headers)
    assert said.status_code == 401
    assert words in error(said)


async def test_whoever_the_bundle_disabled_or_took_out_does_not_come_in(rest, ada):
    await sql(rest, "UPDATE actions.investigator SET status = 'disabled' WHERE name = 'ada'")
    assert (await ada.get("dashboard")).status_code == 401
    await sql(
        rest,
        "UPDATE actions.investigator SET status = 'active', valid_until = now() - interval '1 s' WHERE name = 'ada'",
    )
    assert (await ada.get("dashboard")).status_code == 401


async def test_a_key_that_has_ended_signs_no_token(rest):
    # MIG looks neither at the end of a key nor at its revocation.
    past = ("--faked-system-time", "20200101T000000")
    ended = gpg_key("short <short@example.org>", "ed25519", "1d", *past)
    await sql(
        rest,
        "INSERT INTO actions.investigator (name, fingerprint, public_key) VALUES ('short', %s, %s)",
        ended,
        gpg_public(ended),
    )
    text = f"1;{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ};7"
    signature = gpg_sign(f"{text}\n".encode(), ended, *past)
    said = await rest.http.get(
        API + "dashboard", headers={"X-PGPAUTHORIZATION": f"{text};{signature}"}
    )
    assert (said.status_code, "ended at" in error(said)) == (401, True)


async def test_permissions_are_mig_bits(rest, ada):
    await sql(rest, "UPDATE actions.investigator SET permissions = 1 << 5 WHERE name = 'ada'")
    assert (await ada.get("dashboard")).status_code == 200
    said = await ada.get("search?type=agent")
    assert said.status_code == 401
    assert "permission 'search'" in error(said)


async def test_without_credentials_only_what_is_public_is_answered(rest):
    for path in ("dashboard", "search?type=agent", "action?actionid=1", "agent?agentid=1"):
        said = await rest.http.get(API + path)
        assert (said.status_code, "is needed" in error(said)) == (401, True), path
    beat = await rest.http.get(API + "heartbeat")
    assert values(beat) == [("heartbeat", "gatorz say hi")]
    key = await rest.http.get(API + f"publickey/{fingerprint('ada').lower()}")
    assert key.text == public_key("ada")
    assert (await rest.http.get(API + "publickey/00")).status_code == 404
    assert (await rest.http.get(API + "ip")).text == "127.0.0.1"


async def test_nobody_invents_an_agent_by_a_heartbeat(rest):
    said = await rest.http.post(API + "heartbeat", json={"name": "evil", "queueLoc": "linux.x"})
    assert (said.status_code, "link" in error(said)) == (410, True)
    assert await sql(rest, "SELECT count(*) FROM fleet.agent") == [(2,)]


async def test_tokens_of_ours_do_by_their_scopes(rest):
    assert (await rest.get(API + "dashboard", scopes=["actions:read"])).status_code == 200
    assert (await rest.get(API + "dashboard", scopes=["read"])).status_code == 401
    form = {"content-type": "application/x-www-form-urlencoded"}
    said = await rest.post(
        API + "action/create/", scopes=["actions:read"], content=b"action=x", headers=form
    )
    assert said.status_code == 401
    said = await rest.post(
        API + "action/create/", scopes=["actions:write"], content=b"action=x", headers=form
    )
    assert said.status_code == 400


async def test_what_is_no_form_is_400(ada):
    for body, kind in (
        (b"action=a&action=b", "application/x-www-form-urlencoded"),
        (b"action=\xff", "application/x-www-form-urlencoded"),
        (b"action=%00", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", "application/x-www-form-urlencoded"),
    ):
        said = await ada.ask("POST", "action/create/", content=body, headers={"content-type": kind})
        assert said.status_code == 400, (body, said.text)


# Investigators.


async def all_rights(rest, name="ada"):
    await sql(
        rest, "UPDATE actions.investigator SET permissions = %s WHERE name = %s", EVERYTHING, name
    )


async def test_an_investigator_is_made_with_his_key_and_permissions(rest, ada):
    await all_rights(rest)
    permissions = json.dumps({"search": True, "dashboard": True})
    said = await ada.ask(
        "POST",
        "investigator/create/",
        data={"name": "carl", "permissions": permissions},
        files={"publickey": ("key.asc", public_key("carl"), "text/plain")},
    )
    assert said.status_code == 201, said.text
    ((name, made),) = values(said)
    assert name == f"Investigator ID {made['id']}"
    assert (made["pgpfingerprint"], made["status"]) == (fingerprint("carl"), "active")
    allowed = [key for key, may in made["permissions"].items() if may]
    assert allowed == ["search", "dashboard"]
    assert (await Mig(rest.http, "carl").get("dashboard")).status_code == 200
    ((_, shown),) = await ada.items(f"investigator?investigatorid={made['id']}")
    assert shown == made


async def test_status_and_permissions_can_be_changed(rest, ada):
    # With PostgreSQL 10 and later MIG fails here with 500.
    await all_rights(rest)
    await sql(
        rest,
        "INSERT INTO actions.investigator (id, name, fingerprint, public_key) VALUES (77, 'carl', %s, %s)",
        fingerprint("carl"),
        public_key("carl"),
    )
    carl = Mig(rest.http, "carl")
    said = await ada.post("investigator/update/", id="77", permissions=json.dumps({"agent": True}))
    assert said.status_code == 200
    assert (await carl.get("dashboard")).status_code == 401
    said = await ada.post("investigator/update/", id="77", status="disabled")
    assert values(said)[0][1]["status"] == "disabled"
    assert (await carl.get("agent?agentid=1")).status_code == 401


async def test_whoever_stands_in_the_trust_bundle_is_changed_there(rest, ada):
    await all_rights(rest)
    ((bob,),) = await sql(rest, "SELECT id FROM actions.investigator WHERE name = 'bob'")
    said = await ada.post("investigator/update/", id=str(bob), status="disabled")
    assert (said.status_code, "trust bundle" in error(said)) == (409, True)


async def test_the_last_admin_stays(rest, ada):
    await all_rights(rest)
    ((own,),) = await sql(rest, "SELECT id FROM actions.investigator WHERE name = 'ada'")
    less = json.dumps({"search": True})
    said = await ada.post("investigator/update/", id=str(own), permissions=less)
    assert (said.status_code, "last" in error(said)) == (409, True)
    await all_rights(rest, "bob")
    said = await ada.post("investigator/update/", id=str(own), permissions=less)
    assert said.status_code == 200


async def test_an_api_key_is_shown_once_kept_as_a_digest_and_taken_away(rest, ada):
    await all_rights(rest)
    ((own,),) = await sql(rest, "SELECT id FROM actions.investigator WHERE name = 'ada'")
    said = await ada.post("investigator/update/", id=str(own), apikey="active")
    key = values(said)[0][1]["apikey"]
    assert key.startswith("vdm_")
    headers = {"X-MIGAPIKEY": key}
    assert (await rest.http.get(API + "dashboard", headers=headers)).status_code == 200
    shown = await rest.http.get(API + f"investigator?investigatorid={own}", headers=headers)
    assert "apikey" not in values(shown)[0][1]
    kept = await sql(rest, "SELECT digest FROM actions.api_key")
    assert key.encode() not in bytes(kept[0][0])
    other = {"X-MIGAPIKEY": key + "x"}
    assert (await rest.http.get(API + "dashboard", headers=other)).status_code == 401
    await ada.post("investigator/update/", id=str(own), apikey="disabled")
    assert (await rest.http.get(API + "dashboard", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "form",
    [
        {"id": "1"},
        {"id": "0", "status": "active"},
        {"id": "1", "status": "gone"},
        {"id": "1", "permissions": '{"everything": true}'},
        {"id": "1", "permissions": "[1]"},
        {"id": "1", "status": "active", "apikey": "active"},
    ],
)
async def test_a_change_that_cannot_be_meant_is_400(rest, ada, form):
    await all_rights(rest)
    assert (await ada.post("investigator/update/", **form)).status_code == 400


async def test_a_secret_key_is_not_taken(rest, ada):
    await all_rights(rest)
    secret = gpg("--armor", "--export-secret-keys", fingerprint("carl")).decode()
    said = await ada.ask(
        "POST",
        "investigator/create/",
        data={"name": "carl", "permissions": "{}"},
        files={"publickey": ("key.asc", secret, "text/plain")},
    )
    assert (said.status_code, "secret key" in error(said)) == (400, True)
