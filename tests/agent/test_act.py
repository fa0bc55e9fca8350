"""Whatever a stolen server sends, a host runs what its own roots let people order, once, and says why not else."""

import asyncio
import json
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.signing_world import (
    gpg,
    gpg_home,
    gpg_key,
    gpg_public,
    gpg_sign,
    needs_gpg,
    needs_ssh,
    ssh_public,
    ssh_sign,
)

sys.path.insert(0, str(Path(__file__).parent))
from act_world import NOW, Host, bundle, order, public_key, searching, signed_bundle, stamp

from vedette import clock
from vedette.agent import act as act_module
from vedette.agent.identity import IdentityFiles
from vedette.agent.journal_lines import read_lines
from vedette.errors import Denied, Invalid
from vedette.link.acts import Act
from vedette.trust.action_text import v2_text, v3_text
from vedette.trust.authority import Authority
from vedette.trust.bundle import AgentGroup, Investigator, Minimum, Weight, Withdrawn
from vedette.trust.keys import make_csr, make_key, own_fingerprint
from vedette.trust.result_signature import hold_result
from vedette.trust.validity import action_digest

pytestmark = needs_ssh


@pytest.fixture
async def host(tmp_path):
    """A host that holds a bundle: two of ada and bob may do anything."""
    host = Host(tmp_path / "agent")
    await host.start()
    await host.acting.trust(signed_bundle(bundle()))
    yield host
    await host.acting.stop()


@pytest.fixture
def etc(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "passwd").write_text("root")
    return folder


async def test_what_two_people_ordered_is_run_and_answered_in_migs_shape(host, etc):
    said = await host.answers(order(searching(etc), searching(etc, "^shadow$")))
    assert (said["status"], said["reason"], said["message"]) == ("success", "", "")
    first, second = said["results"]
    assert (first["foundanything"], second["foundanything"]) == (True, False)
    assert set(first) == {"foundanything", "success", "elements", "statistics", "errors"}
    assert first["elements"]["s1"][0]["file"] == str(etc / "passwd")
    (line,) = read_lines(host.directory, since=NOW)
    assert (line.status, line.name, line.modules) == ("success", "look", ("file", "file"))
    assert line.signed_by == ("ada", "bob")
    assert line.target == "os:linux"
    assert line.began_at == NOW


async def test_an_answer_is_kept_until_it_is_told_and_said_again_when_the_action_comes_again(
    host, etc
):
    act = order(searching(etc))
    said = await host.answers(act)
    assert await host.acting.untold() == (7,)
    assert await host.answers(act) == said
    await host.acting.told([7])
    assert await host.acting.untold() == ()
    await host.acting.act(act)
    assert await host.acting.answer(7) is None
    assert host.acting.run == 1


# What a stolen server could send, and the reason each is refused for.


def swapped(host):
    good = order(searching("/etc"))
    other = json.loads(good.document) | {"operations": [searching("/root")]}
    return replace(good, document=_canonical(other))


def raised(host):
    good = order(target="name='other'")
    return replace(good, document=_canonical(json.loads(good.document) | {"target": "os:linux"}))


def later(host):
    good = order()
    end = stamp(NOW + timedelta(days=300))
    return replace(good, document=_canonical(json.loads(good.document) | {"expireafter": end}))


def _canonical(fields):
    from vedette.trust.canonical_json import canonical_json

    return canonical_json(fields)


ORDER = cache(order)
"""One good action, signed once for all that is made of it."""

