"""Every change of a trust bundle is a new version, and keys are taken as people hand them over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signing_world import (
    gpg,
    gpg_key,
    gpg_public,
    gpg_sign,
    needs_gpg,
    needs_ssh,
    ssh_key,
    ssh_public,
)

from vedette.errors import Conflict, Invalid, Missing
from vedette.trust import bundle_edits as edits
from vedette.trust.bundle import Investigator, read_bundle, write_bundle
from vedette.trust.public_keys import read_public_keys
from vedette.trust.verify import key_fingerprint, verify
from vedette.trust.weigh import minimum_of, weight_of

pytestmark = needs_ssh
NOW = datetime(2026, 11, 22, 9, 0, 0, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def begun(threshold=1):
    roots = [ssh_public("root one"), ssh_public("root two")]
    return edits.begun("tests", roots, threshold, now=NOW, valid_for=timedelta(days=90))


def with_ada():
    ada = Investigator(name="ada", keys=(ssh_public("ada"),))
    return edits.next_version(begun(), edits.with_person(begun(), ada), now=LATER)


def test_a_new_bundle_allows_nothing_and_reads_back():
    bundle = begun()
    assert read_bundle(write_bundle(bundle)) == bundle
    assert bundle.version == 1
    assert minimum_of(bundle, "all", "file") is None


def test_more_roots_than_there_are_cannot_be_asked():
    with pytest.raises(Invalid, match="3 roots must sign, of 2"):
        begun(threshold=3)


def test_a_change_raises_the_version_and_says_when():
    bundle = with_ada()
    assert (bundle.version, bundle.made_at) == (2, LATER.replace(microsecond=0))
    with pytest.raises(Conflict, match="nothing was changed"):
        edits.next_version(bundle, bundle, now=LATER)


def test_a_bundle_that_has_ended_is_renewed_before_it_is_changed():
    bundle, later = begun(), NOW + timedelta(days=91)
    with pytest.raises(Invalid, match="vedette trust renew"):
        edits.next_version(bundle, edits.with_minimum(bundle, "all", "*", 1), now=later)
    again = edits.renewed(bundle, now=later, valid_for=timedelta(days=9))
    assert edits.next_version(bundle, again, now=later).version == 2


def test_weights_and_minimums_are_replaced_and_taken_out_by_0():
    bundle = edits.with_minimum(with_ada(), "all", "*", 2)
    bundle = edits.with_weight(bundle, "ada", "all", "*", 1)
    bundle = edits.with_weight(bundle, "ada", "all", "*", 2)
    assert weight_of(bundle, "ada", "all", "file") == 2
    bundle = edits.with_minimum(edits.with_weight(bundle, "ada", "all", "*", 0), "all", "*", 0)
    assert (bundle.weights, bundle.minimums) == ((), ())


def test_a_group_goes_with_all_that_was_said_of_it():
    bundle = edits.with_weight(edits.with_minimum(with_ada(), "all", "*", 2), "ada", "all", "*", 2)
    bare = edits.without_group(bundle, "all")
    assert (bare.groups, bare.weights, bare.minimums) == ((), (), ())


@pytest.mark.parametrize(
    "change",
    [
        lambda one: edits.with_minimum(one, "web", "*", 2),
        lambda one: edits.with_weight(one, "ada", "web", "*", 2),
        lambda one: edits.with_weight(one, "eve", "all", "*", 2),
        lambda one: edits.without_group(one, "web"),
        lambda one: edits.person_of(one, "eve"),
        lambda one: edits.without_key(edits.person_of(one, "ada"), "SHA256:other"),
        lambda one: edits.with_sha1_key(one, "A" * 40, "old"),
    ],
)
def test_what_is_not_there_is_missing(change):
    with pytest.raises(Missing):
        change(with_ada())


def test_a_key_is_taken_by_its_fingerprint():
    ada = edits.person_of(with_ada(), "ada")
    assert edits.without_key(ada, key_fingerprint(ada.keys[0])).keys == ()


@needs_gpg
def test_a_short_id_names_no_openpgp_key():
    fingerprint = gpg_key("short id")
    key = gpg_public(fingerprint)
    assert edits.is_named(key, fingerprint)
    assert edits.is_named(key, f"0x{fingerprint[-16:].lower()}")
    assert not edits.is_named(key, fingerprint[-8:])


@needs_gpg
def test_openpgp_keys_are_read_armoured_or_not_alone_or_together():
    one, two = gpg_key("first of two"), gpg_key("second of two")
    both = (gpg_public(one) + gpg_public(two)).encode()
    keys = read_public_keys(both, source="keys.asc")
    assert [key_fingerprint(key) for key in keys] == [one, two]
    binary = read_public_keys(gpg("--export", one), source="key.gpg")
    assert [key_fingerprint(key) for key in binary] == [one]


@needs_gpg
def test_a_keyring_holds_several_keys_armoured_or_not():
    those = [gpg_key("first of a ring"), gpg_key("second of a ring", subkey="ed25519")]
    for options in ([], ["--armor"]):
        ring = gpg(*options, "--export", *those)
        keys = read_public_keys(ring, source="pubring.gpg")
        assert {key_fingerprint(key) for key in keys} == set(those)
    text = b"an action"
    signature = gpg_sign(text, those[1])
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert (
        verify(signature, text, keys, namespace="vedette-action", now=now).fingerprint == those[1]
    )


def test_a_file_of_ssh_keys_is_read_without_its_remarks():
    lines = f"# our people\n\n{ssh_public('ada')}\n{ssh_public('bob')}\n"
    assert len(read_public_keys(lines.encode(), source="keys.pub")) == 2


@needs_gpg
def test_a_secret_key_is_refused_before_it_goes_anywhere():
    with pytest.raises(Invalid, match="secret key"):
        read_public_keys(ssh_key("ada").read_bytes(), source="id")
    with pytest.raises(Invalid, match="secret key"):
        secret = gpg("--armor", "--export-secret-keys", gpg_key("secret one"))
        read_public_keys(secret, source="id")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_keys(data):
    with pytest.raises(Invalid, match="hostile"):
        read_public_keys(data, source="hostile")
