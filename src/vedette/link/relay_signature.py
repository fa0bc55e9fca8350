"""What an agent signs when a collector stands between, and how a signature is checked.

A signature is over the agent's key, its run, the number and the digests of frame and terms: a frame
cannot be changed, given another number or passed off as another agent's by whoever carries it.
"""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from vedette.link import vedette_pb2 as pb
from vedette.trust.keys import private_key

DOMAIN = b"vedette frame v1\0"
PUBLIC_KEY_LIMIT = 512
"""Bytes of a public key; ours are 91."""

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_ECDSA = ec.ECDSA(hashes.SHA256())


class Forged(Exception):  # noqa: N818 - a verdict
    """The signature is not this key's over these bytes."""


class Signer:
    """Signs for one run of one agent; numbers what has no sequence of its own."""

    def __init__(self, key_pem: bytes, run: bytes) -> None:
        self._key = private_key(key_pem)
        self._run = run
        self._number = 0
        self.public_key = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self._identity = identity(self.public_key)

    def sign(self, frame: bytes, *, seq: int = 0, terms: bytes = b"") -> pb.Signed:
        """Return the frame signed; `seq` is a batch's or gap's own number."""
        if not seq:
            self._number += 1
        number = seq or self._number
        said = statement(self._identity, self._run, number, frame, terms)
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            signature = self._key.sign(said)
        else:
            signature = self._key.sign(said, _ECDSA)
        return pb.Signed(
            frame=frame, signature=signature, run=self._run, number=number, terms=terms
        )


def digest(layout: bytes) -> bytes:
    """Return the digest by which terms name a serialised layout."""
    return hashlib.sha256(layout).digest()


def identity(public_key: bytes) -> bytes:
    """Return who holds that key: the SHA-256 of its DER, as in a certificate's fingerprint."""
    return hashlib.sha256(public_key).digest()


def load_public_key(der: bytes) -> PublicKey:
    """Read a public key; raises Forged on what is none, or of a kind nobody of ours has."""
    try:
        key = load_der_public_key(der) if len(der) <= PUBLIC_KEY_LIMIT else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, PublicKey):
        raise Forged("this is no public key of a kind we use")
    return key


def verify(key: PublicKey, agent: bytes, signed: pb.Signed) -> None:
    """Raise Forged unless the holder of that key signed exactly this; `agent` is its `identity`."""
    said = statement(agent, signed.run, signed.number, signed.frame, signed.terms)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signed.signature, said)
        else:
            key.verify(signed.signature, said, _ECDSA)
    except InvalidSignature:
        raise Forged("a frame does not bear its agent's signature") from None


def is_in_sequence(signed: pb.Signed) -> bool:
    """Whether it holds a batch or a gap; they alone cost credit."""
    # The first byte of a FromAgent is its field's tag: 3 is a batch, 4 a gap.
    return signed.frame[:1] in {b"\x1a", b"\x22"}


def statement(agent: bytes, run: bytes, number: int, frame: bytes, terms: bytes) -> bytes:
    """Return the bytes that are signed; every part but the last two has a fixed length."""
    if len(run) != 16:
        raise Forged("a run has 16 bytes")
    return b"".join(
        (
            DOMAIN,
            agent,
            run,
            number.to_bytes(8, "big"),
            hashlib.sha256(frame).digest(),
            hashlib.sha256(terms).digest(),
        )
    )
