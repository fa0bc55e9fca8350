"""The pages of actions say what is asked of hosts, who stands behind it, and what they answered."""

import re
from urllib.parse import quote

import msgspec
import pytest
from tests.factories import make_assignment, make_component, make_target
from tests.web.actions_pages_world import (
    a_search,
    answer,
    commands_of,
    double,
    fill,
    handed_in,
    quarantine,
)
from tests.web.browser import KEY, Browser
from tests.web.test_desk_incidents import known, signed_in

from actions_world import NOW, bundle, trusting
from signing_world import needs_ssh, ssh_sign
from vedette.actions import reads
from vedette.actions.document import signed_text
from vedette.actions.for_incident import tie
from vedette.actions.settle import settle
from vedette.fleet import reads as fleet
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.trust.one_line import armor
from vedette.web.action_deeds import in_one_line
from vedette.web.answer_lines import CHARACTERS, found_in
from vedette.web.site import site

pytestmark = needs_ssh
ACTS, LOOKS, READS = ("Bearer vdt_actor", "Bearer vdt_looker", "Bearer vdt_reader")


@pytest.fixture
async def desk(browser, clock, owner_conn):
    """A browser of somebody who may act, and the world; `desk(path)` asks, `desk.post` sends."""
    clock.at = NOW
    ids = await fill(owner_conn)

    class Desk:
        conn, waits, runs = owner_conn, ids["waits"], ids["runs"]

        async def __call__(self, path, as_=ACTS):
            return await browser.get(path, authorization=as_)

        async def post(self, action, form, as_=ACTS, **fields):
            body = "&".join(f"{name}={quote(text, safe='')}" for name, text in fields.items())
            return await browser.post(
                f"/actions/{action}", f"form={form}&{body}", authorization=as_
            )

    return Desk()


async def state_of(conn, action):
    return (await reads.action(conn, action)).state


async def test_the_list_begins_with_what_waits_for_signatures(desk):
    page = await desk("/actions")
    assert page.status == 200
    words = page.words
    assert words.index("find stray keys") < words.index("find lost keys")
    assert "Waits for signatures file: 1 of 2 in all signed by ada" in words
    assert "reads file names below /root, /home" in words
    assert "5 of 8 hosts 3 answered 1 failed 1 refused 1 running" in words
    assert "1 offline, not asked yet 1 silent since it was asked" in words


async def test_the_list_is_narrowed_to_a_state(desk):
    words = (await desk("/actions?state=inflight")).words
    assert "find lost keys" in words
    assert "find stray keys" not in words
    assert (await desk("/actions?state=nonsense")).status == 400
    assert "No action was handed in" in (await desk("/actions?state=done")).words


async def test_an_action_says_what_it_does_on_how_many_hosts_and_what_is_missing(desk):
    words = (await desk(f"/actions/{desk.waits}")).words
    for said in (
        "find stray keys",
        "file: 1 of 2 in all",
        "reads file names below /root, /home",
        "On 8 hosts operating system is “linux”",
        "22 Nov 2026, 11:59 UTC",
        "a laptop was lost",
        "TI-7",
        "1 of 2 ada 1",
        f"vedette act sign {desk.waits} --key KEY",
        "gpg --armor --detach-sign",
    ):
        assert said in words, said


async def test_what_only_a_server_knows_of_a_target_is_said_to_who_signs(desk):
    assert "sees to it" not in (await desk(f"/actions/{desk.waits}")).words
    for target, said in (
        ("status='online'", "any agent may run it: what the target asks, only a server knows"),
        ("os='linux' AND status='online'", "each agent itself sees to it that operating system is “linux”"),
    ):  # fmt: skip
        made = await handed_in(desk.conn, a_search(f"on {target}", target=target), "ada")
        assert said in (await desk(f"/actions/{made.id}")).words


