"""Verify detached OpenPGP signatures, made by gpg or by MIG's old Go, against known public keys.

Who could have signed is decided by what must not be doubted: a key that is revoked or has ended
*now* counts for nothing, however old the signature says it is, since who stole a key can say so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.errors import Invalid
from vedette.trust.one_line import dearmor, read_one_line
from vedette.trust.openpgp_certificate import Certificate, Key, read_certificate
from vedette.trust.openpgp_listed import verify_listed
from vedette.trust.openpgp_packets import (
    SIGNATURE,
    SIGNATURE_EXPIRES,
    Signature,
    packets,
    read_signature,
    repaired,
)
from vedette.trust.reasons import Reason, Untrusted

SKEW = timedelta(seconds=60)
"""How far a signer's clock may be ahead of the one that judges."""

BINARY = 0x00
STRONG_HASHES = {8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that counts.

    fingerprint: of the primary key in upper-case hex, or OpenSSH's `SHA256:…`.
    made_at: when the signer says; None: SSH signatures do not say.
    """

    fingerprint: str
    made_at: datetime | None


def read_signature_packet(text: str) -> Signature:
    """Return the one signature of a one-line or armoured text; raises Untrusted when it is none."""
    try:
        return read_signature(_only_packet(text))
    except Invalid as error:
        raise Untrusted(Reason.NOT_A_SIGNATURE, str(error)) from None


def _only_packet(text: str) -> bytes:
    data = dearmor(text)[1] if text.lstrip().startswith("-----") else read_one_line(text)
    found = list(packets(data))
    if [packet.tag for packet in found] != [SIGNATURE]:
        raise Invalid("there must be one detached signature and nothing else")
    return found[0].body


def verify_openpgp(
    signature: str,
    text: bytes,
    keys: Iterable[str],
    *,
    now: datetime,
    accept_sha1: frozenset[str] = frozenset(),
) -> Verified:
    """Return who signed the text; raises Untrusted naming the reason when it does not count.

    keys: armoured public keys of those who may. accept_sha1: fingerprints of primary keys whose
    bindings by SHA-1 count all the same; the signature over the text never may be by SHA-1.
    """
    packet = read_signature_packet(signature)
    certificate, key = _signer(packet, keys)
    _hold_signature(packet, now)
    _hold_key(certificate, key, now)
    try:
        whole = repaired(packet)
    except Invalid as error:
        raise Untrusted(Reason.NOT_A_SIGNATURE, str(error)) from None
    if _is_bound_weakly(certificate, key):
        if certificate.fingerprint not in accept_sha1:
            raise Untrusted(
                Reason.WEAK_HASH,
                f"the key {certificate.fingerprint} vouches for itself by a weak hash such as SHA-1",
                hint="let its owner renew it (gpg --quick-set-expire), or list it with a reason",
            )
        verify_listed(packet, text, certificate, key)
    else:
        _verify(whole, text, certificate, key)
    return Verified(certificate.fingerprint, packet.made_at)


def _signer(packet: Signature, keys: Iterable[str]) -> tuple[Certificate, Key]:
    for text in keys:
        try:
            certificate = read_certificate(text)
        except Invalid as error:
            raise Untrusted(Reason.NOT_A_KEY, str(error)) from None
        key = certificate.key_of(packet.issuers[:1])
        if key is not None:
            return certificate, key
    who = packet.issuers[0] if packet.issuers else "somebody it does not name"
    raise Untrusted(Reason.UNKNOWN_KEY, f"the signature is by {who}, whom nobody here knows")


def _hold_signature(packet: Signature, now: datetime) -> None:
    if packet.type != BINARY:
        raise Untrusted(
            Reason.NOT_A_SIGNATURE,
            f"the signature is of type {packet.type:#04x}, not over a document",
        )
    if packet.hash not in STRONG_HASHES:
        raise Untrusted(
            Reason.WEAK_HASH,
            f"the signature's hash (number {packet.hash}) is too weak; sign with SHA-256 or better",
        )
    try:
        made_at, span = packet.made_at, packet.span(SIGNATURE_EXPIRES)
    except Invalid as error:
        raise Untrusted(Reason.NOT_A_SIGNATURE, str(error)) from None
    if made_at > now + SKEW:
        raise Untrusted(
            Reason.SIGNED_IN_FUTURE,
            f"the signature was made at {made_at:%FT%TZ}, after now; set the clocks",
        )
    if span is not None and now >= made_at + span:
        raise Untrusted(Reason.EXPIRED_SIGNATURE, f"the signature ended at {made_at + span:%FT%TZ}")


def _hold_key(certificate: Certificate, key: Key, now: datetime) -> None:
    """Hold both the key that signed and the primary one, which is who signed."""
    for one in (certificate.primary, key):
        name = one.packet.fingerprint
        if one.revoked:
            raise Untrusted(Reason.REVOKED_KEY, f"the key {name} was revoked by its owner")
        ends = one.expires_at()
        if ends is not None and now >= ends:
            raise Untrusted(Reason.EXPIRED_KEY, f"the key {name} ended at {ends:%FT%TZ}; renew it")
        if one.packet.made_at > now + SKEW:
            raise Untrusted(
                Reason.KEY_FROM_FUTURE, f"the key {name} was made after now; set the clocks"
            )
        if one.is_weak():
            raise Untrusted(
                Reason.WEAK_KEY, f"the key {name} is shorter than 2048 bits; make another"
            )
    if not key.may_sign(primary=key is certificate.primary):
        raise Untrusted(
            Reason.KEY_NOT_FOR_SIGNING, f"the key {key.packet.fingerprint} is not meant for signing"
        )


def vouches_weakly(key: str) -> bool:
    """Whether a public key is OpenPGP's and vouches for itself by a hash that does not count."""
    if not key.lstrip().startswith("-----BEGIN PGP"):
        return False
    certificate = read_certificate(key)
    return _is_bound_weakly(certificate, certificate.primary)


def _is_bound_weakly(certificate: Certificate, key: Key) -> bool:
    latest = [one.latest() for one in (certificate.primary, key)]
    return any(binding and binding.hash not in STRONG_HASHES for binding in latest)


def _verify(signature: bytes, text: bytes, certificate: Certificate, key: Key) -> None:
    """Verify by the library, whose policy also holds the bindings between the keys."""
    import pysequoia  # a client that signs nothing starts without it

    try:
        cert = pysequoia.Cert.from_bytes(certificate.data)
        found = pysequoia.verify(
            bytes=text, store=lambda _: [cert], signature=pysequoia.Sig.from_bytes(signature)
        )
        signers = {(one.certificate.upper(), one.signing_key.upper()) for one in found.valid_sigs}
    except Exception:  # noqa: BLE001 - the library raises bare ones for whatever is wrong
        signers = set()
    if signers != {(certificate.fingerprint, key.packet.fingerprint)}:
        raise Untrusted(
            Reason.WRONG_SIGNATURE,
            f"the signature by {certificate.fingerprint} is not over this text",
        )
