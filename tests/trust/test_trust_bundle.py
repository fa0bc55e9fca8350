"""An agent takes a trust bundle from the roots pinned on its host, and obeys whom it weighs enough."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signing_world import needs_ssh, ssh_public, ssh_sign

from vedette.errors import Invalid
from vedette.trust.accept import Held, Pin, accept, held_of
from vedette.trust.bundle import (
    AcceptedSha1,
    AgentGroup,
    Bundle,
    Investigator,
    Minimum,
    Roots,
    Weight,
    Withdrawn,
    read_bundle,
    roots_digest,
    signed_text,
    write_bundle,
)
from vedette.trust.openpgp import Verified
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signed import Signed, read_signed, write_signed
from vedette.trust.validity import action_digest, hold_new, hold_validity, still_kept
from vedette.trust.verify import key_fingerprint, verify_all
from vedette.trust.weigh import minimum_of, weigh, weight_of

pytestmark = needs_ssh
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ROOTS = ("root one", "root two", "root three")
WEB, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def bundle(**changes):
    roots = Roots(threshold=2, keys=tuple(ssh_public(name) for name in ROOTS))
    people = tuple(
        Investigator(name=name, keys=(ssh_public(name),)) for name in ("ada", "bob", "eve")
    )
    fields = {
        "fleet": "tests",
        "version": 7,
        "made_at": NOW - timedelta(days=1),
        "expires_at": NOW + timedelta(days=30),
        "roots": roots,
        "investigators": people,
        "groups": (
            AgentGroup(name="all", agents=("*",)),
            AgentGroup(name="web", agents=(WEB,), labels={"role": "web"}),
        ),
        "minimums": (
            Minimum(group="all", module="*", weight=2),
            Minimum(group="all", module="memory", weight=3),
        ),
        "weights": (
            Weight(investigator="ada", group="all", module="*", weight=2),
            Weight(investigator="bob", group="all", module="*", weight=1),
            Weight(investigator="ada", group="all", module="memory", weight=2),
            Weight(investigator="eve", group="all", module="memory", weight=1),
        ),
    }
    return Bundle(**{**fields, **changes})


def signed(one, *names):
    document = write_bundle(one)
    text = signed_text(document)
    return Signed(document, tuple(ssh_sign(text, name, "vedette-trust") for name in names))


def pin(threshold=2):
    return Pin(roots_digest([ssh_public(name) for name in ROOTS]), threshold)


def taken(one, *, pinned=None, held=None, now=NOW):
    return accept(one, pin=pinned or pin(), held=held, now=now)


def refused(*args, **more):
    with pytest.raises(Untrusted) as error:
        taken(*args, **more)
    return error.value.reason


def test_a_bundle_that_enough_pinned_roots_signed_is_taken_and_travels_unchanged():
    one = signed(bundle(), *ROOTS[:2])
    assert taken(read_signed(write_signed(one))) == bundle()


def test_without_pinned_roots_nothing_is_taken():
    with pytest.raises(Untrusted) as error:
        accept(signed(bundle(), *ROOTS), pin=None, held=None, now=NOW)
    assert error.value.reason is Reason.NO_BUNDLE


def test_one_root_alone_one_twice_and_strangers_are_not_enough():
    one, two = bundle(), ROOTS[:2]
    assert refused(signed(one, two[0])) is Reason.THRESHOLD
    assert refused(signed(one, two[0], two[0])) is Reason.DUPLICATE_SIGNER
    assert refused(signed(one, *two, "ada")) is Reason.UNKNOWN_KEY
    assert refused(signed(one)) is Reason.NO_SIGNATURE


def test_the_threshold_is_the_higher_of_the_pinned_and_the_written():
    low = bundle(roots=Roots(threshold=1, keys=bundle().roots.keys))
    assert refused(signed(low, ROOTS[0])) is Reason.THRESHOLD
    assert refused(signed(bundle(), *ROOTS[:2]), pinned=pin(3)) is Reason.THRESHOLD
    assert refused(signed(bundle(), ROOTS[0]), pinned=pin(1)) is Reason.THRESHOLD


def test_a_bundle_of_other_roots_is_refused_whoever_signed_it():
    others = bundle(roots=Roots(threshold=1, keys=(ssh_public("ada"), *bundle().roots.keys)))
    assert refused(signed(others, *ROOTS[:2])) is Reason.OTHER_ROOTS


def test_what_is_no_bundle_is_refused_as_that():
    assert refused(Signed(b"{}", ())) is Reason.NOT_A_BUNDLE


def test_the_digest_of_roots_does_not_depend_on_their_order_or_comments():
    keys = [ssh_public(name) for name in ROOTS]
    bare = [" ".join(key.split()[:2]) for key in reversed(keys)]
    assert roots_digest(keys) == roots_digest(bare)
    assert roots_digest(keys) != roots_digest(keys[:2])


def test_a_changed_bundle_is_not_what_the_roots_signed():
    one = signed(bundle(), *ROOTS[:2])
    changed = one.document.replace(b'"weight":3', b'"weight":1')
    assert changed != one.document
    assert refused(Signed(changed, one.signatures)) is Reason.WRONG_SIGNATURE


def test_an_action_signed_by_roots_is_no_bundle():
    document = write_bundle(bundle())
    text = signed_text(document)
    signatures = tuple(ssh_sign(text, name, "vedette-action") for name in ROOTS)
    assert refused(Signed(document, signatures)) is Reason.OTHER_NAMESPACE


def test_an_older_bundle_and_another_of_the_same_version_are_refused():
    one = signed(bundle(), *ROOTS[:2])
    same = held_of(bundle(), one)
    assert taken(one, held=same) == bundle()
    assert taken(one, held=Held(6, "x")) == bundle()
    assert refused(one, held=Held(8, "x")) is Reason.OLDER_BUNDLE
    assert refused(one, held=Held(7, "x")) is Reason.OTHER_BUNDLE


def test_a_bundle_counts_from_when_it_was_made_until_it_ends_by_the_hosts_clock():
    one = signed(bundle(), *ROOTS[:2])
    assert refused(one, now=NOW + timedelta(days=30)) is Reason.EXPIRED_BUNDLE
    assert taken(one, now=NOW - timedelta(days=1, seconds=60))
    assert refused(one, now=NOW - timedelta(days=1, seconds=61)) is Reason.BUNDLE_FROM_FUTURE


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weights": (Weight(investigator="joe", group="all", module="*", weight=1),)}, "joe"),
        ({"minimums": (Minimum(group="db", module="*", weight=1),)}, "db"),
        ({"groups": (AgentGroup(name="all", agents=("*",)),) * 2}, "twice"),
        ({"expires_at": NOW - timedelta(days=2)}, "ends before"),
        ({"roots": Roots(threshold=2, keys=("ssh-ed25519 AAAA",))}, "SSH public key"),
    ],
)
def test_a_bundle_that_contradicts_itself_is_not_written(changes, told):
    with pytest.raises(Invalid, match=told):
        write_bundle(bundle(**changes))


def test_one_key_of_two_people_is_refused_so_that_nobody_counts_twice():
    twins = tuple(Investigator(name=name, keys=(ssh_public("ada"),)) for name in ("ada", "bob"))
    with pytest.raises(Invalid, match="investigator's key"):
        write_bundle(bundle(investigators=twins, weights=()))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"fleet"', b'"Fleet"'),
        lambda text: text.replace(b'"fleet":"tests"', b'"fleet":"tests","fleet":"tests"'),
        lambda text: text.replace(b":", b": ", 1),
        lambda text: text.replace(b'"version":7', b'"version":7.0'),
        lambda text: text[:-1],
        lambda text: b"[" * 100_000,
        lambda text: text.decode().encode("utf-16"),
    ],
)
def test_a_bundle_written_in_any_other_way_is_refused(change):
    text = write_bundle(bundle())
    assert read_bundle(text) == bundle()
    with pytest.raises(Invalid):
        read_bundle(change(text))


@given(st.binary(max_size=200))
def test_other_bytes_are_no_bundle_and_no_signed_document(data):
    for read in (read_bundle, read_signed):
        with pytest.raises(Invalid):
            read(data)


def by(*names):
    return [Verified(key_fingerprint(ssh_public(name)), None) for name in names]


def weighed(names, modules=("file",), *, of=None, agent=OTHER, reason="", now=NOW):
    return weigh(of or bundle(), by(*names), modules, agent=agent, reason=reason, now=now)


def not_allowed(*args, **more):
    with pytest.raises(Untrusted) as error:
        weighed(*args, **more)
    return error.value.reason


def test_the_weights_of_distinct_signers_must_reach_the_minimum_of_every_operation():
    assert [one.weight for one in weighed(["ada"])] == [2]
    assert not_allowed(["bob"]) is Reason.TOO_LITTLE_WEIGHT
    assert not_allowed(["ada"], ["file", "memory"]) is Reason.TOO_LITTLE_WEIGHT
    assert [one.weight for one in weighed(["ada", "eve"], ["file", "memory"])] == [2, 3]


def test_naming_a_module_replaces_what_holds_for_all():
    assert minimum_of(bundle(), "all", "memory") == ("memory", 3)
    assert minimum_of(bundle(), "all", "ping") == ("*", 2)
    assert weight_of(bundle(), "bob", "all", "memory") == 0
    assert not_allowed(["ada", "bob"], ["memory"]) is Reason.TOO_LITTLE_WEIGHT


def test_two_keys_of_one_person_are_one_person():
    both = Investigator(name="ada", keys=(ssh_public("ada"), ssh_public("ada's other")))
    people = (both, *bundle().investigators[1:])
    strict = bundle(investigators=people, minimums=(Minimum(group="all", module="*", weight=3),))
    assert not_allowed(["ada", "ada's other"], of=strict) is Reason.TOO_LITTLE_WEIGHT
    assert weighed(["ada", "bob"], of=strict)


def test_a_module_no_group_of_the_agent_speaks_of_is_refused():
    only_web = bundle(
        minimums=(Minimum(group="web", module="file", weight=1),),
        weights=(Weight(investigator="ada", group="web", module="file", weight=1),),
    )
    assert weighed(["ada"], of=only_web, agent=WEB)
    assert not_allowed(["ada"], of=only_web) is Reason.NO_MINIMUM
    assert not_allowed(["ada"], ["ping"], of=only_web, agent=WEB) is Reason.NO_MINIMUM
    assert not_allowed(["ada"], []) is Reason.NO_OPERATIONS


def test_an_agent_of_several_groups_asks_what_the_strictest_of_them_asks():
    minimums = (*bundle().minimums, Minimum(group="web", module="*", weight=3))
    weights = (*bundle().weights, Weight(investigator="ada", group="web", module="*", weight=2))
    strict = bundle(minimums=minimums, weights=weights)
    assert weighed(["ada"], of=strict)
    assert not_allowed(["ada"], of=strict, agent=WEB) is Reason.TOO_LITTLE_WEIGHT


def test_who_is_disabled_too_early_or_too_late_does_not_count():
    for change in (
        {"status": "disabled"},
        {"valid_from": NOW + timedelta(seconds=1)},
        {"valid_until": NOW},
    ):
        ada = msgspec.structs.replace(bundle().investigators[0], **change)
        one = bundle(investigators=(ada, *bundle().investigators[1:]))
        assert not_allowed(["ada"], of=one) is Reason.INACTIVE_INVESTIGATOR
    with pytest.raises(Untrusted) as error:
        weigh(bundle(), [Verified("F" * 40, None)], ["file"], agent=OTHER, now=NOW)
    assert error.value.reason is Reason.UNKNOWN_KEY


def test_a_group_may_ask_two_people_and_a_reason():
    strict = AgentGroup(name="all", agents=("*",), two_persons=True, reason=True)
    one = bundle(groups=(strict, bundle().groups[1]))
    assert not_allowed(["ada", "bob"], of=one) is Reason.NO_REASON
    assert not_allowed(["ada", "bob"], of=one, reason="  ") is Reason.NO_REASON
    assert not_allowed(["ada"], of=one, reason="INC-7") is Reason.ONE_PERSON
    assert (
        not_allowed(["ada", "eve"], of=one, reason="INC-7") is Reason.ONE_PERSON
    )  # eve weighs nothing
    assert weighed(["ada", "bob"], of=one, reason="INC-7")


@given(
    weights=st.lists(st.integers(1, 5), min_size=3, max_size=3),
    minimum=st.integers(1, 16),
    who=st.sets(st.sampled_from(["ada", "bob", "eve"]), min_size=1),
)
def test_what_is_allowed_is_a_sum_and_more_signers_never_forbid(weights, minimum, who):
    each = dict(zip(("ada", "bob", "eve"), weights, strict=True))
    one = bundle(
        minimums=(Minimum(group="all", module="*", weight=minimum),),
        weights=tuple(
            Weight(investigator=name, group="all", module="*", weight=weight)
            for name, weight in each.items()
        ),
    )
    if sum(each[name] for name in who) >= minimum:
        assert weighed(sorted(who), of=one)
        assert weighed(sorted(each), of=one)
    else:
        assert not_allowed(sorted(who), of=one) is Reason.TOO_LITTLE_WEIGHT


def test_one_bad_signature_makes_the_whole_action_doubtful():
    keys = bundle().public_keys()
    good, bad = ssh_sign(b"text", "ada"), ssh_sign(b"other", "bob")
    more = {"namespace": "vedette-action", "now": NOW}
    assert len(verify_all([good, ssh_sign(b"text", "bob")], b"text", keys, **more)) == 2
    for signatures, reason in (
        ([good, bad], Reason.WRONG_SIGNATURE),
        ([good, ssh_sign(b"text", "ada")], Reason.DUPLICATE_SIGNER),
        ([good, ssh_sign(b"text", "root one")], Reason.UNKNOWN_KEY),
        ([], Reason.NO_SIGNATURE),
        ([good] * 33, Reason.NOT_A_SIGNATURE),
    ):
        with pytest.raises(Untrusted) as error:
            verify_all(signatures, b"text", keys, **more)
        assert error.value.reason is reason


def test_a_forgery_among_enough_roots_is_no_root_that_ended():
    one, two = signed(bundle(), *ROOTS[:2]), ssh_sign(b"other", ROOTS[2], "vedette-trust")
    assert refused(Signed(one.document, (*one.signatures, two))) is Reason.WRONG_SIGNATURE


def test_a_bundle_that_withdraws_nothing_is_written_as_before_and_one_that_does_says_what():
    assert b"withdrawn" not in write_bundle(bundle())
    gone = Withdrawn(digest="a" * 64, reason="it is over")
    assert read_bundle(write_bundle(bundle(withdrawn=(gone,)))).withdrawn == (gone,)
    with pytest.raises(Invalid, match="canonically"):
        read_bundle(write_bundle(bundle()).replace(b',"weights":', b',"withdrawn":[],"weights":'))
    with pytest.raises(Invalid, match="twice"):
        write_bundle(bundle(withdrawn=(gone, gone)))


def test_old_keys_are_listed_with_a_reason():
    old = AcceptedSha1(fingerprint="A" * 40, reason="lives on a token")
    assert read_bundle(write_bundle(bundle(sha1_keys=(old,)))).accepted_sha1() == {"A" * 40}


def validity(begins, ends):
    with pytest.raises(Untrusted) as error:
        hold_validity(NOW + timedelta(seconds=begins), NOW + timedelta(seconds=ends), now=NOW)
    return error.value.reason


def test_an_action_counts_by_the_hosts_clock_a_minute_early_and_never_late():
    hold_validity(NOW + timedelta(seconds=60), NOW + timedelta(hours=1), now=NOW)
    hold_validity(NOW - timedelta(hours=1), NOW + timedelta(seconds=1), now=NOW)
    assert validity(61, 3600) is Reason.NOT_YET_VALID
    assert validity(-3600, 0) is Reason.EXPIRED
    assert validity(0, 367 * 86_400) is Reason.VALID_TOO_LONG


def test_an_action_runs_once_whoever_signs_it_again():
    digest = action_digest(b"text")
    kept = {digest: NOW + timedelta(hours=1)}
    hold_new(action_digest(b"other"), kept, now=NOW)
    with pytest.raises(Untrusted) as error:
        hold_new(digest, kept, now=NOW)
    assert error.value.reason is Reason.REPLAYED
    assert still_kept(kept, now=NOW + timedelta(hours=1, seconds=30)) == kept
    assert still_kept(kept, now=NOW + timedelta(hours=1, seconds=60)) == {}


def test_what_ran_is_never_forgotten_to_make_room(monkeypatch):
    monkeypatch.setattr("vedette.trust.validity.MOST_KEPT", 2)
    kept = {"a": NOW + timedelta(hours=1), "b": NOW + timedelta(hours=1)}
    with pytest.raises(Untrusted) as error:
        hold_new("c", kept, now=NOW)
    assert error.value.reason is Reason.TOO_MANY_KEPT
    hold_new("c", kept, now=NOW + timedelta(hours=2))
