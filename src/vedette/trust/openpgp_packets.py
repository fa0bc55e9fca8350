"""OpenPGP's packets, as far as a signature and a public key need them (RFC 4880, version 4).

A small reader beside the library, for three things: MIG's malformed numbers, the names of what is
refused, and keys bound by SHA-1. It decides nothing and trusts nothing; lengths are all checked.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vedette.errors import Invalid

SIGNATURE, PUBLIC_KEY, USER_ID, PUBLIC_SUBKEY = 2, 6, 13, 14
RSA, RSA_SIGN, DSA, ECDSA = 1, 3, 17, 19

MOST_PACKETS = 2_000
"""A key with more is one that strangers flooded with certifications."""

_NUMBERS = {RSA: 1, RSA_SIGN: 1, DSA: 2, ECDSA: 2}
"""How many numbers a signature of an algorithm ends with, where we know them."""

CREATED, SIGNATURE_EXPIRES, KEY_EXPIRES, ISSUER, KEY_FLAGS = 2, 3, 9, 16, 27
EMBEDDED, ISSUER_FINGERPRINT = 32, 33
_CRITICAL_KNOWN = {2, 3, 4, 5, 7, 9, 11, 12, 16, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31, 32, 33}


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet: its tag, and its body without the header."""

    tag: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature packet of version 4.

    head: what is hashed of it. hashed, unhashed: subpackets by type, the last of each wins.
    left: the first two bytes of the hash. numbers: the signature proper, MPIs as bytes.
    """

    type: int
    algorithm: int
    hash: int
    head: bytes
    hashed: Mapping[int, bytes]
    unhashed: Mapping[int, bytes] = field(default_factory=dict)
    left: bytes
    numbers: bytes
    body: bytes

    @property
    def made_at(self) -> datetime:
        """When the signer says it was made; raises Invalid when it does not say."""
        if len(self.hashed.get(CREATED, b"")) != 4:
            raise Invalid("the signature does not say when it was made")
        return datetime.fromtimestamp(int.from_bytes(self.hashed[CREATED], "big"), UTC)

    @property
    def issuers(self) -> tuple[str, ...]:
        """Fingerprint or key id of who made it, in upper-case hex; the fingerprint first."""
        both = (self.hashed, self.unhashed)
        prints = [p[ISSUER_FINGERPRINT][1:].hex().upper() for p in both if ISSUER_FINGERPRINT in p]
        return (*prints, *(p[ISSUER].hex().upper() for p in both if ISSUER in p))

    def span(self, subpacket: int) -> timedelta | None:
        """Return how long something lasts by that subpacket; None: for ever."""
        seconds = int.from_bytes(self.hashed.get(subpacket, b"")[:4], "big")
        return timedelta(seconds=seconds) if seconds else None


@dataclass(frozen=True, slots=True)
class KeyPacket:
    """A public key or subkey of version 4: its body, as it is hashed for the fingerprint."""

    body: bytes

    @property
    def made_at(self) -> datetime:
        """When it says it was made."""
        return datetime.fromtimestamp(int.from_bytes(self.body[1:5], "big"), UTC)

    @property
    def algorithm(self) -> int:
        """The number of its algorithm."""
        return self.body[5]

    @property
    def fingerprint(self) -> str:
        """The version 4 fingerprint: 40 hex digits, upper case."""
        return hashlib.sha1(self.hashed, usedforsecurity=False).hexdigest().upper()

    @property
    def hashed(self) -> bytes:
        """The key as signatures over it hash it."""
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body


def packets(data: bytes) -> Iterator[Packet]:
    """Yield the packets; raises Invalid when one is cut off, of partial length, or too many."""
    at = count = 0
    while at < len(data):
        tag, start, length = _header(data, at)
        count += 1
        if start + length > len(data) or count > MOST_PACKETS:
            raise Invalid("an OpenPGP packet is cut off, or there are too many")
        yield Packet(tag, data[start : start + length])
        at = start + length


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag, where the body starts and how long it is."""
    first = data[at]
    if not first & 0x80:
        raise Invalid("this is not OpenPGP: a packet begins with another byte")
    if first & 0x40:
        start, length = _new_length(data, at + 1)
        return first & 0x3F, start, length
    size = {0: 1, 1: 2, 2: 4}.get(first & 3)
    if size is None or at + 1 + size > len(data):
        raise Invalid("an OpenPGP packet has no length")
    start = at + 1 + size
    return first >> 2 & 0xF, start, int.from_bytes(data[at + 1 : start], "big")


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """Return where the body starts and its length, in the newer form; subpackets use it too."""
    first = data[at] if at < len(data) else 224
    if first < 192:
        return at + 1, first
    if first < 224 and at + 1 < len(data):
        return at + 2, ((first - 192) << 8) + data[at + 1] + 192
    if first == 255 and at + 5 <= len(data):
        return at + 5, int.from_bytes(data[at + 1 : at + 5], "big")
    raise Invalid("an OpenPGP packet has a length that is cut off or partial")