async def test_where_every_host_refused_no_answer_is_awaited(desk):
    made = await handed_in(desk.conn, a_search("refused"), "ada", "bob")
    todo = await commands_of(desk.conn, made.id)
    words = (await desk(f"/actions/{made.id}")).words
    assert "Runs · action" in words
    assert "No host has answered yet." in words
    await settle(
        desk.conn, [answer(*one, "refused", found=False, reason="no-bundle") for one in todo], now=NOW
    )  # fmt: skip
    words = (await desk(f"/actions/{made.id}")).words
    assert "All have answered · action" in words
    assert "All have answered" in (await desk("/actions?state=inflight")).words
    assert "No host could answer." in words
    assert "No host has answered yet." not in words


async def test_times_stand_in_the_readers_zone(desk):
    assert "12:59 CET" in (await desk(f"/actions/{desk.waits}?tz=Europe/Berlin")).words


async def test_like_answers_stand_together_with_their_hosts(desk):
    words = (await desk(f"/actions/{desk.runs}")).words
    assert "2 hosts found the same linux-1 linux-2" in words
    assert "file /root/.ssh/authorized_keys fileinfo size 812 mode -rw-------" in words
    assert "1 host found nothing linux-3" in words
    assert "1 host failed: crashed the module ended with 1 linux-4" in words
    assert "1 host refused: unknown-signer bob is not in my bundle linux-5" in words


def a_hit(file, **search):
    info = {"size": 812, "mode": "-rw-r--r--", "lastmodified": ""} if file else {"size": 0}
    said = {"paths": ["/etc"], "options": {"maxdepth": 0, "matchall": False}, **search}
    return {"file": file, "search": said, "fileinfo": info}


async def test_files_that_were_found_stand_in_a_line_each_without_the_whole_search(desk):
    found = await handed_in(desk.conn, a_search("passwords"), "ada", "bob", canary=1)
    (command, agent), *_ = await commands_of(desk.conn, found.id)
    elements = {
        "s1": [a_hit("/etc/passwd", names=["^passwd$"]), a_hit("", contents=["eve"])],
        "s2": [a_hit("", names=["shadow"])],
    }
    await settle(desk.conn, [answer(command, agent, elements=elements)], now=NOW)
    words = (await desk(f"/actions/{found.id}")).words
    assert "1 of 8 hosts" in words
    assert "1 host first, the others once somebody says so" in words
    assert (
        "linux-1 s1 /etc/passwd size 812 mode -rw-r--r-- lastmodified names ^passwd$ s2 –" in words
    )


def test_however_much_a_host_says_it_was_asked_a_line_has_its_length():
    hit = a_hit("/etc/passwd", names=["x" * 300] * 1_000)
    answer = {"results": [{"foundanything": True, "elements": {"s1": [hit]}}]}
    (found,) = found_in(msgspec.json.encode(answer).decode())
    assert max(len(text) for line in found.lines for _, text in line.cells) == CHARACTERS + 1


async def test_offline_and_silent_are_told_apart(desk):
    words = (await desk(f"/actions/{desk.runs}")).words
    assert "1 offline, not asked yet linux-7" in words
    assert "1 silent since it was asked linux-6" in words


async def test_a_signature_handed_over_on_the_page_launches(desk):
    action = await reads.action(desk.conn, desk.waits)
    signature = ssh_sign(signed_text(a_search("find stray keys")), "bob")
    answered = await desk.post(desk.waits, "sign", signature=signature)
    assert answered.status == 303, answered.words
    assert answered.headers["location"] == f"/actions/{desk.waits}"
    assert action.state == "proposed"
    assert await state_of(desk.conn, desk.waits) == "inflight"


async def test_the_bytes_that_people_sign_are_handed_out_as_they_are(desk):
    page = await desk(f"/actions/{desk.waits}/signed-bytes")
    assert page.body == signed_text(a_search("find stray keys"))
    assert "attachment" in page.headers["content-disposition"]


