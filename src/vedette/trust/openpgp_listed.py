"""Verify with keys bound by SHA-1, which the library refuses and gpg accepts: only where listed.

Keys of GnuPG 1 vouch for themselves by SHA-1. Where a trust bundle lists such a key with a
reason, its bindings are verified here, SHA-1 among them; whatever it signs must be by a strong hash.
"""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from vedette.errors import Invalid
from vedette.trust.openpgp_certificate import Certificate, Key
from vedette.trust.openpgp_packets import (
    EMBEDDED,
    RSA,
    RSA_SIGN,
    KeyPacket,
    Signature,
    numbers,
    read_signature,
)
from vedette.trust.reasons import Reason, Untrusted

PRIMARY_BINDING = 0x19
BINDING_HASHES: dict[int, tuple[str, hashes.HashAlgorithm]] = {
    2: ("sha1", hashes.SHA1()),  # noqa: S303 - what this file is for
    8: ("sha256", hashes.SHA256()),
    9: ("sha384", hashes.SHA384()),
    10: ("sha512", hashes.SHA512()),
    11: ("sha224", hashes.SHA224()),
}


def verify_listed(signature: Signature, text: bytes, certificate: Certificate, key: Key) -> None:
    """Verify the text's signature, and that the certificate binds the key; else raise Untrusted.

    The signature's hash is held by the caller. Only RSA keys are that old and long enough.
    """
    try:
        bound = _is_bound(certificate, key) and _is_good(signature, text, key.packet)
    except (Invalid, IndexError, ValueError, UnsupportedAlgorithm) as error:
        raise Untrusted(
            Reason.NOT_A_KEY, f"the key {certificate.fingerprint} cannot be used: {error}"
        ) from None
    if not bound:
        raise Untrusted(
            Reason.WRONG_SIGNATURE,
            f"the signature by {certificate.fingerprint} is not over this text",
        )


def _is_bound(certificate: Certificate, key: Key) -> bool:
    """Whether the newest binding is the primary key's, and a subkey agreed to sign for it."""
    primary = certificate.primary
    for one in {id(primary): primary, id(key): key}.values():
        latest = one.latest()
        if latest is None:
            return False
        over = next(over for over, signature in one.bindings if signature is latest)
        if not _is_good(latest, primary.packet.hashed + over, primary.packet):
            return False
    return key is primary or _has_agreed(primary.packet, key)


def _has_agreed(primary: KeyPacket, key: Key) -> bool:
    """Whether the subkey's own signature stands in its binding, so that nobody claims another's."""
    latest = key.latest()
    embedded = latest.hashed.get(EMBEDDED) or latest.unhashed.get(EMBEDDED) if latest else None
    if not embedded:
        return False
    back = read_signature(embedded)
    over = primary.hashed + key.packet.hashed
    return back.type == PRIMARY_BINDING and _is_good(back, over, key.packet)


def _is_good(signature: Signature, over: bytes, key: KeyPacket) -> bool:
    if signature.hash not in BINDING_HASHES:
        return False
    name, algorithm = BINDING_HASHES[signature.hash]
    trailer = b"\x04\xff" + len(signature.head).to_bytes(4, "big")
    digest = hashlib.new(name, over + signature.head + trailer, usedforsecurity=False).digest()
    if digest[:2] != signature.left:
        return False
    try:
        _verify_rsa(key, numbers(signature.numbers), digest, Prehashed(algorithm))
    except InvalidSignature:
        return False
    return True


def _verify_rsa(key: KeyPacket, signed: list[bytes], digest: bytes, hashed: Prehashed) -> None:
    """Raise InvalidSignature unless the number is this key's over the digest."""
    if key.algorithm not in {RSA, RSA_SIGN}:
        raise Invalid(f"its algorithm (number {key.algorithm}) is not RSA; no other is that old")
    n, e = (int.from_bytes(one, "big") for one in numbers(key.body[6:]))
    public = rsa.RSAPublicNumbers(e, n).public_key()
    block = signed[0].rjust(public.key_size // 8, b"\x00")
    public.verify(block, digest, padding.PKCS1v15(), hashed)