FORGERIES = {
    "signed by nobody": (lambda host: order(by=()), "no-signature"),
    "signed by one of two": (lambda host: order(by=("ada",)), "too-little-weight"),
    "signed twice by one": (lambda host: order(by=("ada", "ada")), "duplicate-signer"),
    "signed by a stranger": (lambda host: order(by=("ada", "eve")), "unknown-key"),
    "another's signatures": (
        lambda host: replace(order(), signatures=order(name="other").signatures),
        "wrong-signature",
    ),
    "operations swapped": (swapped, "wrong-signature"),
    "target raised": (raised, "wrong-signature"),
    "validity lengthened": (later, "wrong-signature"),
    "a signature of something else": (
        lambda host: replace(
            order(), signatures=(ssh_sign(v3_text(order().document), "ada", namespace="file"),)
        ),
        "other-namespace",
    ),
    "a signature that is none": (
        lambda host: replace(order(), signatures=("hello",)), "not-a-signature",
    ),
    "for another host": (lambda host: order(target="name='other'"), "excluded-by-target"),
    "for another key": (
        lambda host: order(target=f"key IN ('sha256:{'0' * 64}')"), "excluded-by-target",
    ),
    "for a label it has not": (lambda host: order(target="tag:role=db"), "excluded-by-target"),
    "a target nobody can read": (lambda host: order(target="1; DROP TABLE"), "unreadable"),
    "for the host one is on": (lambda host: order(target="local"), "excluded-by-target"),
    "expired": (lambda host: order(at=NOW - timedelta(hours=2)), "expired"),
    "not yet": (lambda host: order(at=NOW + timedelta(hours=2)), "not-yet-valid"),
    "for ever": (lambda host: order(lasts=timedelta(days=999)), "valid-too-long"),
    "a module that is not here": (
        lambda host: order({"module": "rootkit", "parameters": {}}), "module-unknown",
    ),
    "no JSON": (lambda host: replace(order(), document=b"{"), "unreadable"),
    "another encoding": (
        lambda host: replace(order(), document="{}".encode("utf-16")), "unreadable",
    ),
    "a key twice": (
        lambda host: replace(order(), document=b'{"syntaxversion":3,"syntaxversion":3}'),
        "unreadable",
    ),
    "nested for ever": (lambda host: replace(order(), document=b"[" * 100_000), "unreadable"),
    "spaces in what was signed": (
        lambda host: replace(order(), document=order().document.replace(b",", b", ", 1)),
        "unreadable",
    ),
    "an envelope": (
        lambda host: replace(order(), document=b'{"document":"{}","signatures":[]}'), "unreadable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
async def test_a_forged_action_is_refused_by_the_host_as_a_result_that_says_why(host, what):
    make, reason = FORGERIES[what]
    act = make(host)
    said = await host.answers(act)
    assert (said["status"], said["reason"]) == ("refused", reason)
    assert said["message"]
    assert all(not one["success"] and one["errors"] for one in said["results"])
    (line,) = read_lines(host.directory, since=NOW)
    assert (line.status, line.reason, line.began_at) == ("refused", reason, None)
    assert host.acting.run == 0


async def test_the_same_order_under_another_command_is_refused_even_after_a_restart(host, etc):
    act = order(searching(etc))
    assert (await host.answers(act))["status"] == "success"
    again = await host.answers(replace(act, id=8))
    assert (again["status"], again["reason"]) == ("refused", "replayed")
    await host.restart()
    once_more = await host.answers(replace(act, id=9))
    assert (once_more["status"], once_more["reason"]) == ("refused", "replayed")


async def test_what_judges_an_action_is_at_hand_before_the_first_one_comes(host, etc):
    await host.restart()
    preparing = [one for one in asyncio.all_tasks() if one.get_name() == "prepare for actions"]
    assert preparing
    await asyncio.gather(*preparing)
    (host.directory / "trust-bundle.json").unlink()  # it was read already
    assert (await host.answers(order(searching(etc))))["status"] == "success"


async def test_an_agent_that_only_checks_in_prepares_for_nothing(host):
    host.mode = "checkin"
    await host.acting.stop()
    await host.start()
    assert "prepare for actions" not in {one.get_name() for one in asyncio.all_tasks()}


async def test_the_same_order_signed_by_somebody_else_is_the_same_order(host, etc):
    await host.acting.trust(
        signed_bundle(
            bundle(
                2,
                investigators=tuple(
                    Investigator(name=name, keys=(ssh_public(name),))
                    for name in ("ada", "bob", "eve")
                ),
                weights=tuple(
                    Weight(investigator=name, group="all", module="*", weight=1)
                    for name in ("ada", "bob", "eve")
                ),
            )
        )
    )
    act = order(searching(etc), by=("ada", "bob", "eve"))
    both = replace(act, signatures=act.signatures[:2])
    others = replace(act, id=8, signatures=act.signatures[1:])
    assert (await host.answers(both))["status"] == "success"
    assert (await host.answers(others))["reason"] == "replayed"


async def test_a_signer_who_left_counts_no_more_and_the_old_bundle_comes_back_never(host):
    revoked = bundle(
        2,
        investigators=(
            Investigator(name="ada", keys=(ssh_public("ada"),)),
            Investigator(name="bob", keys=(ssh_public("bob"),), status="disabled"),
        ),
    )
    await host.acting.trust(signed_bundle(revoked))
    assert (await host.answers(order()))["reason"] == "inactive-investigator"
    await host.acting.trust(signed_bundle(bundle(1)))
    await host.restart()
    assert (await host.answers(order(number=8)))["reason"] == "inactive-investigator"


async def test_what_the_roots_withdrew_is_refused_and_so_is_every_run_of_a_mandate(host, etc):
    one = order(searching(etc))
    nightly = order(
        searching(etc),
        mandate={"runs": 4, "every_s": 1800},
        lasts=timedelta(hours=2),
    )
    runs = [
        replace(nightly, id=number, document=b'{"run": %d, "document": %s}' % (
            number, json.dumps(nightly.document.decode()).encode()))
        for number in (1, 2)
    ]  # fmt: skip
    assert (await host.answers(runs[0]))["status"] == "success"
    gone = tuple(
        Withdrawn(digest=action_digest(v3_text(each.document)), reason="the audit is over")
        for each in (one, nightly)
    )
    await host.acting.trust(signed_bundle(bundle(2, withdrawn=gone)))
    host.now += timedelta(minutes=31)
    for act in (one, runs[1]):
        said = await host.answers(act)
        assert (said["status"], said["reason"]) == ("refused", "withdrawn")
        assert "the audit is over" in said["message"]
    await host.acting.trust(signed_bundle(bundle(3)))
    assert (await host.answers(replace(one, id=9)))["status"] == "success"


async def test_who_was_in_the_bundle_when_it_came_but_not_when_its_turn_came_is_refused(
    host, etc, monkeypatch
):
    with monkeypatch.context() as nobody_runs:
        nobody_runs.setattr(act_module, "AT_ONCE", 0)
        await host.acting.act(order(searching(etc)))
        assert host.acting.waiting == 1
        await host.acting.trust(signed_bundle(bundle(2, investigators=(), weights=())))
    await host.restart()
    assert (await host.answer(7))["reason"] == "unknown-key"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (None, "no-bundle"),
        (bundle(at=NOW - timedelta(days=29, hours=23)), "expired-bundle"),
        (
            bundle(minimums=(Minimum(group="all", module="netstat", weight=1),)),
            "no-minimum",
        ),
        (bundle(groups=(AgentGroup(name="all", agents=(f"sha256:{'0' * 64}",)),)), "no-minimum"),
        (
            bundle(groups=(AgentGroup(name="all", agents=("*",), reason=True),)),
            "no-reason",
        ),
        (
            bundle(
                groups=(AgentGroup(name="all", agents=("*",), two_persons=True),),
                minimums=(Minimum(group="all", module="*", weight=1),),
            ),
            "one-person",
        ),
    ],
)
async def test_a_host_decides_by_its_own_bundle(tmp_path, made, reason):
    host = Host(tmp_path / "agent")
    await host.start()
    if made is not None:
        await host.acting.trust(signed_bundle(made))
    host.now += timedelta(hours=2)
    by = ("ada",) if reason == "one-person" else ("ada", "bob")
    assert (await host.answers(order(at=host.now, by=by)))["reason"] == reason
    await host.acting.stop()