async def test_a_wrong_signature_is_refused_and_still_stands_in_the_form(desk):
    wrong = ssh_sign(b"something else", "bob")
    answered = await desk.post(desk.waits, "sign", signature=wrong)
    assert answered.status == 403
    assert "Nothing was changed:" in answered.words
    assert wrong in answered.text
    assert await state_of(desk.conn, desk.waits) == "proposed"


async def test_armour_is_taken_as_gpg_and_ssh_keygen_write_it():
    one_line = ssh_sign(b"text", "ada")
    body = "\n".join(one_line[at : at + 70] for at in range(0, len(one_line), 70))
    armoured = f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"
    assert in_one_line(armoured) == one_line
    assert in_one_line(f" {one_line}\n") == one_line
    assert in_one_line(armor("PGP SIGNATURE", b"\x88packet")).startswith("iHBhY2tldA===")


async def test_a_denial_needs_its_reason(desk):
    answered = await desk.post(desk.waits, "deny", reason=" ")
    assert answered.status == 400
    assert "a denial needs its reason" in answered.words
    assert (await desk.post(desk.waits, "deny", reason="too wide")).status == 303
    words = (await desk(f"/actions/{desk.waits}")).words
    assert "Not run" in words
    assert "token:actor said no, 12:00 UTC: too wide" in words


@pytest.mark.parametrize(
    ("first", "word"), [("pause", "Paused"), ("cancel", "cancelled by token:actor")]
)
async def test_it_is_paused_and_cancelled(desk, first, word):
    assert (await desk.post(desk.runs, first, reason="wait")).status == 303
    assert word in (await desk(f"/actions/{desk.runs}")).words


async def test_it_is_resumed_and_asked_again(desk):
    await desk.post(desk.runs, "pause")
    assert (await desk.post(desk.runs, "resume")).status == 303
    assert (await desk.post(desk.runs, "again")).status == 303
    assert (await reads.action(desk.conn, desk.runs)).paused_at is None


async def test_the_others_are_asked_once_the_canary_did_well(desk):
    made = a_search("first a few")
    found = await handed_in(desk.conn, made, "ada", "bob", canary=2)
    assert "6 held for its turn" in (await desk(f"/actions/{found.id}")).words
    assert (await desk.post(found.id, "canary")).status == 303
    assert "held for its turn" not in (await desk(f"/actions/{found.id}")).words


async def test_who_may_only_look_sees_no_form_and_sends_none(desk):
    page = await desk(f"/actions/{desk.waits}", LOOKS)
    assert page.status == 200
    assert "<textarea" not in page.text
    for form in ("sign", "deny", "cancel", "pause", "resume", "canary", "again"):
        assert (await desk.post(desk.waits, form, LOOKS, reason="x")).status == 403
    assert await state_of(desk.conn, desk.waits) == "proposed"


async def test_who_may_not_look_sees_nothing(desk):
    for path in ("", f"/{desk.runs}", f"/{desk.runs}/results.csv", f"/{desk.runs}/signed-bytes"):
        assert (await desk(f"/actions{path}", READS)).status == 403
        assert (await desk(f"/actions{path}", "")).status in (303, 401)
    assert "/actions" not in (await desk("/agents", READS)).text


@pytest.mark.parametrize("name", ["0", "999999", "99999999999", "x", "-1", "%C2%B2"])
async def test_what_is_not_there_is_missing(desk, name):
    assert (await desk(f"/actions/{name}")).status == 404


async def test_an_unknown_form_is_none(desk):
    assert (await desk.post(desk.waits, "launch")).status == 400


async def test_answers_are_exported_from_the_page(desk):
    lines = (await desk(f"/actions/{desk.runs}/results.csv")).text.splitlines()
    assert lines[0].startswith("command,agent,agent_key,outcome")
    assert len(lines) == 6
    assert (await desk(f"/actions/{desk.runs}/results.jsonl")).text.count("\n") == 5


