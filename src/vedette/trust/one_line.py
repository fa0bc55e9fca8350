"""MIG's signatures in one line and OpenPGP's ASCII armour: base64, then `=` and a CRC-24."""

import base64
import binascii
import re

from vedette.errors import Invalid

ARMORED_BYTES = 1 << 20
"""The longest key or signature that is read."""
ONE_LINE_CHARACTERS = 16 << 10

CRC_START, CRC_POLYNOMIAL = 0xB704CE, 0x1864CFB
_CHECKSUM_CHARACTERS = 5  # "=" and four of base64
_BLOCK = re.compile(
    r"-----BEGIN (PGP [A-Z ]+|SSH SIGNATURE)-----\s*?\n(.*?)\n?-----END \1-----", re.DOTALL
)


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (CRC_POLYNOMIAL if crc & 0x800000 else 0)
        table.append(crc & 0xFFFFFF)
    return tuple(table)


_TABLE = _crc_table()


def crc24(data: bytes) -> int:
    """Return the CRC-24 of RFC 4880 (6.1)."""
    crc = CRC_START
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFF) ^ _TABLE[(crc >> 16) ^ byte]
    return crc


def write_one_line(packet: bytes) -> str:
    """Return a signature's packet as MIG keeps it: `<base64>=<base64 of its CRC-24>`."""
    checksum = base64.b64encode(crc24(packet).to_bytes(3, "big"))
    return f"{base64.b64encode(packet).decode()}={checksum.decode()}"


def read_one_line(line: str) -> bytes:
    """Return the packet of a one-line signature; base64 pads with `=` too, so the last one parts.

    Raises Invalid when the line is too long, no base64, or its checksum is another's.
    """
    if len(line) > ONE_LINE_CHARACTERS:
        raise Invalid(f"a signature is longer than {ONE_LINE_CHARACTERS} characters")
    body, _, checksum = line.strip().rpartition("=")
    packet, told = _decoded(body, "signature"), _decoded(checksum, "checksum of the signature")
    if not packet or len(told) != 3 or int.from_bytes(told, "big") != crc24(packet):
        raise Invalid("the signature does not have its own checksum; it was cut or changed")
    return packet


def dearmor(text: str) -> tuple[str, bytes]:
    """Return what the first armoured block is (`PGP SIGNATURE`) and its bytes.

    A checksum is held when it stands there. Raises Invalid when there is no whole block.
    """
    if len(text) > ARMORED_BYTES:
        raise Invalid(f"an armoured block is longer than {ARMORED_BYTES} characters")
    found = _BLOCK.search(text.replace("\r\n", "\n"))
    if found is None:
        raise Invalid("there is no whole armoured block (-----BEGIN … to -----END …)")
    lines = [line.strip() for line in found[2].split("\n")]
    if "" in lines and all(":" in line for line in lines[: lines.index("")]):
        lines = lines[lines.index("") + 1 :]  # headers such as Version: end with an empty line
    lines = [line for line in lines if line]
    checksum = lines.pop() if lines and _is_checksum(lines[-1]) else ""
    data = _decoded("".join(lines), found[1])
    if checksum and int.from_bytes(_decoded(checksum[1:], "checksum"), "big") != crc24(data):
        raise Invalid(f"the {found[1]} does not have its own checksum; it was cut or changed")
    return found[1], data


def armor(kind: str, packet: bytes) -> str:
    """Return the bytes as an armoured block that gpg reads."""
    encoded = base64.b64encode(packet).decode()
    lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    checksum = base64.b64encode(crc24(packet).to_bytes(3, "big")).decode()
    return "\n".join(
        [f"-----BEGIN {kind}-----", "", *lines, f"={checksum}", f"-----END {kind}-----", ""]
    )


def _is_checksum(line: str) -> bool:
    return line.startswith("=") and len(line) == _CHECKSUM_CHARACTERS


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Invalid(f"the {what} is no base64") from None