async def test_no_certificate_makes_a_host_another_one(tmp_path, etc):
    """Ada alone may search the laboratory; the server says that this host is one of there."""
    host = Host(tmp_path / "agent")
    laboratory = make_key()
    lab = AgentGroup(name="lab", agents=(own_fingerprint(laboratory),))
    rest = AgentGroup(name="rest", agents=(host.key,))
    made = bundle(
        groups=(lab, rest),
        minimums=tuple(
            Minimum(group=g, module="*", weight=w) for g, w in (("lab", 1), ("rest", 2))
        ),
        weights=tuple(
            Weight(investigator="ada", group=name, module="*", weight=1) for name in ("lab", "rest")
        ),
    )
    authority = Authority.make()
    request = make_csr(laboratory, "lab-1")
    issued = authority.issue_agent(request, "lab-1", now=clock.now())
    identity = IdentityFiles(tmp_path / "agent")
    before = identity.credentials()
    with pytest.raises(Denied, match="another key"):
        identity.keep_renewed(issued.pem, authority.pem)
    assert identity.credentials() == before
    # Nor does one that came otherwise.
    (tmp_path / "agent" / "agent.pem").write_bytes(issued.pem)
    await host.start()
    await host.acting.trust(signed_bundle(made))
    said = await host.answers(order(searching(etc), by=("ada",)))
    assert (said["status"], said["reason"]) == ("refused", "too-little-weight")
    await host.acting.stop()


