"""Whose signatures stand under a text; one wrong signature makes the whole text doubtful."""

from collections.abc import Sequence
from datetime import datetime

from vedette.errors import Invalid
from vedette.trust.openpgp import Verified, verify_openpgp
from vedette.trust.openpgp_certificate import read_certificate
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.ssh_signature import ONE_LINE_START, key_blob, ssh_fingerprint, verify_ssh

ACTION, TRUST = "vedette-action", "vedette-trust"
"""What SSH signatures are made for: their namespaces."""
MOST_SIGNATURES = 32
NOT_NOW = frozenset(
    [
        Reason.EXPIRED_KEY,
        Reason.REVOKED_KEY,
        Reason.EXPIRED_SIGNATURE,
        Reason.KEY_FROM_FUTURE,
        Reason.SIGNED_IN_FUTURE,
        Reason.WEAK_HASH,
        Reason.WEAK_KEY,
    ]
)
"""What becomes of a good signature as time goes by; every other reason is a mistake or a forgery."""


def is_openpgp_key(key: str) -> bool:
    """Whether a public key is an armoured one of OpenPGP; else it is a line of OpenSSH's."""
    return key.lstrip().startswith("-----BEGIN PGP")


def key_fingerprint(key: str) -> str:
    """Return the fingerprint signatures name: 40 hex digits, or `SHA256:…`; raises Invalid."""
    if is_openpgp_key(key):
        return read_certificate(key).fingerprint
    return ssh_fingerprint(key_blob(key))


def key_bytes(key: str) -> bytes:
    """Return the key without armour and comments; raises Invalid when it cannot be read."""
    return read_certificate(key).data if is_openpgp_key(key) else key_blob(key)


def verify(
    signature: str,
    text: bytes,
    keys: Sequence[str],
    *,
    namespace: str,
    now: datetime,
    accept_sha1: frozenset[str] = frozenset(),
) -> Verified:
    """Return who signed the text; raises Untrusted naming the reason when it does not count."""
    mark = signature.lstrip()
    if mark.startswith((ONE_LINE_START, "-----BEGIN SSH")):
        ssh_keys = [key for key in keys if not is_openpgp_key(key)]
        try:
            return Verified(verify_ssh(signature, text, ssh_keys, namespace=namespace), None)
        except Invalid as error:
            raise Untrusted(Reason.NOT_A_KEY, str(error)) from None
    pgp_keys = [key for key in keys if is_openpgp_key(key)]
    return verify_openpgp(signature, text, pgp_keys, now=now, accept_sha1=accept_sha1)


def verify_all(
    signatures: Sequence[str],
    text: bytes,
    keys: Sequence[str],
    *,
    namespace: str,
    now: datetime,
    accept_sha1: frozenset[str] = frozenset(),
) -> tuple[Verified, ...]:
    """Return everyone who signed, in order.

    Raises Untrusted when there is no signature, when one does not count, and when a key signed
    twice: who appears twice may be meant to pass for two.
    """
    found, aside = verify_some(
        signatures, text, keys, namespace=namespace, now=now, accept_sha1=accept_sha1
    )
    if aside:
        raise aside[0]
    return found


def verify_some(
    signatures: Sequence[str],
    text: bytes,
    keys: Sequence[str],
    *,
    namespace: str,
    now: datetime,
    accept_sha1: frozenset[str] = frozenset(),
) -> tuple[tuple[Verified, ...], tuple[Untrusted, ...]]:
    """Return everyone who signed, in order, and why others do not count now.

    Raises Untrusted as `verify_all` does for whatever time does not do to a signature.
    """
    if not signatures:
        raise Untrusted(Reason.NO_SIGNATURE, "nobody signed this; sign it first")
    if len(signatures) > MOST_SIGNATURES:
        raise Untrusted(Reason.NOT_A_SIGNATURE, f"there are more than {MOST_SIGNATURES} signatures")
    found: list[Verified] = []
    aside: list[Untrusted] = []
    for signature in signatures:
        try:
            one = verify(
                signature, text, keys, namespace=namespace, now=now, accept_sha1=accept_sha1
            )
        except Untrusted as refused:
            if refused.reason not in NOT_NOW:
                raise
            aside.append(refused)
            continue
        if any(one.fingerprint == other.fingerprint for other in found):
            raise Untrusted(
                Reason.DUPLICATE_SIGNER,
                f"{one.fingerprint} signed twice; keep one of the signatures",
            )
        found.append(one)
    return tuple(found), tuple(aside)
