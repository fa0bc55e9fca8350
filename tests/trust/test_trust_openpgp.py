"""Signatures of real gpg count, and MIG's; what is forged, weak, ended or revoked does not, by name."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signing_world import (
    gpg,
    gpg_home,
    gpg_key,
    gpg_public,
    gpg_sign,
    needs_gpg,
)

from vedette import clock
from vedette.errors import Denied, Invalid, Unavailable
from vedette.trust.action_text import v2_text
from vedette.trust.one_line import armor, read_one_line, write_one_line
from vedette.trust.openpgp import read_signature_packet, verify_openpgp
from vedette.trust.openpgp_certificate import read_certificate
from vedette.trust.openpgp_packets import packets, read_signature, repaired
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signing import sign_with_gpg

VECTORS = Path(__file__).parents[3] / "shared/fixtures/mig/vectors"
MIG_KEY = "397FD1F5E3DD4020BEF0E37E0F382D21C84C143A"
MIG_TIME = datetime(2017, 10, 25, 15, 52, tzinfo=UTC)
TEXT = b"name=x;target=y;"


def refused(*args, **more):
    with pytest.raises(Untrusted) as error:
        verify_openpgp(*args, **{"now": clock.now(), **more})
    return error.value.reason


def mig_vector():
    if not VECTORS.is_dir():
        pytest.skip("MIG's signed vectors are not on this machine")
    action = json.loads((VECTORS / "validSignedAction1.json").read_text())
    text = v2_text(
        name=action["name"],
        target=action["target"],
        valid_from_s=1508946605,
        expire_after_s=1508946965,
        operations=action["operations"],
    )
    return action["pgpsignatures"][0], text, (VECTORS / "keyValidSigner1.asc").read_text()


def test_migs_own_signature_counts_where_its_old_key_is_listed_and_nowhere_else():
    signature, text, key = mig_vector()
    listed = frozenset({MIG_KEY})
    found = verify_openpgp(signature, text, [key], now=MIG_TIME, accept_sha1=listed)
    assert found.fingerprint == MIG_KEY
    assert found.made_at == datetime(2017, 10, 25, 15, 51, 5, tzinfo=UTC)
    assert refused(signature, text, [key], now=MIG_TIME) is Reason.WEAK_HASH
    changed = text.replace(b"online", b"idle")
    assert (
        refused(signature, changed, [key], now=MIG_TIME, accept_sha1=listed)
        is Reason.WRONG_SIGNATURE
    )


KINDS = {
    "rsa-subkey": ("rsa2048", "rsa2048"),
    "ed25519": ("ed25519", ""),
    "p256": ("nistp256", ""),
}


@needs_gpg
@pytest.mark.parametrize("kind", KINDS)
def test_what_gpg_signed_counts_as_the_primary_key_and_nothing_else_does(kind):
    algorithm, subkey = KINDS[kind]
    fingerprint = gpg_key(kind, algorithm, subkey=subkey)
    keys = [gpg_public(gpg_key("ed25519")), gpg_public(fingerprint)]
    signature = gpg_sign(TEXT, fingerprint)
    assert verify_openpgp(signature, TEXT, keys, now=clock.now()).fingerprint == fingerprint
    assert refused(signature, TEXT + b" ", keys) is Reason.WRONG_SIGNATURE
    stranger = [gpg_public(gpg_key("stranger"))]
    assert refused(signature, TEXT, stranger) is Reason.UNKNOWN_KEY
    assert refused(signature, TEXT, []) is Reason.UNKNOWN_KEY


OLD = ("old", "rsa2048", "never", "--cert-digest-algo", "SHA1")


@needs_gpg
@pytest.mark.parametrize("subkey", ["", "rsa2048"])
def test_a_key_bound_by_sha1_counts_only_where_it_is_listed(subkey):
    fingerprint = gpg_key(f"{OLD[0]} {subkey or 'alone'}", *OLD[1:], subkey=subkey)
    signature, keys = (
        gpg_sign(TEXT, fingerprint, "--digest-algo", "SHA256"),
        [gpg_public(fingerprint)],
    )
    assert refused(signature, TEXT, keys) is Reason.WEAK_HASH
    listed = frozenset({fingerprint})
    found = verify_openpgp(signature, TEXT, keys, now=clock.now(), accept_sha1=listed)
    assert found.fingerprint == fingerprint
    assert refused(signature, b"else", keys, accept_sha1=listed) is Reason.WRONG_SIGNATURE
    weak = gpg_sign(TEXT, fingerprint, "--digest-algo", "SHA1")
    assert refused(weak, TEXT, keys, accept_sha1=listed) is Reason.WEAK_HASH


@needs_gpg
def test_the_binding_of_a_listed_key_is_verified_all_the_same():
    fingerprint = gpg_key("old rsa2048", *OLD[1:], subkey="rsa2048")
    signature, key = gpg_sign(TEXT, fingerprint), gpg_public(fingerprint)
    certificate = read_certificate(key)
    # The binding of the subkey is the last packet; its last number is changed.
    forged = certificate.data[:-1] + bytes([certificate.data[-1] ^ 1])
    keys = [armor("PGP PUBLIC KEY BLOCK", forged)]
    assert (
        refused(signature, TEXT, keys, accept_sha1=frozenset({fingerprint}))
        is Reason.WRONG_SIGNATURE
    )


@needs_gpg
def test_numbers_as_old_go_wrote_them_are_mended_before_the_library_reads_them():
    import pysequoia

    fingerprint = gpg_key("rsa-subkey", "rsa2048", subkey="rsa2048")
    keys = [gpg_public(fingerprint)]
    for attempt in range(40):
        text = TEXT + str(attempt).encode()
        body = next(packets(read_one_line(gpg_sign(text, fingerprint)))).body
        at = len(body) - len(read_signature(body).numbers)
        if int.from_bytes(body[at : at + 2], "big") % 8:
            break
    bits = 8 * (len(body) - at - 2)
    as_go = body[:at] + bits.to_bytes(2, "big") + body[at + 2 :]
    packet = b"\xc2\xff" + len(as_go).to_bytes(4, "big") + as_go
    with pytest.raises(Exception, match="ignature"):
        pysequoia.verify(
            bytes=text,
            store=lambda _: [pysequoia.Cert.from_bytes(keys[0].encode())],
            signature=pysequoia.Sig.from_bytes(packet),
        )
    assert verify_openpgp(write_one_line(packet), text, keys, now=clock.now())
    assert repaired(read_signature(as_go))[6:] == body


@needs_gpg
def test_the_signers_clock_may_be_a_minute_ahead_and_no_more():
    fingerprint = gpg_key("ed25519")
    signature, keys = gpg_sign(TEXT, fingerprint), [gpg_public(fingerprint)]
    made_at = verify_openpgp(signature, TEXT, keys, now=clock.now()).made_at
    assert verify_openpgp(signature, TEXT, keys, now=made_at - timedelta(seconds=60))
    early = made_at - timedelta(seconds=61)
    assert refused(signature, TEXT, keys, now=early) is Reason.SIGNED_IN_FUTURE


@needs_gpg
def test_a_key_may_be_a_minute_younger_than_now_and_no_more():
    fingerprint = gpg_key("of now", "ed25519")
    at = read_certificate(gpg_public(fingerprint)).primary.packet.made_at
    dated = f"{at - timedelta(seconds=90):%Y%m%dT%H%M%S}"
    backdated = ("--faked-system-time", dated, "--ignore-time-conflict", "--ignore-valid-from")
    signature, keys = gpg_sign(TEXT, fingerprint, *backdated), [gpg_public(fingerprint)]
    early = at - timedelta(seconds=61)
    assert refused(signature, TEXT, keys, now=early) is Reason.KEY_FROM_FUTURE


@needs_gpg
def test_a_key_that_ended_counts_for_nothing_however_old_the_signature():
    fingerprint = gpg_key("ends", "ed25519", "2d")
    signature, keys = gpg_sign(TEXT, fingerprint), [gpg_public(fingerprint)]
    now = clock.now()
    assert verify_openpgp(signature, TEXT, keys, now=now + timedelta(days=1))
    assert refused(signature, TEXT, keys, now=now + timedelta(days=3)) is Reason.EXPIRED_KEY


@needs_gpg
def test_a_subkey_that_ended_counts_for_nothing_while_its_primary_key_lives():
    fingerprint = gpg_key("short subkey", "ed25519", "never")
    gpg("--quick-add-key", fingerprint, "ed25519", "sign", "1d")
    signature, keys = gpg_sign(TEXT, fingerprint), [gpg_public(fingerprint)]
    later = clock.now() + timedelta(days=2)
    assert verify_openpgp(signature, TEXT, keys, now=clock.now()).fingerprint == fingerprint
    assert refused(signature, TEXT, keys, now=later) is Reason.EXPIRED_KEY


@needs_gpg
def test_a_revoked_key_counts_for_nothing_even_what_it_signed_before():
    fingerprint = gpg_key("revoked")
    signature, before = gpg_sign(TEXT, fingerprint), gpg_public(fingerprint)
    assert verify_openpgp(signature, TEXT, [before], now=clock.now())
    kept = gpg_home() / "openpgp-revocs.d" / f"{fingerprint}.rev"
    gpg("--import", text=kept.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))
    assert refused(signature, TEXT, [gpg_public(fingerprint)]) is Reason.REVOKED_KEY


@needs_gpg
@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (("--digest-algo", "SHA1"), Reason.WEAK_HASH),
        (("--textmode",), Reason.NOT_A_SIGNATURE),
    ],
)
def test_weak_hashes_and_signatures_over_texts_are_refused(option, reason):
    fingerprint = gpg_key("rsa-subkey", "rsa2048", subkey="rsa2048")
    assert refused(gpg_sign(TEXT, fingerprint, *option), TEXT, [gpg_public(fingerprint)]) is reason


@needs_gpg
def test_a_signature_that_ends_has_ended():
    fingerprint = gpg_key("ed25519")
    signature = gpg_sign(TEXT, fingerprint, "--default-sig-expire", "1d")
    later = clock.now() + timedelta(days=2)
    keys = [gpg_public(fingerprint)]
    assert refused(signature, TEXT, keys, now=later) is Reason.EXPIRED_SIGNATURE


@needs_gpg
def test_a_key_that_its_owner_took_from_signing_counts_for_nothing():
    fingerprint = gpg_key("certifies only by now", "ed25519")
    signature = gpg_sign(TEXT, fingerprint)
    told = b"change-usage\nS\nQ\nsave\n"
    gpg("--command-fd", "0", "--expert", "--edit-key", fingerprint, text=told)
    keys = [gpg_public(fingerprint)]
    assert refused(signature, TEXT, keys) is Reason.KEY_NOT_FOR_SIGNING


@needs_gpg
def test_a_short_key_is_refused():
    fingerprint = gpg_key("short", "rsa1024")
    assert refused(gpg_sign(TEXT, fingerprint), TEXT, [gpg_public(fingerprint)]) is Reason.WEAK_KEY


@needs_gpg
def test_a_message_with_its_signature_a_key_or_two_signatures_are_no_detached_signature():
    fingerprint = gpg_key("ed25519")
    key = gpg_public(fingerprint)
    packet = read_one_line(gpg_sign(TEXT, fingerprint))
    whole = gpg("--local-user", fingerprint, "--sign", "--output", "-", text=TEXT)
    for text in (write_one_line(whole), key, write_one_line(packet * 2), "", "AAAA=AAAA", "é"):
        assert refused(text, TEXT, [key]) is Reason.NOT_A_SIGNATURE


@needs_gpg
def test_a_key_that_cannot_be_read_is_refused_as_that():
    signature = gpg_sign(TEXT, gpg_key("ed25519"))
    assert refused(signature, TEXT, ["-----BEGIN PGP"]) is Reason.NOT_A_KEY
    two = gpg("--armor", "--export", gpg_key("ed25519"), gpg_key("stranger")).decode()
    assert refused(signature, TEXT, [two]) is Reason.NOT_A_KEY


@needs_gpg
def test_the_users_gpg_signs_and_gpg_verifies_what_it_signed(tmp_path, monkeypatch):
    monkeypatch.setenv("GNUPGHOME", str(gpg_home()))
    fingerprint = gpg_key("ed25519")
    signature = sign_with_gpg(TEXT, fingerprint)
    assert verify_openpgp(signature, TEXT, [gpg_public(fingerprint)], now=clock.now())
    (tmp_path / "text").write_bytes(TEXT)
    (tmp_path / "text.asc").write_text(armor("PGP SIGNATURE", read_one_line(signature)))
    gpg("--verify", str(tmp_path / "text.asc"), str(tmp_path / "text"))
    with pytest.raises(Denied, match="gpg did not sign"):
        sign_with_gpg(TEXT, "0" * 40)
    with pytest.raises(Unavailable, match="no nothing-of-this-name"):
        sign_with_gpg(TEXT, fingerprint, gpg="nothing-of-this-name")


@needs_gpg
@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_signature_is_refused_and_breaks_nothing(at, byte, cut):
    signature, key = signed_once(gpg_key("p256", "nistp256"))
    packet = read_one_line(signature)
    at %= len(packet)
    packet = packet[:at] if cut else packet[:at] + bytes([byte]) + packet[at + 1 :]
    try:
        verify_openpgp(write_one_line(bytes(packet)), TEXT, [key], now=clock.now())
    except Untrusted:
        return
    # Only what no signature covers may change: the unhashed part.
    assert read_signature_packet(write_one_line(bytes(packet))).type == 0


@needs_gpg
@given(at=st.integers(0, 2_000), byte=st.integers(0, 255))
def test_a_damaged_certificate_makes_nobody_somebody_else(at, byte):
    fingerprint = gpg_key("p256", "nistp256")
    signature, key = signed_once(fingerprint)
    data = read_certificate(key).data
    at %= len(data)
    damaged = armor("PGP PUBLIC KEY BLOCK", data[:at] + bytes([byte]) + data[at + 1 :])
    with suppress(Untrusted):
        found = verify_openpgp(signature, TEXT, [damaged], now=clock.now())
        assert found.fingerprint == fingerprint


@cache
def signed_once(fingerprint):
    return gpg_sign(TEXT, fingerprint), gpg_public(fingerprint)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_certificate_are_refused(data):
    with pytest.raises(Invalid):
        read_certificate(armor("PGP PUBLIC KEY BLOCK", b"\x99\x01\x0d" + data))