def test_what_is_no_certificate_does_not_replace_ours(tmp_path):
    Host(tmp_path / "agent")
    identity = IdentityFiles(tmp_path / "agent")
    before = identity.credentials()
    ours = Authority.make().issue_agent(make_csr(before.key_pem, "edge"), "edge", now=clock.now())
    for certificate, authority in (
        (b"", b""),
        (b"-----BEGIN CERTIFICATE-----", b""),
        (identity.request(), b""),
        (ours.pem, b""),
        (ours.pem, b"nobody"),
        (before.certificate_pem, Authority.make().pem),
    ):
        with pytest.raises((Denied, Invalid)):
            identity.keep_renewed(certificate, authority)
    assert identity.credentials() == before


async def test_without_a_pin_every_action_is_refused_whatever_bundle_the_server_brings(tmp_path):
    host = Host(tmp_path / "agent")
    host.roots = None
    await host.start()
    await host.acting.trust(signed_bundle(bundle()))
    said = await host.answers(order())
    assert (said["status"], said["reason"]) == ("refused", "no-bundle")
    assert "--trust-root" in said["message"]
    await host.acting.stop()


@pytest.mark.parametrize(
    ("off", "reason"),
    [
        (timedelta(days=-2), "bundle-from-future"),
        (timedelta(hours=-2), "not-yet-valid"),
        (timedelta(hours=2), "expired"),
        (timedelta(days=40), "expired-bundle"),
    ],
)
async def test_the_hosts_own_clock_decides_whatever_the_server_says(host, off, reason):
    act = order()
    host.now += off
    assert (await host.answers(act))["reason"] == reason


async def test_a_label_of_the_bundle_decides_and_so_does_an_explicit_list(host, etc):
    for number, target in enumerate(("tag:role=web", f"key IN ('{host.key}')", "name='edge'"), 1):
        said = await host.answers(order(searching(etc), number=number, target=target))
        assert said["status"] == "success", target


async def test_a_label_that_the_roots_give_others_is_none_of_ours_whatever_the_server_says(
    host, etc
):
    others = AgentGroup(name="db", agents=(f"sha256:{'a' * 64}",), labels={"tier": "db"})
    groups = (*bundle().groups, others)
    await host.acting.trust(signed_bundle(bundle(2, groups=groups)))
    targets = {
        "tag:tier=db": "excluded-by-target",
        "tag:tier=db and os:linux": "excluded-by-target",
        "tags->>'tier' IS NULL": "",
        "tag:role=web": "",
        # Of what no bundle speaks, the server alone decides.
        "tag:place=cellar": "",
    }
    for number, (target, reason) in enumerate(targets.items(), 1):
        said = await host.answers(order(searching(etc), number=number, target=target))
        assert said["reason"] == reason, target


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"actions": "none"}, "not-allowed-by-host"),
        ({"actions": ["netstat"]}, "not-allowed-by-host"),
        ({"actions": ["file"]}, ""),
    ],
)
async def test_the_hosts_owner_has_the_last_word_on_modules(tmp_path, etc, rules, reason):
    host = Host(tmp_path / "agent", rules)
    await host.start()
    await host.acting.trust(signed_bundle(bundle()))
    assert (await host.answers(order(searching(etc))))["reason"] == reason
    await host.acting.stop()


async def test_bad_parameters_are_refused_by_the_module_and_the_rest_is_run(host, etc):
    wrong = {"module": "file", "parameters": {"serches": {}}}
    said = await host.answers(order(wrong, searching(etc)))
    assert (said["status"], said["reason"]) == ("refused", "bad-parameters")
    assert "searches" in said["message"]
    assert [one["success"] for one in said["results"]] == [False, True]


async def test_the_least_of_host_action_and_what_is_left_bounds_an_operation(tmp_path, etc):
    host = Host(tmp_path / "agent", {"limits": {"output": "1KiB"}})
    await host.start()
    await host.acting.trust(signed_bundle(bundle()))
    for number in range(50):
        (etc / f"a-long-name-of-a-file-{number}").write_text("")
    said = await host.answers(order(searching(etc, "a-long"), limits={"output_bytes": 1 << 20}))
    assert said["truncated"] or len(said["results"][0]["elements"]["s1"]) < 50
    await host.acting.stop()


