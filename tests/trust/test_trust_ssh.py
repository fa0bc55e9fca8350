"""Signatures of real ssh-keygen count, for the purpose they were made for; ours are read by it."""

import base64
import subprocess
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signing_world import needs_ssh, ssh_key, ssh_public, ssh_sign

from vedette.errors import Denied, Invalid
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signing import sign_with_ssh
from vedette.trust.ssh_signature import key_blob, ssh_fingerprint, verify_ssh

pytestmark = needs_ssh
TEXT = b"vedette action v3\n{}"
KINDS = {
    "ed25519": {},
    "ecdsa": {"kind": "ecdsa", "bits": "256"},
    "rsa": {"kind": "rsa", "bits": "2048"},
}


def verified(signature, text, keys, namespace="vedette-action"):
    return verify_ssh(signature, text, keys, namespace=namespace)


def refused(*args, **more):
    with pytest.raises(Untrusted) as error:
        verified(*args, **more)
    return error.value.reason


@pytest.mark.parametrize("name", KINDS)
def test_what_ssh_keygen_signed_counts_and_nothing_else_does(name):
    public = ssh_public(name, **KINDS[name])
    signature = ssh_sign(TEXT, name, **KINDS[name])
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(ssh_key(name, **KINDS[name]))],
        capture_output=True,
        text=True,
    ).stdout
    assert verified(signature, TEXT, [ssh_public("other"), public]) == told.split()[1]
    assert refused(signature, TEXT + b" ", [public]) is Reason.WRONG_SIGNATURE
    assert refused(signature, TEXT, [ssh_public("other")]) is Reason.UNKNOWN_KEY


def test_a_signature_made_for_git_is_none_of_an_action():
    signature = ssh_sign(TEXT, "ed25519", "git")
    assert refused(signature, TEXT, [ssh_public("ed25519")]) is Reason.OTHER_NAMESPACE


def test_an_armoured_signature_counts_as_one_in_a_line_does():
    command = [
        "ssh-keygen",
        "-q",
        "-Y",
        "sign",
        "-n",
        "vedette-action",
        "-f",
        str(ssh_key("ed25519")),
    ]
    armored = subprocess.run(command, input=TEXT, capture_output=True, check=True).stdout.decode()
    assert verified(armored, TEXT, [ssh_public("ed25519")])


def test_rsa_signed_by_sha1_and_short_rsa_keys_do_not_count():
    rsa = KINDS["rsa"]
    signature = ssh_sign(TEXT, "rsa", **rsa)
    blob = base64.b64decode(signature)
    by_sha1 = blob.replace(
        b"\x00\x00\x01\x14\x00\x00\x00\x0crsa-sha2-512", b"\x00\x00\x01\x0f\x00\x00\x00\x07ssh-rsa"
    )
    assert by_sha1 != blob
    keys = [ssh_public("rsa", **rsa)]
    assert refused(base64.b64encode(by_sha1).decode(), TEXT, keys) is Reason.WEAK_HASH
    short = {"kind": "rsa", "bits": "1024"}
    assert (
        refused(ssh_sign(TEXT, "short", **short), TEXT, [ssh_public("short", **short)])
        is Reason.WEAK_KEY
    )


@cache
def signed_once():
    return base64.b64decode(ssh_sign(TEXT, "ed25519")), ssh_public("ed25519")


@given(st.integers(0, 400), st.integers(1, 255), st.booleans())
def test_a_damaged_signature_is_refused_whatever_byte_it_is(at, by, cut):
    blob, public = signed_once()
    at %= len(blob)
    damaged = blob[:at] if cut else blob[:at] + bytes([blob[at] ^ by]) + blob[at + 1 :]
    assert refused(base64.b64encode(damaged).decode(), TEXT, [public])


@given(st.text(max_size=60))
def test_other_texts_are_no_signatures_and_no_keys(text):
    assert refused(text, TEXT, []) is Reason.NOT_A_SIGNATURE
    with pytest.raises(Invalid):
        key_blob(text)


@pytest.mark.parametrize("key", ["ssh-ed25519 AAAA", "ssh-dss AAAA", "ssh-ed25519", "ssh-rsa é x"])
def test_keys_that_cannot_sign_are_refused(key):
    with pytest.raises(Invalid):
        key_blob(key)


def test_a_key_is_the_same_whatever_its_comment():
    public = ssh_public("ed25519")
    assert key_blob(public) == key_blob(" ".join(public.split()[:2]))
    assert ssh_fingerprint(key_blob(public)).startswith("SHA256:")


def test_ssh_keygen_tells_why_it_does_not_sign(tmp_path):
    with pytest.raises(Denied, match="ssh-keygen did not sign"):
        sign_with_ssh(TEXT, tmp_path / "absent", namespace="vedette-action")
