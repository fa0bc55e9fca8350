"""What people signed once runs so many times: each run in its window, once, judged by the signed bytes."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions_world import NOW, action, agents, bundle, signed_bundle, signed_by, trusting
from signing_world import needs_ssh
from vedette.actions import mandates, reads
from vedette.actions.command import Launch
from vedette.actions.document import digest_of, signed_text
from vedette.actions.document_read import read_action, read_order
from vedette.actions.document_write import order_document, sealed, write_action
from vedette.actions.launch import propose
from vedette.actions.mandate import Mandate, window_of, windows
from vedette.actions.push_trust import push_trust
from vedette.actions.target_match import Facts
from vedette.agent import act_judge
from vedette.errors import Conflict, Invalid, Missing
from vedette.trust.reasons import Reason, Untrusted

pytestmark = needs_ssh
HOURLY = Mandate(runs=3, every=timedelta(hours=1))
MINUTE = timedelta(minutes=1)


def hourly(mandate=HOURLY):
    """An action of NOW that counts for nine hours."""
    draft = replace(
        action("every hour"), document=b"", mandate=mandate, valid_from=NOW,
        expire_after=NOW + timedelta(hours=9),
    )  # fmt: skip
    return sealed(draft, nonce="0" * 32)


def begins(*pairs):
    return [(number, NOW + timedelta(minutes=after)) for number, after in pairs]


def test_runs_follow_one_another_until_none_is_left():
    found = list(windows(HOURLY, NOW, NOW + timedelta(days=1)))
    assert [(one.number, one.begins) for one in found] == begins((1, 0), (2, 60), (3, 120))
    assert [one.ends for one in found[:2]] == [found[1].begins, found[2].begins]
    assert found[2].ends == NOW + timedelta(hours=3)


def test_a_run_counts_as_long_as_was_signed_and_never_longer_than_the_whole():
    brief = replace(HOURLY, each=10 * MINUTE)
    assert window_of(brief, NOW, NOW + timedelta(days=1), 2).ends == NOW + 70 * MINUTE
    assert [one.number for one in windows(brief, NOW, NOW + 65 * MINUTE)] == [1, 2]
    assert window_of(brief, NOW, NOW + 65 * MINUTE, 2).ends == NOW + 65 * MINUTE


def test_cron_is_read_in_utc_and_begins_with_the_first_moment_that_counts():
    daily = Mandate(runs=3, cron="30 3 * * *")
    found = list(windows(daily, NOW, NOW + timedelta(days=2)))
    assert [f"{one.begins:%d %H:%M}" for one in found] == ["23 03:30", "24 03:30"]
    exact = Mandate(runs=1, cron="0 12 * * *")
    assert next(windows(exact, NOW, NOW + timedelta(days=2))).begins == NOW


@given(
    st.integers(1, 50),
    st.integers(60, 10**6),
    st.one_of(st.none(), st.integers(60, 10**6)),
    st.integers(1, 10**7),
)
def test_windows_never_overlap_and_stay_within_what_was_signed(runs, every_s, each_s, length_s):
    mandate = Mandate(
        runs=runs,
        every=timedelta(seconds=every_s),
        each=None if each_s is None else timedelta(seconds=each_s),
    )
    ends = NOW + timedelta(seconds=length_s)
    found = list(windows(mandate, NOW, ends))
    assert len(found) <= runs
    assert all(NOW <= one.begins < one.ends <= ends for one in found)
    assert all(a.ends <= b.begins for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"runs": 3}, "either every_s or cron"),
        ({"runs": 3, "every_s": 60, "cron": "0 3 * * *"}, "either every_s or cron"),
        ({"every_s": 60}, "mandate.runs"),
        ({"runs": 10_001, "every_s": 60}, "mandate.runs"),
        ({"runs": 1.5, "every_s": 60}, "whole number"),
        ({"runs": 3, "every_s": 5}, "mandate.every_s"),
        ({"runs": 3, "every_s": 60, "each_s": 10**8}, "mandate.each_s"),
        ({"runs": 3, "cron": "0 3 * *"}, "five fields"),
        ({"runs": 3, "cron": "0 3 * * 9"}, "cannot be read"),
        ({"runs": 3, "cron": "0 " * 60}, "five fields"),
        ({"runs": 3, "every_s": 60, "until": "x"}, "no key 'until'"),
        ([], "must be an object"),
    ],
)  # fmt: skip
def test_what_is_no_mandate_is_refused_with_its_place(said, words):
    document = json.loads(write_action(replace(hourly(), document=b"")))
    document["mandate"] = said
    with pytest.raises(Invalid, match=words):
        read_action(json.dumps(document).encode())


def test_a_run_is_the_same_signed_bytes_with_its_number_beside_them():
    made = hourly()
    second = replace(made, run=2)
    found = read_order(order_document(second), ("s",))
    assert (found.run, found.valid_from) == (2, made.valid_from + timedelta(hours=1))
    assert signed_text(found) == signed_text(made)
    assert len({digest_of(replace(made, run=number)) for number in range(4)}) == 4
    assert read_action(write_action(second)).run == 2


@pytest.mark.parametrize("run", [0, -1, 4, 1.5, "2", None, True])
def test_a_run_that_was_not_signed_is_none(run):
    order = json.dumps({"run": run, "document": hourly().document.decode()}).encode()
    with pytest.raises(Invalid):
        read_order(order, ())


def test_an_action_that_is_no_mandate_has_no_runs():
    order = json.dumps({"run": 1, "document": action().document.decode()}).encode()
    with pytest.raises(Invalid, match="a run of a mandate"):
        read_order(order, ())


def judged(made, number, *, at, kept=()):
    """Judge the run as an agent whose clock says `at`; kept: what ran here before."""
    document = read_action(signed_by(made, "ada", "bob"))
    order = act_judge.read_order(order_document(replace(document, run=number)), document.signatures)
    here = act_judge.Here(
        key="sha256:" + "a" * 64, facts=Facts(environment={"os": "linux"}), modules="all"
    )
    act_judge.judge(order, bundle(), here, kept=dict.fromkeys(kept, at + timedelta(days=1)), now=at)
    return order.digest


def test_an_agent_takes_each_run_in_its_window_and_once():
    made = hourly()
    first = judged(made, 1, at=NOW + 5 * MINUTE)
    judged(made, 2, at=NOW + 65 * MINUTE, kept=[first])
    with pytest.raises(Untrusted) as refused:
        judged(made, 1, at=NOW + 10 * MINUTE, kept=[first])
    assert refused.value.reason == Reason.REPLAYED


@pytest.mark.parametrize(
    ("number", "after", "reason"),
    [(1, 61, Reason.EXPIRED), (2, 5, Reason.NOT_YET_VALID), (3, 185, Reason.EXPIRED)],
)
def test_an_agent_takes_no_run_outside_of_its_window(number, after, reason):
    with pytest.raises(Untrusted) as refused:
        judged(hourly(), number, at=NOW + after * MINUTE)
    assert refused.value.reason == reason


def test_an_agent_runs_no_mandate_as_a_whole():
    with pytest.raises(Invalid, match="by its number"):
        act_judge.read_order(hourly().document, ("s",))


async def scheduled(conn, made=None, *people, **launch):
    document = signed_by(made or hourly(), *(people or ("ada", "bob")))
    return await mandates.schedule(
        conn, document, by="ada", now=NOW, launch=Launch(**launch)
    )  # fmt: skip


@pytest.fixture
async def fleet(conn):
    await trusting(conn)
    await agents(conn, 2)
    return conn


async def test_each_run_is_launched_when_its_window_opens_and_once(fleet):
    mandate_id, missing = await scheduled(fleet, rate=5.0)
    assert missing == []
    assert await mandates.run_once(fleet, now=NOW) == 1
    assert await mandates.run_once(fleet, now=NOW + MINUTE) == 0
    assert await mandates.run_once(fleet, now=NOW + 61 * MINUTE) == 1
    second, first = await reads.actions(fleet)
    assert (first.origin, first.rate, first.proposed_by) == (
        "mandate",
        5.0,
        f"ada, mandate {mandate_id}",
    )
    assert (first.valid_from, first.expire_after) == (NOW, NOW + timedelta(hours=1))
    assert (second.valid_from, second.state) == (NOW + timedelta(hours=1), "inflight")
    held = await mandates.mandate(fleet, mandate_id)
    assert (held.state, held.runs, held.last_action) == ("running", 2, second.id)


async def test_what_was_missed_is_not_made_up_and_after_the_last_it_is_over(fleet):
    mandate_id, _ = await scheduled(fleet)
    assert await mandates.run_once(fleet, now=NOW + 130 * MINUTE) == 1
    held = await mandates.mandate(fleet, mandate_id)
    assert (held.state, held.runs) == ("over", 1)
    with pytest.raises(Conflict, match="over already"):
        await mandates.stop(fleet, mandate_id, by="bob", now=NOW)


async def test_a_mandate_that_is_stopped_runs_no_more_and_its_run_is_cancelled(fleet):
    mandate_id, _ = await scheduled(fleet)
    await mandates.run_once(fleet, now=NOW)
    await mandates.stop(fleet, mandate_id, by="bob", now=NOW + MINUTE)
    assert await mandates.run_once(fleet, now=NOW + 61 * MINUTE) == 0
    (only,) = await reads.actions(fleet)
    assert only.cancelled_by == "bob"
    assert (await mandates.mandate(fleet, mandate_id)).state == "stopped"


async def test_too_few_signatures_are_said_and_the_same_mandate_brings_more(fleet):
    mandate_id, missing = await scheduled(fleet, hourly(), "ada")
    assert missing == ["file: 1 of 2 in all"]
    assert await scheduled(fleet, hourly(), "bob") == (mandate_id, ["file: 1 of 2 in all"])
    await mandates.run_once(fleet, now=NOW)
    (only,) = await reads.actions(fleet)
    assert only.state == "inflight"


async def test_a_run_that_waits_gets_the_signatures_that_come(fleet):
    await scheduled(fleet, hourly(), "ada")
    await mandates.run_once(fleet, now=NOW)
    (waiting,) = await reads.actions(fleet)
    assert waiting.state == "proposed"
    await scheduled(fleet, hourly(), "bob")
    (launched,) = await reads.actions(fleet)
    assert (launched.id, launched.state) == (waiting.id, "inflight")


async def test_a_run_that_is_not_allowed_any_more_says_why_and_the_next_one_is_tried(fleet):
    mandate_id, _ = await scheduled(fleet)
    gone = bundle(2, investigators=bundle().investigators[:1], weights=bundle().weights[:1])
    await push_trust(fleet, signed_bundle(gone), by="root", now=NOW)
    assert await mandates.run_once(fleet, now=NOW) == 0
    assert (await mandates.mandate(fleet, mandate_id)).trouble
    await push_trust(fleet, signed_bundle(bundle(3)), by="root", now=NOW)
    assert await mandates.run_once(fleet, now=NOW + 61 * MINUTE) == 1
    assert (await mandates.mandate(fleet, mandate_id)).trouble == ""


async def test_a_mandate_is_no_action_and_an_action_no_mandate(fleet):
    with pytest.raises(Invalid, match="runs by itself"):
        await propose(fleet, signed_by(hourly(), "ada", "bob"), by="ada", now=NOW)
    with pytest.raises(Invalid, match="no signed mandate"):
        await scheduled(fleet, action())
    with pytest.raises(Invalid, match="no run of the mandate is left"):
        await mandates.schedule(
            fleet, signed_by(hourly(), "ada"), by="ada", now=NOW + timedelta(hours=4)
        )
    with pytest.raises(Missing):
        await mandates.mandate(fleet, 7)