def migs(etc, key, *, at, name="look"):
    """An action of MIG's version 2, signed as MIG's people do."""
    begins, ends = at - timedelta(minutes=1), at + timedelta(hours=1)
    said = {
        "name": name,
        "target": "environment->>'os'='linux'",
        "operations": [searching(etc)],
    }
    text = v2_text(
        **said,
        valid_from_s=int(begins.timestamp()),
        expire_after_s=int(ends.timestamp()),
    )
    signature = gpg_sign(text, key)
    document = json.dumps(
        said
        | {"validfrom": begins.isoformat(), "expireafter": ends.isoformat()}
        | {"pgpsignatures": [signature], "syntaxversion": 2},
        indent=4,
    ).encode()
    return Act(id=7, document=document, signatures=(signature,), cancelled=False)


def by_gpg(key, version=1, *, at=NOW):
    return bundle(
        version,
        investigators=(Investigator(name="ada", keys=(gpg_public(key),)),),
        minimums=(Minimum(group="all", module="*", weight=1),),
        weights=(Weight(investigator="ada", group="all", module="*", weight=1),),
        at=at,
    )


@needs_gpg
async def test_an_action_of_migs_signed_with_gpg_is_run_as_it_stands(host, etc):
    ada = gpg_key("Ada Two <ada2@example.org>")
    host.now = clock.now().replace(microsecond=0)
    await host.acting.trust(signed_bundle(by_gpg(ada, 2, at=host.now)))
    act = migs(etc, ada, at=host.now)
    said = await host.answers(act)
    assert (said["status"], said["message"]) == ("success", "")
    assert said["results"][0]["foundanything"]
    forged = replace(act, id=8, document=act.document.replace(b"passwd", b"shadow"))
    assert (await host.answers(forged))["reason"] == "wrong-signature"


@needs_gpg
async def test_a_revoked_key_orders_nothing_any_more_not_even_what_it_signed_before(host, etc):
    key = gpg_key("Ada Three <ada3@example.org>")
    host.now = clock.now().replace(microsecond=0)
    act = migs(etc, key, at=host.now, name="before it was revoked")
    kept = gpg_home() / "openpgp-revocs.d" / f"{key}.rev"
    gpg("--import", text=kept.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))
    await host.acting.trust(signed_bundle(by_gpg(key, 2, at=host.now)))
    assert (await host.answers(act))["reason"] == "revoked-key"


async def test_who_is_cancelled_before_its_turn_never_begins(host, etc, monkeypatch):
    monkeypatch.setattr(act_module, "AT_ONCE", 0)
    await host.acting.act(order(searching(etc)))
    await host.acting.act(Act(id=7, document=b"", signatures=(), cancelled=True))
    said = await host.answer(7)
    assert (said["status"], said["reason"]) == ("cancelled", "cancelled")
    assert [one["success"] for one in said["results"]] == [False]
    assert host.acting.waiting == 0
    (line,) = read_lines(host.directory, since=NOW)
    assert line.began_at is None


async def test_what_is_cancelled_before_it_ever_came_is_answered_so(host):
    cancelled = Act(id=7, document=b"", signatures=(), cancelled=True)
    said = await host.answers(cancelled)
    assert (said["status"], said["digest"]) == ("cancelled", "")
    assert await host.answers(cancelled) == said


async def test_what_was_begun_when_the_agent_ended_is_lost_and_never_run_again(
    host, etc, monkeypatch
):
    act = order(searching(etc))
    with monkeypatch.context() as nobody_runs:
        nobody_runs.setattr(act_module, "AT_ONCE", 0)
        await host.acting.act(act)
        (left,) = host.acting.journal.unended()
        host.acting.journal.begin(left.number, ["ada"], now=NOW)
        await host.acting.stop()
    await host.start()
    said = await host.answer(7)
    assert (said["status"], said["reason"]) == ("lost", "lost")
    assert len(said["results"]) == 1
    assert (await host.answers(replace(act, id=8)))["reason"] == "replayed"
    assert host.acting.run == 0


async def under_way(host, *, over=0):
    """Return when an action runs here, and so many of its operations are over."""
    async with asyncio.timeout(30):
        while not any(  # noqa: ASYNC110 - nobody tells
            run.work and len(run.ran) >= over for run in host.acting._runs.values()
        ):
            await asyncio.sleep(0.001)


