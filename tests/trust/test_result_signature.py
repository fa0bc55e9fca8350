"""An answer bears the signature of the agent that gave it, and of no other."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from vedette.errors import Denied, Invalid
from vedette.trust.result_signature import hold_result, sign_result

ANSWER = b'{"command":7}'


def pair(key):
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


MAKERS = {
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_what_an_agent_signed_holds_and_nothing_else_does(kind):
    secret, public = pair(MAKERS[kind]())
    _, other = pair(MAKERS[kind]())
    signature = sign_result(secret, ANSWER)
    hold_result(public, ANSWER, signature)
    for key, answer, signed in (
        (other, ANSWER, signature),
        (public, ANSWER + b" ", signature),
        (public, ANSWER, signature[:-1]),
        (public, ANSWER, b""),
    ):
        with pytest.raises(Denied, match="does not bear"):
            hold_result(key, answer, signed)


def test_what_is_no_key_of_an_agent_signs_nothing_and_proves_nothing():
    secret, public = pair(rsa.generate_private_key(65537, 2048))
    with pytest.raises(Invalid, match="neither elliptic nor Ed25519"):
        sign_result(secret, ANSWER)
    for key in (public, b"no key", b"0" * 10_000):
        with pytest.raises(Denied):
            hold_result(key, ANSWER, b"signature")