async def test_a_long_answer_is_counted_and_left_to_the_export(desk):
    found = await handed_in(desk.conn, a_search("long"), "ada", "bob")
    (command, agent), *_ = await commands_of(desk.conn, found.id)
    long = answer(command, agent, elements={"keys": ["x" * 300_000]})
    await settle(desk.conn, [long], now=NOW)
    assert "The answer has 293" in (await desk(f"/actions/{found.id}")).words


async def test_an_action_is_shown_when_its_signatures_count_no_more(desk):
    await trusting(desk.conn, _without_bob())
    page = await desk(f"/actions/{desk.runs}")
    assert page.status == 200
    assert "the newest trust bundle does not name this key" in page.words
    assert "at its launch, by trust bundle 1" in page.words
    assert "2 of 2 ada 1, bob 1" in page.words


def _without_bob():
    made = bundle(version=2)
    people = tuple(one for one in made.investigators if one.name != "bob")
    weights = tuple(one for one in made.weights if one.investigator != "bob")
    return bundle(version=2, investigators=people, weights=weights)


async def test_an_agent_says_what_it_can_and_what_it_was_asked(desk):
    await desk.conn.execute(
        "UPDATE fleet.agent SET modules = '{file,netstat}', sandbox = '{\"landlock\": 6}', bundle_version = 1,"
        ' environment = \'{"init": "systemd"}\', tags = \'{"role": "db"}\', mode = \'checkin\''
        " WHERE name = 'linux-1'"
    )
    words = (await desk("/agents/linux-1")).words
    for said in (
        "comes, asks, leaves",
        "trust bundle 1, the newest here is 1",
        "all every other module 2",
        "role db",
        "init systemd",
        "file netstat",
        "landlock 6",
        "find lost keys file answered",
        "1.25 s something",
    ):
        assert said in words, said


async def test_an_agent_in_quarantine_is_why_its_command_waits(desk):
    await quarantine(desk.conn, "linux-8")
    said = "asked, and not heard while in quarantine"
    assert f"1 {said} linux-8" in (await desk(f"/actions/{desk.runs}")).words
    assert said in (await desk("/agents/linux-8")).words
    (command,) = await reads.commands(desk.conn, desk.runs, agent="linux-8")
    assert (command.state, command.standing) == ("inflight", "unheard")
    assert (await reads.counts(desk.conn, [desk.runs]))[desk.runs]["unheard"] == 1
    await desk.conn.execute(
        "UPDATE actions.command SET state = 'ready', sent_at = NULL WHERE id = %s", [command.id]
    )
    assert "1 in quarantine, gets no orders linux-8" in (await desk(f"/actions/{desk.runs}")).words
    assert "in quarantine, gets no orders" in (await desk("/agents/linux-8")).words
    (command,) = await reads.commands(desk.conn, desk.runs, agent="linux-8")
    assert command.standing == "quarantined"
    assert (await reads.counts(desk.conn, [desk.runs]))[desk.runs]["quarantined"] == 1


async def test_an_agent_is_let_out_of_quarantine_on_its_page(desk, browser, lender, clock):
    await quarantine(desk.conn, "linux-8")
    pages = site(lender, authenticate=known, cookie_key=KEY, clock=clock).pages
    root = signed_in(Browser(pages), "vds_root", clock)
    page = await root.get("/agents/linux-8")
    assert "It gets no orders" in page.words
    key = re.search('name="form_key" value="([^"]+)"', page.text)[1]
    assert (await root.post("/agents/linux-8", "form=release&form_key=x")).status == 403
    assert (await root.post("/agents/linux-8", f"form=other&form_key={key}")).status == 400
    assert (await fleet.agent(desk.conn, "linux-8")).quarantined_at is not None
    for _ in range(2):
        assert (await root.post("/agents/linux-8", f"form=release&form_key={key}")).status == 303
    assert (await fleet.agent(desk.conn, "linux-8")).quarantined_at is None
    assert "It gets no orders" not in (await root.get("/agents/linux-8")).words
    audited = await desk.conn.execute(
        "SELECT actor FROM access.audit WHERE action = 'agent.release' AND object = 'agent:linux-8'"
    )
    assert len(await audited.fetchall()) == 1


