"""A host takes a trust bundle from the roots its owner pinned, and never goes back to an older one."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.signing_world import (
    gpg_key,
    gpg_public,
    gpg_sign,
    needs_gpg,
    needs_ssh,
    ssh_public,
    ssh_sign,
)

sys.path.insert(0, str(Path(__file__).parent))
from act_world import NOW, bundle, pin, signed_bundle

from vedette import clock
from vedette.agent.host_actions import TrustRules
from vedette.agent.trusted import HELD, Roots, Trusted, place_bundle
from vedette.errors import Invalid
from vedette.trust.bundle import Roots as BundleRoots
from vedette.trust.bundle import roots_digest, signed_text, write_bundle
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signed import Signed, write_signed

pytestmark = needs_ssh


class refused:
    def __init__(self, reason):
        self.reason, self.raised = reason, pytest.raises(Untrusted)

    def __enter__(self):
        self.caught = self.raised.__enter__()
        return self.caught

    def __exit__(self, *told):
        done = self.raised.__exit__(*told)
        assert self.caught.value.reason is self.reason
        return done


def test_without_a_pin_there_is_nobody_to_obey(tmp_path):
    nobody = Trusted(tmp_path, None)
    with refused(Reason.NO_BUNDLE):
        nobody.take(signed_bundle(bundle()), now=NOW)
    with refused(Reason.NO_BUNDLE) as why:
        nobody.bundle(now=NOW)
    assert "write trust: into agent.yaml" in str(why.value)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_was_taken_is_there_after_a_restart(tmp_path):
    first = Trusted(tmp_path, pin())
    with refused(Reason.NO_BUNDLE):
        first.bundle(now=NOW)
    assert first.take(signed_bundle(bundle(3)), now=NOW)
    assert not first.take(signed_bundle(bundle(3)), now=NOW)
    again = Trusted(tmp_path, pin())
    assert again.version == 3
    assert again.bundle(now=NOW) == bundle(3)


def test_no_restart_goes_back_to_an_older_bundle_nor_to_another_of_its_version(tmp_path):
    Trusted(tmp_path, pin()).take(signed_bundle(bundle(3)), now=NOW)
    again = Trusted(tmp_path, pin())
    with refused(Reason.OLDER_BUNDLE):
        again.take(signed_bundle(bundle(2)), now=NOW)
    with refused(Reason.OTHER_BUNDLE):
        again.take(signed_bundle(bundle(3, fleet="other")), now=NOW)
    (tmp_path / "trust-bundle.json").write_bytes(signed_bundle(bundle(2)))
    with refused(Reason.OLDER_BUNDLE):
        Trusted(tmp_path, pin()).bundle(now=NOW)


def test_a_kill_between_the_two_files_leaves_the_newer_bundle(tmp_path):
    Trusted(tmp_path, pin()).take(signed_bundle(bundle(3)), now=NOW)
    held = (tmp_path / HELD).read_bytes()
    Trusted(tmp_path, pin()).take(signed_bundle(bundle(4)), now=NOW)
    (tmp_path / HELD).write_bytes(held)
    again = Trusted(tmp_path, pin())
    assert again.bundle(now=NOW).version == 4
    assert Trusted(tmp_path, pin()).version == 4


@pytest.mark.parametrize(
    ("made", "roots", "reason"),
    [
        (lambda: bundle(), ("root one",), Reason.THRESHOLD),
        (lambda: bundle(), ("root one", "root one"), Reason.DUPLICATE_SIGNER),
        (lambda: bundle(), ("root one", "eve"), Reason.UNKNOWN_KEY),
        (lambda: bundle(at=NOW - timedelta(days=60)), ("root one", "root two"), Reason.EXPIRED_BUNDLE),
        (lambda: bundle(at=NOW + timedelta(days=9)), ("root one", "root two"), Reason.BUNDLE_FROM_FUTURE),
    ],
)  # fmt: skip
def test_what_the_pinned_roots_did_not_sign_for_now_is_refused(tmp_path, made, roots, reason):
    trusted = Trusted(tmp_path, pin())
    with refused(reason):
        trusted.take(signed_bundle(made(), roots=roots), now=NOW)
    assert trusted.version == 0


def test_a_bundle_of_other_roots_is_refused_and_new_roots_begin_anew(tmp_path):
    Trusted(tmp_path, pin()).take(signed_bundle(bundle(9)), now=NOW)
    others = Roots(f"sha256:{'0' * 64}", 1)
    with refused(Reason.OTHER_ROOTS):
        Trusted(tmp_path, others).take(signed_bundle(bundle(10)), now=NOW)
    assert Trusted(tmp_path, others).version == 0


def test_a_bundle_that_ended_while_it_was_held_holds_no_more(tmp_path):
    trusted = Trusted(tmp_path, pin())
    trusted.take(signed_bundle(bundle()), now=NOW)
    with refused(Reason.EXPIRED_BUNDLE):
        trusted.bundle(now=NOW + timedelta(days=31))


async def test_the_owner_may_place_a_bundle_and_an_older_one_harms_nothing(tmp_path):
    trusted = Trusted(tmp_path, pin())
    placed = tmp_path / "placed.json"
    placed.write_bytes(signed_bundle(bundle(2)))
    await place_bundle(trusted, str(placed), now=NOW)
    assert trusted.version == 2
    trusted.take(signed_bundle(bundle(3)), now=NOW)
    await place_bundle(trusted, str(placed), now=NOW)
    assert trusted.version == 3
    with pytest.raises(Invalid, match="cannot be read"):
        await place_bundle(trusted, str(tmp_path / "none"), now=NOW)


def test_the_pin_is_read_from_a_file_and_says_how_many_must_sign(tmp_path):
    file = tmp_path / "roots.yaml"
    digest = pin().digest
    file.write_text(f"root: {digest}\nthreshold: 2\n")
    assert TrustRules(root_file=str(file)).roots() == pin()
    assert TrustRules().roots() is None
    with pytest.raises(Invalid, match="how many roots must sign"):
        TrustRules(root=digest).roots()
    with pytest.raises(Invalid, match="not sha256: and 64"):
        TrustRules(root=digest[:-1], threshold=1).roots()
    file.write_text(ssh_public("root one"))
    with pytest.raises(Invalid, match="names no trust roots"):
        TrustRules(root_file=str(file)).roots()


def with_a_root_that_ends(*, now, extra):
    """A pin of two, and a bundle signed by a root whose key ends in two days and by others."""
    ending = gpg_key("ending root", "ed25519", "2d")
    keys = (gpg_public(ending), ssh_public("root one"), ssh_public("root two"))
    document = write_bundle(bundle(at=now, roots=BundleRoots(threshold=2, keys=keys)))
    text = signed_text(document)
    signatures = [gpg_sign(text, ending), ssh_sign(text, "root one", namespace="vedette-trust")]
    if extra:
        signatures.append(ssh_sign(text, "root two", namespace="vedette-trust"))
    return Roots(roots_digest(keys), 2), write_signed(Signed(document, tuple(signatures)))


@needs_gpg
@pytest.mark.parametrize("extra", [True, False])
def test_a_root_that_ended_counts_no_more_and_the_others_do(tmp_path, extra):
    now = clock.now().replace(microsecond=0)
    pinned, signed = with_a_root_that_ends(now=now, extra=extra)
    later = now + timedelta(days=3)
    host = Trusted(tmp_path, pinned)
    if extra:
        assert host.take(signed, now=later)
    else:
        with refused(Reason.THRESHOLD) as why:
            host.take(signed, now=later)
        assert "1 of the roots signed the bundle, 2 must" in str(why.value)
        assert "ended at" in str(why.value)


@needs_gpg
def test_what_was_taken_before_a_root_ended_is_obeyed_after_a_restart_until_it_ends(tmp_path):
    now = clock.now().replace(microsecond=0)
    pinned, signed = with_a_root_that_ends(now=now, extra=False)
    assert Trusted(tmp_path, pinned).take(signed, now=now)
    assert Trusted(tmp_path, pinned).bundle(now=now + timedelta(days=3)).version == 1
    with refused(Reason.EXPIRED_BUNDLE):
        Trusted(tmp_path, pinned).bundle(now=now + timedelta(days=31))
