"""Signatures of real ssh-keygen count, for the purpose they were made for; ours are read by it."""

import base64
import hashlib
import subprocess
import textwrap
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.signing_world import needs_ssh, ssh_key, ssh_public, ssh_sign

from vedette.errors import Denied, Invalid
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signing import sign_with_ssh
from vedette.trust.ssh_signature import SECURITY_KEYS, key_blob, ssh_fingerprint, verify_ssh

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


def string(data):
    return len(data).to_bytes(4, "big") + data


def ecdsa_pair(signed):
    """DER's two numbers, as SSH writes them: no sign bit, no zero too many."""
    return b"".join(
        string(number.to_bytes(number.bit_length() // 8 + 1, "big"))
        for number in decode_dss_signature(signed)
    )


class Token:
    """A security key: what it signs, it signs with its application's digest, its flags and its count."""

    def __init__(self, kind, application=b"ssh:"):
        self.kind, self.application = kind.encode(), application
        if kind.startswith("sk-ssh"):
            self.secret = ed25519.Ed25519PrivateKey.generate()
            raw = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            said = string(raw)
        else:
            self.secret = ec.generate_private_key(ec.SECP256R1())
            point = self.secret.public_key().public_bytes(
                Encoding.X962, PublicFormat.UncompressedPoint
            )
            said = string(b"nistp256") + string(point)
        self.blob = string(self.kind) + said + string(application)

    @property
    def public(self):
        return f"{self.kind.decode()} {base64.b64encode(self.blob).decode()} ada@token"

    def sign(self, text, *, flags=1, algorithm=None, namespace=b"vedette-action"):
        over = b"SSHSIG" + string(namespace) + string(b"") + string(b"sha512")
        over += string(hashlib.sha512(text).digest())
        proof = bytes([flags]) + (7).to_bytes(4, "big")
        asked = hashlib.sha256(self.application).digest() + proof + hashlib.sha256(over).digest()
        if isinstance(self.secret, ed25519.Ed25519PrivateKey):
            signed = self.secret.sign(asked)
        else:
            signed = ecdsa_pair(self.secret.sign(asked, ec.ECDSA(hashes.SHA256())))
        inner = string(algorithm or self.kind) + string(signed) + (b"" if algorithm else proof)
        blob = b"SSHSIG" + (1).to_bytes(4, "big") + string(self.blob) + string(namespace)
        return blob + string(b"") + string(b"sha512") + string(inner)


def armored(blob):
    lines = "\n".join(textwrap.wrap(base64.b64encode(blob).decode(), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"


def in_line(blob):
    return base64.b64encode(blob).decode()


@pytest.mark.parametrize("kind", SECURITY_KEYS)
def test_a_security_key_that_was_touched_counts_for_us_as_for_ssh_keygen(kind, tmp_path):
    token = Token(kind)
    blob = token.sign(TEXT)
    (tmp_path / "sig").write_text(armored(blob))
    command = ["ssh-keygen", "-Y", "check-novalidate", "-n", "vedette-action", "-s"]
    told = subprocess.run([*command, tmp_path / "sig"], input=TEXT, capture_output=True)
    assert told.returncode == 0, told
    assert verified(in_line(blob), TEXT, [token.public]) == ssh_fingerprint(token.blob)
    assert refused(in_line(blob), TEXT + b" ", [token.public]) is Reason.WRONG_SIGNATURE
    assert refused(in_line(blob), TEXT, [Token(kind).public]) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("kind", SECURITY_KEYS)
def test_a_security_key_that_nobody_touched_does_not_count(kind):
    token = Token(kind)
    assert refused(in_line(token.sign(TEXT, flags=0)), TEXT, [token.public]) is Reason.NOT_TOUCHED
    pretends = token.sign(TEXT, flags=0).replace(b"\0\0\0\0\x07", b"\x01\0\0\0\x07")
    assert refused(in_line(pretends), TEXT, [token.public]) is Reason.WRONG_SIGNATURE


@pytest.mark.parametrize("kind", SECURITY_KEYS)
def test_a_security_key_does_not_sign_as_a_plain_one(kind):
    token = Token(kind)
    plain = kind.removeprefix("sk-").removesuffix("@openssh.com").encode()
    signed = in_line(token.sign(TEXT, algorithm=plain))
    assert refused(signed, TEXT, [token.public]) is Reason.WEAK_HASH


def test_a_plain_key_does_not_pass_for_one_that_was_touched():
    token = Token(SECURITY_KEYS[0])
    raw = token.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    token.blob = string(b"ssh-ed25519") + string(raw)
    token.application = raw
    listed = f"ssh-ed25519 {base64.b64encode(token.blob).decode()}"
    assert refused(in_line(token.sign(TEXT)), TEXT, [listed]) is Reason.WEAK_HASH


def test_a_key_that_web_sites_ask_is_no_key_of_ssh():
    with pytest.raises(Invalid):
        key_blob(Token(SECURITY_KEYS[0], b"https://example.org").public)


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
