"""An action waits until enough weight stands behind it, and then goes to every agent it means, once."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from actions_world import NOW, action, agents, bundle, come, signed_bundle, signed_by, trusting
from factories import make_agent
from signing_world import needs_ssh, ssh_public, ssh_sign
from vedette.actions import conclude, reads, steer
from vedette.actions.command import Launch
from vedette.actions.document import Limits, signed_text
from vedette.actions.document_write import sealed
from vedette.actions.launch import add_late, propose, sign, standing
from vedette.actions.push_trust import push_trust
from vedette.actions.trusted import newest_bundle
from vedette.errors import Conflict, Invalid, Missing
from vedette.trust.bundle import AgentGroup, Investigator, Minimum, Roots, Withdrawn
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.validity import action_digest

pytestmark = needs_ssh
LATER = NOW + timedelta(minutes=5)


async def handed_in(conn, made=None, *people, **launch):
    """Ada's and Bob's action (or whose it is), handed in by Ada."""
    document = signed_by(made or action(), *(people or ("ada", "bob")))
    return await propose(conn, document, by="ada", now=NOW, launch=Launch(**launch))


async def dues(conn, action_id):
    found = await conn.execute(
        "SELECT a.name, c.due_at - %s FROM actions.command AS c JOIN fleet.agent AS a ON a.id = c.agent_id"
        " WHERE action_id = %s AND due_at < 'infinity' ORDER BY c.id",
        [NOW, action_id],
    )
    return [(name, wait.total_seconds()) for name, wait in await found.fetchall()]


async def audited(conn, word):
    found = await conn.execute("SELECT object FROM access.audit WHERE action = %s", [word])
    return [name for (name,) in await found.fetchall()]


async def answered(conn, action_id, outcome="success"):
    await conn.execute(
        "UPDATE actions.command SET state = 'returned', outcome = %s, epoch = 1, sent_at = now(), returned_at = now()"
        " WHERE action_id = %s AND state IN ('ready', 'inflight') AND due_at < 'infinity'",
        [outcome, action_id],
    )


async def test_without_a_trust_bundle_nothing_is_taken_in(conn):
    with pytest.raises(Missing, match="no agent would obey"):
        await handed_in(conn)


async def test_enough_weight_launches_at_once(conn):
    await trusting(conn)
    await agents(conn, 3)
    found = await handed_in(conn)
    assert (found.state, found.agents, list(found.missing)) == ("inflight", 3, [])
    assert await audited(conn, "action.launch") == [f"action:{found.id}"]


async def test_too_little_weight_waits_and_says_what_is_missing(conn):
    await trusting(conn)
    await agents(conn, 3)
    found = await handed_in(conn, action(), "ada")
    assert (found.state, found.agents) == ("proposed", 3)
    assert list(found.missing) == ["file: 1 of 2 in all"]
    assert await dues(conn, found.id) == []


async def test_a_second_signature_over_the_same_bytes_launches(conn):
    await trusting(conn)
    await agents(conn, 1)
    made = action()
    found = await handed_in(conn, made, "ada")
    signature = ssh_sign(signed_text(made), "bob")
    after = await sign(conn, found.id, signature, by="bob", now=NOW)
    assert (after.state, after.agents) == ("inflight", 1)
    assert [one.name for one in await reads.signers(conn, found.id)] == ["ada", "bob"]


async def test_the_same_person_twice_weighs_once(conn):
    await trusting(conn)
    made = action()
    found = await handed_in(conn, made, "ada")
    after = await sign(conn, found.id, ssh_sign(signed_text(made), "ada"), by="ada", now=NOW)
    assert after.state == "proposed"


async def test_one_whom_the_bundle_gives_no_weight_adds_none(conn):
    await trusting(conn)
    await agents(conn, 1)
    found = await handed_in(conn, action(), "ada", "eve")
    assert list(found.missing) == ["file: 1 of 2 in all"]


async def test_what_stood_behind_it_at_its_launch_stays_whatever_the_bundle_says_later(conn):
    await trusting(conn)
    await agents(conn, 1)
    found = await handed_in(conn)
    people = (Investigator(name="carl", keys=(ssh_public("ada"),)),)
    await trusting(conn, bundle(2, minimum=5, investigators=people, weights=()))
    then = await standing(conn, found.id, now=NOW)
    assert [(str(one), one.investigators, one.shares) for one in then.weights] == [
        ("file: 2 of 2 in all", ("ada", "bob"), (1, 1))
    ]
    assert (await reads.action(conn, found.id)).bundle_version == 1


async def test_before_the_launch_it_is_weighed_by_the_newest_bundle(conn):
    await trusting(conn)
    found = await handed_in(conn, action(), "ada")
    await trusting(conn, bundle(2, minimum=3))
    waits = await standing(conn, found.id, now=NOW)
    assert [str(one) for one in waits.weights] == ["file: 1 of 3 in all"]
    assert (await reads.action(conn, found.id)).bundle_version is None


async def test_a_signature_over_other_bytes_is_refused(conn):
    await trusting(conn)
    found = await handed_in(conn, action(), "ada")
    other = ssh_sign(signed_text(action("another")), "bob")
    with pytest.raises(Untrusted) as refused:
        await sign(conn, found.id, other, by="bob", now=NOW)
    assert refused.value.reason is Reason.WRONG_SIGNATURE


async def test_a_signature_comes_too_late_once_it_is_launched(conn):
    await trusting(conn)
    made = action()
    found = await handed_in(conn, made)
    with pytest.raises(Conflict, match="takes no signature"):
        await sign(conn, found.id, ssh_sign(signed_text(made), "eve"), by="eve", now=NOW)


async def test_the_same_order_is_the_same_action_whoever_hands_it_in(conn):
    await trusting(conn)
    await agents(conn, 1)
    made = action()
    first = await handed_in(conn, made, "ada")
    second = await handed_in(conn, made, "bob")
    assert (second.id, second.state) == (first.id, "inflight")
    assert await audited(conn, "action.propose") == [f"action:{first.id}"]


async def test_what_has_expired_is_not_taken_in(conn):
    await trusting(conn)
    with pytest.raises(Invalid, match="expired"):
        await handed_in(conn, action(now=NOW - timedelta(days=1)))


async def test_a_group_that_asks_two_people_or_a_reason_says_so(conn):
    groups = (AgentGroup(name="all", agents=("*",), two_persons=True, reason=True),)
    await trusting(conn, bundle(minimum=1, groups=groups))
    await agents(conn, 1)
    found = await handed_in(conn, action(), "ada")
    assert list(found.missing) == [
        "the group 'all' asks why; sign an action of version 3 with a reason",
        "the group 'all' asks two people for file",
    ]


async def test_agents_of_groups_that_need_more_keep_the_whole_action_waiting(conn):
    few = await agents(conn, 2)
    key = await conn.execute(
        "SELECT 'sha256:' || encode(key_fingerprint, 'hex') FROM fleet.agent WHERE id = %s",
        [few["linux-1"][0]],
    )
    ((fingerprint,),) = await key.fetchall()
    made = bundle(minimum=1)
    groups = (*made.groups, AgentGroup(name="vault", agents=(fingerprint,)))
    minimums = (*made.minimums, Minimum(group="vault", module="file", weight=5))
    await trusting(conn, bundle(minimum=1, groups=groups, minimums=minimums))
    found = await handed_in(conn, action(), "ada")
    assert list(found.missing) == ["file: 0 of 5 in vault"]
    assert [str(one) for one in found.weights] == ["file: 1 of 1 in all", "file: 0 of 5 in vault"]


async def test_a_module_that_no_group_allows_waits(conn):
    await trusting(conn, bundle(minimums=()))
    found = await handed_in(conn)
    assert list(found.missing) == ["no group of these agents allows the module 'file'"]


async def test_a_target_that_cannot_be_read_names_its_place(conn):
    await trusting(conn)
    with pytest.raises(Invalid, match="line 1"):
        await handed_in(conn, action(target="os = linux'"))


async def test_what_counts_later_begins_later(conn):
    await trusting(conn)
    await agents(conn, 1)
    made = action()
    draft = replace(made, valid_from=NOW + timedelta(minutes=4), document=b"")
    found = await handed_in(conn, sealed(draft, nonce="0" * 32))
    assert (found.state, await dues(conn, found.id)) == ("new", [])
    await conclude.run_once(conn, now=NOW + timedelta(minutes=3))
    assert (await standing(conn, found.id, now=NOW)).state == "new"
    await conclude.run_once(conn, now=LATER)
    assert (await standing(conn, found.id, now=LATER)).state == "inflight"


async def test_a_rate_spreads_the_agents(conn):
    await trusting(conn)
    await agents(conn, 4)
    found = await handed_in(conn, rate=2)
    assert [wait for _, wait in await dues(conn, found.id)] == [0, 0.5, 1, 1.5]


async def test_what_was_signed_as_a_limit_holds_whoever_launches(conn):
    await trusting(conn)
    await agents(conn, 4)
    found = await handed_in(
        conn, action(limits=Limits(max_agents=2, rate=1)), most_agents=3, rate=9
    )
    assert [wait for _, wait in await dues(conn, found.id)] == [0, 1]


async def test_the_canary_goes_first_and_the_others_when_somebody_says_so(conn):
    await trusting(conn)
    await agents(conn, 4)
    found = await handed_in(conn, canary=1)
    assert len(await dues(conn, found.id)) == 1
    await answered(conn, found.id)
    await conclude.run_once(conn, now=NOW)
    assert (await reads.counts(conn, [found.id]))[found.id] == {"success": 1, "held": 3}
    await steer.pass_canary(conn, found.id, by="ada", now=NOW)
    assert len(await dues(conn, found.id)) == 4


async def test_no_more_are_under_way_than_may_be_at_once(conn):
    await trusting(conn)
    await agents(conn, 5)
    found = await handed_in(conn, at_once=2)
    assert len(await dues(conn, found.id)) == 2
    await conclude.run_once(conn, now=NOW)
    assert len(await dues(conn, found.id)) == 2
    await answered(conn, found.id)
    await conclude.run_once(conn, now=NOW)
    assert (await reads.counts(conn, [found.id]))[found.id] == {
        "success": 2,
        "waiting": 2,
        "held": 1,
    }


async def test_too_many_failures_pause_it_and_a_person_resumes_it(conn):
    await trusting(conn)
    await agents(conn, 3)
    found = await handed_in(conn, most_failures=0.01)
    await answered(conn, found.id, "failed")
    await conclude.run_once(conn, now=NOW)
    assert (await reads.action(conn, found.id)).paused_why == "3 of 3 answers failed"
    await steer.resume(conn, found.id, by="ada", now=NOW)
    await conclude.run_once(conn, now=NOW)
    assert (await reads.action(conn, found.id)).paused_at is None


async def test_agents_that_come_later_are_asked_unless_the_launch_says_no(conn):
    await trusting(conn)
    await agents(conn, 1)
    late = await handed_in(conn, action("late"))
    closed = await handed_in(conn, action("closed"), late=False)
    newcomer = await make_agent(conn, "newcomer")
    await come(conn, newcomer)
    assert await add_late(conn, [newcomer], now=LATER) == 1
    assert await add_late(conn, [newcomer], now=LATER) == 0
    assert [len(await dues(conn, one.id)) for one in (late, closed)] == [2, 1]


async def test_it_is_done_when_all_answered_and_nobody_may_come_any_more(conn):
    await trusting(conn)
    await agents(conn, 2)
    found = await handed_in(conn, late=False)
    await answered(conn, found.id)
    await conclude.run_once(conn, now=LATER)
    done = await reads.action(conn, found.id)
    assert (done.state, done.finished_at) == ("done", LATER)


async def test_what_nobody_answered_expires_with_the_reason(conn):
    await trusting(conn)
    await agents(conn, 1)
    await agents(conn, 1, os="darwin", online=False)
    found = await handed_in(conn, action(target="true"))
    after = NOW + timedelta(hours=2)
    await conclude.run_once(conn, now=after)
    rows = await reads.commands(conn, found.id)
    assert {row.standing for row in rows} == {"expired"}
    assert rows[0].message == "the agent did not come before the action expired"
    assert (await reads.action(conn, found.id)).state == "done"


async def test_a_proposal_that_nobody_signs_in_time_is_over(conn):
    await trusting(conn)
    found = await handed_in(conn, action(), "ada")
    await conclude.run_once(conn, now=NOW + timedelta(hours=2))
    over = await reads.action(conn, found.id)
    assert (over.state, over.why_invalid) == (
        "invalid",
        "it expired before enough weight stood behind it",
    )


async def test_a_denial_ends_a_proposal_and_keeps_its_reason(conn):
    await trusting(conn)
    found = await handed_in(conn, action(), "ada")
    with pytest.raises(Invalid, match="needs its reason"):
        await steer.deny(conn, found.id, " ", by="bob", now=NOW)
    await steer.deny(conn, found.id, "not on a Friday\0", by="bob", now=NOW)
    over = await reads.action(conn, found.id)
    assert (over.state, over.why_invalid) == (
        "invalid",
        "bob said no: not on a Friday\N{REPLACEMENT CHARACTER}",
    )
    with pytest.raises(Conflict):
        await steer.deny(conn, found.id, "again", by="bob", now=NOW)


async def test_a_cancelled_action_asks_nobody_any_more(conn):
    await trusting(conn)
    await agents(conn, 2)
    found = await handed_in(conn)
    assert await steer.cancel(conn, found.id, by="ada", now=NOW) == 2
    assert (await reads.action(conn, found.id)).state == "done"
    assert (await reads.counts(conn, [found.id]))[found.id] == {"cancelled": 2}


async def test_who_steers_what_was_paused_and_is_over_is_told_that_it_is_over(conn):
    await trusting(conn)
    await agents(conn, 1)
    found = await handed_in(conn)
    await steer.pause(conn, found.id, "wait\0", by="ada", now=NOW)
    with pytest.raises(Conflict, match="is paused"):
        await steer.pause(conn, found.id, "wait", by="ada", now=NOW)
    await steer.cancel(conn, found.id, by="ada", now=NOW)
    with pytest.raises(Conflict, match="is done"):
        await steer.resume(conn, found.id, by="ada", now=NOW)


async def test_what_the_roots_withdrew_is_not_launched_and_says_so(conn):
    made = action()
    gone = Withdrawn(digest=action_digest(signed_text(made)), reason="the key was stolen")
    await trusting(conn, bundle(2, withdrawn=(gone,)))
    await agents(conn, 1)
    found = await handed_in(conn, made)
    assert (found.state, found.missing) == (
        "proposed",
        ["the fleet's roots withdrew it: the key was stolen"],
    )
    assert (await handed_in(conn, action("another"))).state == "inflight"


@pytest.mark.parametrize("state", ["proposed", "new"])
async def test_what_was_withdrawn_expires_with_that_reason(conn, state):
    made = action(now=NOW + timedelta(minutes=10))
    gone = Withdrawn(digest=action_digest(signed_text(made)), reason="the key was stolen")
    if state == "proposed":
        await trusting(conn, bundle(2, withdrawn=(gone,)))
    else:
        await trusting(conn)
    found = await handed_in(conn, made)
    assert found.state == state
    if state == "new":
        await trusting(conn, bundle(2, withdrawn=(gone,)))
    await conclude.run_once(conn, now=NOW + timedelta(hours=2))
    over = await reads.action(conn, found.id)
    assert (over.state, over.why_invalid) == (
        "invalid",
        "it expired, and the fleet's roots withdrew it: the key was stolen",
    )


async def test_who_refused_or_expired_is_asked_again_who_ran_it_is_not(conn):
    await trusting(conn)
    await agents(conn, 2)
    found = await handed_in(conn)
    await conn.execute(
        "UPDATE actions.command SET state = 'done', outcome = CASE WHEN id %% 2 = 0 THEN 'refused' ELSE 'success' END,"
        " done_at = now() WHERE action_id = %s",
        [found.id],
    )
    assert await steer.run_again(conn, found.id, by="ada", now=NOW) == 1
    assert sum((await reads.counts(conn, [found.id]))[found.id].values()) == 2


async def test_an_older_bundle_or_one_of_other_roots_is_refused(conn):
    await trusting(conn, bundle(3))
    with pytest.raises(Untrusted) as refused:
        await trusting(conn, bundle(2))
    assert refused.value.reason is Reason.OLDER_BUNDLE
    other = bundle(4, roots=Roots(threshold=1, keys=(ssh_public("usurper"),)))
    stolen = signed_bundle(other, roots=("usurper",))
    with pytest.raises(Conflict, match="other roots"):
        await push_trust(conn, stolen, by="mallory", now=NOW)
    await push_trust(conn, stolen, by="root", now=NOW, new_roots=True)
    kept = await newest_bundle(conn)
    assert kept is not None
    assert kept.version == 4


async def test_a_bundle_is_laid_open_to_sql(conn):
    await trusting(conn)
    found = await conn.execute(
        "SELECT name, status, in_bundle FROM actions.investigator ORDER BY name"
    )
    assert await found.fetchall() == [(name, "active", True) for name in ("ada", "bob", "eve")]
    await trusting(conn, bundle(2, investigators=bundle().investigators[:2]))
    found = await conn.execute("SELECT name FROM actions.investigator WHERE NOT in_bundle")
    assert await found.fetchall() == [("eve",)]


@pytest.mark.parametrize(
    "change",
    [
        "state = 'done'",
        "state = 'invalid', finished_at = now()",
        "finished_at = now()",
        "expire_after = valid_from",
        "cancelled_at = now()",
        "state = 'elsewhere'",
    ],
)
async def test_the_table_holds_the_states_of_actions_whoever_writes(conn, change):
    await trusting(conn)
    found = await handed_in(conn)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with conn.transaction():
            await conn.execute(f"UPDATE actions.action SET {change} WHERE id = {found.id}")


@pytest.mark.parametrize(
    "change",
    [
        "state = 'inflight'",
        "state = 'done'",
        "outcome = 'success'",
        "state = 'returned', outcome = 'success'",
    ],
)
async def test_the_table_holds_the_states_of_commands_whoever_writes(conn, change):
    await trusting(conn)
    await agents(conn, 1)
    found = await handed_in(conn)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with conn.transaction():
            await conn.execute(f"UPDATE actions.command SET {change} WHERE action_id = {found.id}")
