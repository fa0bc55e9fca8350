"""Public keys as people hand them over: exported by gpg, armoured or not, or lines of OpenSSH's."""

import re

from vedette.errors import Invalid
from vedette.trust.one_line import ARMORED_BYTES, armor, dearmor
from vedette.trust.openpgp_packets import PUBLIC_KEY, Packet, packets
from vedette.trust.verify import key_fingerprint

KEY_SUFFIXES = (".asc", ".gpg", ".pgp", ".pub", ".key")
"""Of the files in a folder of keys that are read."""

_BLOCK = re.compile(r"-----BEGIN PGP [A-Z ]+-----.*?-----END PGP [A-Z ]+-----", re.DOTALL)
_SECRET = re.compile(r"-----BEGIN (?:PGP PRIVATE KEY BLOCK|[A-Z ]*PRIVATE KEY)-----")
_PUBLIC = "PGP PUBLIC KEY BLOCK"
_TRUST = 12
"""The tag of what GnuPG 1 keeps in its keyrings about keys; nobody signed it."""
_OLD_PACKET = 0x80
"""The bit that begins every OpenPGP packet; no text begins with it."""


def read_public_keys(data: bytes, *, source: str) -> tuple[str, ...]:
    """Return every key of a file, OpenPGP ones armoured anew, SSH ones a line each.

    Raises Invalid naming the source when it holds no key, a broken one, or a secret one.
    """
    if len(data) > ARMORED_BYTES:
        raise Invalid(f"{source} is longer than {ARMORED_BYTES} bytes, which no public key is")
    try:
        keys = _binary(data) if data[:1] and data[0] & _OLD_PACKET else _written(data.decode())
        for key in keys:
            key_fingerprint(key)
    except (Invalid, UnicodeDecodeError) as error:
        raise Invalid(f"{source} is no public key: {error}") from None
    return keys


def _binary(data: bytes) -> tuple[str, ...]:
    return tuple(armor(_PUBLIC, one).strip() for one in _each(data))


def _each(data: bytes) -> list[bytes]:
    """Return the keys of a keyring one by one; a single key stays byte for byte what it was."""
    found: list[list[Packet]] = []
    for packet in packets(data):
        if packet.tag == PUBLIC_KEY:
            found.append([])
        elif not found:
            raise Invalid("an OpenPGP public key begins with its primary key")
        found[-1].append(packet)
    if len(found) < 2:
        return [data]
    return [b"".join(_written_anew(one) for one in key if one.tag != _TRUST) for key in found]


def _written_anew(packet: Packet) -> bytes:
    """Return the packet with a header that says its length in four bytes."""
    return bytes([0xC0 | packet.tag, 0xFF]) + len(packet.body).to_bytes(4, "big") + packet.body


def _written(text: str) -> tuple[str, ...]:
    if _SECRET.search(text):
        raise Invalid(
            "it holds a secret key; give its public half",
            hint="gpg --armor --export KEY, or the file that ends with .pub",
        )
    blocks = _BLOCK.findall(text)
    if blocks:
        return tuple(key for block in blocks for key in _armoured(block))
    lines = [line.strip() for line in text.splitlines()]
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise Invalid("it is empty")
    return keys


def _armoured(block: str) -> tuple[str, ...]:
    """Return the keys of a block without headers and comments, which may say anything."""
    kind, data = dearmor(block)
    if kind != _PUBLIC:
        raise Invalid(f"a public key is needed, not a {kind}")
    return _binary(data)
