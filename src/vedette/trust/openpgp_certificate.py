"""An OpenPGP certificate as its owner wrote it: keys with their lives, uses and revocations.

The owner's own signatures are read here, not verified: what is read only ever takes from a key
(it has ended, it was revoked), while the library verifies what gives. `openpgp_listed` verifies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from vedette.errors import Invalid
from vedette.trust.one_line import dearmor
from vedette.trust.openpgp_packets import (
    DSA,
    KEY_EXPIRES,
    KEY_FLAGS,
    PUBLIC_KEY,
    PUBLIC_SUBKEY,
    RSA,
    RSA_SIGN,
    SIGNATURE,
    USER_ID,
    KeyPacket,
    Packet,
    Signature,
    numbers,
    packets,
    read_key,
    read_signature,
)

POSITIVE = range(0x10, 0x14)
SUBKEY_BINDING, DIRECT, KEY_REVOKED, SUBKEY_REVOKED = 0x18, 0x1F, 0x20, 0x28
LEAST_BITS = 2048
"""Of RSA and DSA; NIST disallows less since 2014."""
FOR_SIGNING = 0x02


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a certificate.

    over: what the bindings sign, the primary key's own user id or nothing.
    bindings: the owner's signatures that give it life and uses. revoked: the owner ended it.
    """

    packet: KeyPacket
    bindings: tuple[tuple[bytes, Signature], ...]
    revoked: bool

    def expires_at(self) -> datetime | None:
        """When the newest binding ends the key; None: never."""
        latest = self.latest()
        span = latest.span(KEY_EXPIRES) if latest else None
        return self.packet.made_at + span if span else None

    def may_sign(self, *, primary: bool) -> bool:
        """Whether the newest binding lets the key sign; a primary one that says nothing may."""
        latest = self.latest()
        flags = latest.hashed.get(KEY_FLAGS) if latest else None
        return primary if not flags else bool(flags[0] & FOR_SIGNING)

    def latest(self) -> Signature | None:
        """Return the newest of the bindings."""
        return max((s for _, s in self.bindings), key=lambda s: s.made_at, default=None)

    def is_weak(self) -> bool:
        """Whether its RSA or DSA modulus is shorter than is safe."""
        if self.packet.algorithm not in {RSA, RSA_SIGN, DSA}:
            return False
        found = numbers(self.packet.body[6:])
        return not found or int.from_bytes(found[0], "big").bit_length() < LEAST_BITS


@dataclass(frozen=True, slots=True)
class Certificate:
    """A public key as a person hands it over: the primary key and its subkeys.

    data: its packets, without armour.
    """

    primary: Key
    subkeys: tuple[Key, ...]
    data: bytes

    @property
    def fingerprint(self) -> str:
        """The primary key's fingerprint, upper-case hex: who this is."""
        return self.primary.packet.fingerprint

    def key_of(self, issuers: Sequence[str]) -> Key | None:
        """Return the key of this fingerprint or key id."""
        for key in (self.primary, *self.subkeys):
            fingerprint = key.packet.fingerprint
            if any(len(i) >= 16 and fingerprint.endswith(i) for i in issuers):
                return key
        return None


@lru_cache(maxsize=4_096)  # every key of a large trust bundle: one is read in half a millisecond
def read_certificate(text: str) -> Certificate:
    """Return the one certificate of an armoured public key; raises Invalid when it is not one."""
    kind, data = dearmor(text)
    if kind != "PGP PUBLIC KEY BLOCK":
        raise Invalid(f"a public key is needed, not a {kind}; export it with gpg --armor --export")
    groups = _grouped(data)
    if not groups or groups[0][0].tag != PUBLIC_KEY:
        raise Invalid("an OpenPGP public key begins with its primary key")
    if sum(group[0].tag == PUBLIC_KEY for group in groups) > 1:
        raise Invalid("there is more than one public key; give one key at a time")
    return _certificate(groups, data)


def _grouped(data: bytes) -> list[list[Packet]]:
    """Return every key and user id with the signatures that follow it."""
    groups: list[list[Packet]] = []
    for packet in packets(data):
        if packet.tag != SIGNATURE:
            groups.append([packet])
        elif groups:
            groups[-1].append(packet)
    return groups


def _certificate(groups: list[list[Packet]], data: bytes) -> Certificate:
    primary = read_key(groups[0][0].body)
    bindings: list[tuple[bytes, Signature]] = []
    revoked = False
    subkeys = []
    for head, *rest in groups:
        own = [s for s in map(_signature_or_none, rest) if s and _is_by(s, primary)]
        if head.tag == PUBLIC_KEY:
            revoked = any(s.type == KEY_REVOKED for s in own)
            bindings += [(b"", s) for s in own if s.type == DIRECT]
        elif head.tag == USER_ID:
            over = b"\xb4" + len(head.body).to_bytes(4, "big") + head.body
            bindings += [(over, s) for s in own if s.type in POSITIVE]
        elif head.tag == PUBLIC_SUBKEY:
            subkeys.append(_subkey(head.body, own))
    keys = (Key(primary, tuple(bindings), revoked), *subkeys)
    for key in keys:
        key.is_weak()  # raises for numbers that are cut off
    return Certificate(keys[0], keys[1:], data)


def _subkey(body: bytes, own: list[Signature]) -> Key:
    packet = read_key(body)
    bindings = tuple((packet.hashed, s) for s in own if s.type == SUBKEY_BINDING)
    return Key(packet, bindings, any(s.type == SUBKEY_REVOKED for s in own))


def _signature_or_none(packet: Packet) -> Signature | None:
    """Return the signature, or None: others' certifications may be of versions we do not read."""
    try:
        signature = read_signature(packet.body)
        _ = signature.made_at
    except Invalid:
        return None
    return signature


def _is_by(signature: Signature, primary: KeyPacket) -> bool:
    return any(len(i) >= 16 and primary.fingerprint.endswith(i) for i in signature.issuers)
