"""Manifests count by the people of the trust bundle, as MIG signs them, and never by `*`."""

from datetime import timedelta

import pytest

from actions_world import NOW, bundle
from mig_client import fingerprint, pgp_bundle
from signing_world import gpg_sign, needs_gpg, ssh_sign
from vedette.errors import Invalid
from vedette.trust.bundle import AgentGroup, Minimum, Weight
from vedette.trust.manifest import Entry, hold_manifest, read_entries, signed_text, signer_of
from vedette.trust.reasons import Reason, Untrusted

pytestmark = needs_gpg
ENTRIES = (Entry("mig-agent", "a" * 64), Entry("configuration", "b" * 64))
ME = "sha256:" + "0" * 64


def by(*people):
    return [gpg_sign(signed_text(ENTRIES), fingerprint(one)) for one in people]


@pytest.fixture
def trust():
    from vedette import clock

    return pgp_bundle(
        made_at=clock.now() - timedelta(days=1), expires_at=clock.now() + timedelta(days=9)
    )


def held(trust, signatures, entries=ENTRIES):
    from vedette import clock

    return hold_manifest(trust, signatures, entries, agent=ME, now=clock.now())


def refusal(trust, signatures, entries=ENTRIES):
    with pytest.raises(Untrusted) as refused:
        held(trust, signatures, entries)
    return refused.value.reason


def test_what_is_signed_is_migs_json_to_the_letter():
    assert signed_text((Entry("mig-agent", "a" * 64),)) == (
        b'{"loader_name":"","entries":[{"name":"mig-agent","sha256":"'
        + b"a" * 64
        + b'"}],"signatures":[]}'
    )


def test_two_people_of_the_bundle_are_enough(trust):
    assert held(trust, by("ada", "bob")) == ("ada", "bob")


def test_one_is_too_little_and_the_same_one_twice_is_no_second(trust):
    assert refusal(trust, by("ada")) is Reason.TOO_LITTLE_WEIGHT
    assert refusal(trust, by("ada", "ada")) is Reason.DUPLICATE_SIGNER
    assert refusal(trust, []) is Reason.NO_SIGNATURE


def test_who_weighs_nothing_adds_nothing_and_a_stranger_spoils_it(trust):
    assert refusal(trust, by("ada", "eve")) is Reason.TOO_LITTLE_WEIGHT
    assert refusal(trust, by("ada", "mallory")) is Reason.UNKNOWN_KEY


def test_other_files_are_another_manifest(trust):
    changed = (Entry("mig-agent", "c" * 64), ENTRIES[1])
    assert refusal(trust, by("ada", "bob"), changed) is Reason.WRONG_SIGNATURE
    assert refusal(trust, by("ada", "bob"), ENTRIES[::-1]) is Reason.WRONG_SIGNATURE


def test_a_rule_for_everything_is_no_rule_for_manifests():
    # Whoever replaces an agent does everything there: `*` with weight 1 must not allow that.
    made = bundle(minimum=1)
    text = signed_text(ENTRIES)
    signatures = [ssh_sign(text, one, "vedette-manifest") for one in ("ada", "bob")]
    with pytest.raises(Untrusted) as refused:
        hold_manifest(made, signatures, ENTRIES, agent=ME, now=NOW)
    assert refused.value.reason is Reason.NO_MINIMUM


def test_ssh_keys_sign_manifests_by_their_own_namespace():
    made = bundle(
        minimums=(Minimum(group="all", module="manifest", weight=1),),
        weights=(Weight(investigator="ada", group="all", module="manifest", weight=1),),
    )
    text = signed_text(ENTRIES)
    good = ssh_sign(text, "ada", "vedette-manifest")
    assert hold_manifest(made, [good], ENTRIES, agent=ME, now=NOW) == ("ada",)
    for_actions = ssh_sign(text, "ada", "vedette-action")
    with pytest.raises(Untrusted) as refused:
        hold_manifest(made, [for_actions], ENTRIES, agent=ME, now=NOW)
    assert refused.value.reason is Reason.OTHER_NAMESPACE


def test_every_group_of_the_host_must_be_satisfied():
    groups = (AgentGroup(name="all", agents=("*",)), AgentGroup(name="vault", agents=(ME,)))
    made = bundle(
        groups=groups,
        minimums=tuple(
            Minimum(group=name, module="manifest", weight=weight)
            for name, weight in (("all", 1), ("vault", 2))
        ),
        weights=tuple(
            Weight(investigator="ada", group=name, module="manifest", weight=1)
            for name in ("all", "vault")
        ),
    )
    signature = ssh_sign(signed_text(ENTRIES), "ada", "vedette-manifest")
    assert signer_of(made, signature, ENTRIES, now=NOW)
    with pytest.raises(Untrusted) as refused:
        hold_manifest(made, [signature], ENTRIES, agent=ME, now=NOW)
    assert refused.value.reason is Reason.TOO_LITTLE_WEIGHT


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        [{"name": "mig-agent"}],
        [{"name": "../x", "sha256": "a" * 64}],
        [{"name": "mig-agent", "sha256": "A" * 64}],
        [{"name": "mig-agent", "sha256": "a" * 64}] * 2,
        [{"name": "mig-agent", "sha256": "a" * 64, "path": "/etc"}],
        [{"name": f"f{n}", "sha256": "a" * 64} for n in range(21)],
    ],
)
def test_entries_that_two_readers_could_read_differently_are_refused(said):
    with pytest.raises(Invalid):
        read_entries(said)