async def test_what_runs_when_the_agent_is_stopped_may_end_within_a_moment(host, etc):
    await host.acting.act(order(searching(etc), searching(etc)))
    await under_way(host)
    await host.acting.stop()
    assert (await host.answer(7))["status"] == "success"


async def test_what_takes_longer_is_ended_and_answered_as_interrupted_with_what_was_over(
    host, etc, monkeypatch
):
    monkeypatch.setattr(act_module, "GRACE_S", 0.0)
    act = order(searching(etc), searching("/", "^nobody has such a name$"))
    await host.acting.act(act)
    await under_way(host, over=1)
    await host.acting.stop()
    said = await host.answer(7)
    assert (said["status"], said["reason"]) == ("failed", "interrupted")
    assert said["message"].startswith("the agent was stopped while it ran; 1 of its 2")
    assert [one["success"] for one in said["results"]] == [True, False]
    await host.start()
    assert await host.answer(7) == said
    assert (await host.answers(replace(act, id=8)))["reason"] == "replayed"


async def test_what_waits_when_the_agent_is_stopped_is_done_after_the_next_start(
    host, etc, monkeypatch
):
    with monkeypatch.context() as nobody_runs:
        nobody_runs.setattr(act_module, "AT_ONCE", 0)
        await host.acting.act(order(searching(etc)))
        await host.acting.stop()
    await host.start()
    assert (await host.answer(7))["status"] == "success"


async def test_what_runs_is_ended_when_it_is_cancelled(host, etc, monkeypatch):
    act = order(searching("/", "^nobody has such a name$"), searching(etc))
    await host.acting.act(act)
    await under_way(host)
    await host.acting.act(Act(id=7, document=b"", signatures=(), cancelled=True))
    said = await host.answer(7)
    assert (said["status"], said["reason"]) == ("cancelled", "cancelled")
    assert len(said["results"]) == 2
    assert (await host.answers(replace(act, id=8)))["reason"] == "replayed"


async def test_two_run_at_once_and_the_others_wait_in_the_order_they_came(host, etc):
    for number in range(1, 6):
        await host.acting.act(order(searching(etc), number=number))
        assert host.acting.running <= act_module.AT_ONCE
    for number in range(1, 6):
        assert (await host.answer(number))["status"] == "success"
        assert host.acting.running <= act_module.AT_ONCE
    assert host.acting.run == 5
    found = read_lines(host.directory, since=NOW)
    assert [line.command for line in found] == [1, 2, 3, 4, 5]


async def test_more_than_may_wait_is_refused_as_busy(host, monkeypatch):
    monkeypatch.setattr(act_module, "AT_ONCE", 0)
    monkeypatch.setattr("vedette.agent.journal.MOST_WAITING", 2)
    for number in range(1, 3):
        await host.acting.act(order(number=number))
    said = await host.answers(order(number=3))
    assert (said["status"], said["reason"]) == ("refused", "busy")


async def test_a_disk_that_takes_nothing_refuses_and_the_agent_lives(host, etc):
    host.acting.journal.path.mkdir()
    said = await host.answers(order(searching(etc)))
    assert (said["status"], said["reason"]) == ("refused", "journal")
    assert await host.acting.untold() == (7,)
    await host.acting.told([7])
    assert await host.acting.untold() == ()
    host.acting.journal.path.rmdir()
    assert (await host.answers(order(searching(etc), number=9)))["status"] == "success"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_whatever_bytes_come_they_are_answered_and_nothing_is_run(host, data):
    good = data.draw(st.just(ORDER()), label="good")
    document = bytearray(good.document)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(document) - 1))
        document[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    signatures = data.draw(
        st.sampled_from([good.signatures, ("",), ("\0",), ("SSH SIGNATURE" * 99,), ("x",) * 99])
    )
    changed = bytes(document) != good.document or signatures != good.signatures
    if changed:
        act = replace(good, document=bytes(document), signatures=signatures)
        said = await host.answers(replace(act, id=data.draw(st.integers(1, 1 << 62))))
        assert said["status"] == "refused"
        assert host.acting.run == 0


async def test_a_number_beyond_all_bounds_is_ignored(host):
    await host.acting.act(order(number=(1 << 64) - 1))
    await host.acting.told([(1 << 64) - 1])
    assert host.acting.idle


async def test_an_answer_bears_the_signature_of_the_agents_own_key(host, etc):
    await host.answers(order(searching(etc)))
    found = await host.acting.answer(7)
    hold_result(public_key(host.directory), found.answer, found.signature)