async def test_who_may_not_manage_agents_lets_none_out(desk, browser):
    await quarantine(desk.conn, "linux-8")
    words = (await desk("/agents/linux-8")).words
    assert "vedette agents release linux-8" in words
    assert "Let it have orders again" not in words
    sent = await browser.post("/agents/linux-8", "form=release", authorization=ACTS)
    assert sent.status == 403
    assert (await fleet.agent(desk.conn, "linux-8")).quarantined_at is not None


async def test_what_an_agent_was_asked_is_for_those_who_may_see_actions(desk):
    assert "find lost keys" not in (await desk("/agents/linux-1", READS)).words
    assert (await desk("/agents/nobody")).status == 404


async def test_agents_on_one_endpoint_are_shown_with_links(desk):
    await double(desk.conn)
    page = await desk("/agents")
    assert "Endpoints with several agents" in page.words
    assert "linux.linux-1: linux-1, copy" in page.words
    assert "Another agent, with a key of its own" in (await desk("/agents/copy")).words


async def test_agents_are_narrowed_to_those_that_are_away(desk):
    words = (await desk("/agents?state=offline")).words
    assert "linux-6" in words
    assert "linux-2" not in words
    assert (await desk("/agents?state=x")).status == 400


async def test_a_refusal_in_english_stands_in_a_german_page_as_english(desk):
    answered = await desk.post(f"{desk.waits}?lang=de", "deny", reason="")
    assert '<span lang="en">a denial needs its reason' in answered.text
    assert "Nichts wurde geändert:" in answered.words


async def test_the_pages_of_an_incident_and_of_a_service_lead_to_what_was_asked(desk):
    component = await make_component(desk.conn)
    target = await make_target(desk.conn, "orders-db", component_id=component)
    found = await desk.conn.execute("SELECT id FROM fleet.agent WHERE name = 'linux-1'")
    ((agent,),) = await found.fetchall()
    await make_assignment(desk.conn, target, agent)
    incident = await opened_for(desk.conn, component)
    await tie(desk.conn, desk.runs, incident, by="ada")
    for path in (f"/desk/incidents/{incident}", "/services/orders"):
        page = await desk(path, "Bearer vdt_admin")
        assert "find lost keys Runs" in page.words, path
        assert f'href="/actions/{desk.runs}"' in page.text
    assert "find lost keys" not in (await desk("/services/orders", READS)).words
    assert f"incident {incident}" in (await desk(f"/actions/{desk.runs}")).words


async def opened_for(conn, component):
    """An incident of that component."""
    draft = Draft(
        kind=Kind.INCIDENT,
        title="Orders slow",
        impact=Impact.MINOR,
        status=Status.DETECTED,
        starts_at=NOW,
        components=[component],
    )
    return await open_incident(conn, draft, by="ada", now=NOW)


async def test_a_form_of_another_session_changes_nothing(desk, browser, lender, clock):
    pages = site(lender, authenticate=known, cookie_key=KEY, clock=clock).pages
    ivy = signed_in(Browser(pages), "vds_ivy", clock)
    page = await ivy.get(f"/actions/{desk.runs}")
    key = re.search('name="form_key" value="([^"]+)"', page.text)[1]
    path = f"/actions/{desk.runs}"
    assert (await ivy.post(path, "form=cancel&form_key=x")).status == 403
    foreign = await ivy.post(path, f"form=cancel&form_key={key}", sec_fetch_site="cross-site")
    assert foreign.status == 403
    assert await state_of(desk.conn, desk.runs) == "inflight"
    assert (await ivy.post(path, f"form=cancel&form_key={key}")).status == 303
    assert await state_of(desk.conn, desk.runs) == "done"