def read_signature(body: bytes) -> Signature:
    """Return the signature packet's parts; raises Invalid for another version or a cut one."""
    if len(body) < 6 or body[0] != 4:
        raise Invalid("the signature is not one of OpenPGP version 4")
    hashed_end = 6 + int.from_bytes(body[4:6], "big")
    unhashed_end = hashed_end + 2 + int.from_bytes(body[hashed_end : hashed_end + 2], "big")
    if unhashed_end + 2 > len(body):
        raise Invalid("the signature is cut off")
    hashed = _subpackets(body[6:hashed_end])
    return Signature(
        type=body[1],
        algorithm=body[2],
        hash=body[3],
        head=body[:hashed_end],
        hashed=hashed,
        unhashed=_subpackets(body[hashed_end + 2 : unhashed_end], hashed=False),
        left=body[unhashed_end : unhashed_end + 2],
        numbers=body[unhashed_end + 2 :],
        body=body,
    )


def _subpackets(area: bytes, *, hashed: bool = True) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(area):
        start, length = _new_length(area, at)
        if not length or start + length > len(area):
            raise Invalid("a subpacket of the signature is cut off")
        kind = area[start] & 0x7F
        if hashed and area[start] & 0x80 and kind not in _CRITICAL_KNOWN:
            raise Invalid(f"the signature insists on something unknown (subpacket {kind})")
        found[kind] = area[start + 1 : start + length]
        at = start + length
    return found


def read_key(body: bytes) -> KeyPacket:
    """Return the key packet; raises Invalid when it is not one of version 4."""
    if len(body) < 8 or body[0] != 4:
        raise Invalid("the key is not one of OpenPGP version 4")
    return KeyPacket(body)


def numbers(data: bytes) -> list[bytes]:
    """Return the MPIs without leading zeros; raises Invalid when one is cut off."""
    found = []
    at = 0
    while at < len(data):
        length = (int.from_bytes(data[at : at + 2], "big") + 7) // 8
        if at + 2 + length > len(data):
            raise Invalid("a number of the key or signature is cut off")
        found.append(data[at + 2 : at + 2 + length].lstrip(b"\x00"))
        at += 2 + length
    return found


def repaired(signature: Signature) -> bytes:
    """Return the signature's packet with its numbers written as the standard says.

    Old Go gave a number's length as eight bits a byte even where it begins with zero bits, which
    strict readers take for damage. What is signed and the numbers' values stay the same.
    """
    count = _NUMBERS.get(signature.algorithm)
    body = signature.body
    if count is not None:
        found = numbers(signature.numbers)
        if len(found) != count:
            raise Invalid(f"the signature has {len(found)} numbers instead of {count}")
        body = body[: len(body) - len(signature.numbers)] + b"".join(map(_mpi, found))
    return b"\xc2\xff" + len(body).to_bytes(4, "big") + body


def _mpi(number: bytes) -> bytes:
    return int.from_bytes(number, "big").bit_length().to_bytes(2, "big") + number
