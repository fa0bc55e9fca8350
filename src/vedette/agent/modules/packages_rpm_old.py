"""rpm's databases before SQLite: Berkeley DB (to RHEL 8) and SUSE's own `ndb`.

Of Berkeley DB only what rpm uses is read: a hash whose values, the headers, lie in chains of
overflow pages. Nothing is locked: a page that is written meanwhile may give a broken header.
"""

import struct
from collections.abc import Iterator

_MAGIC_HASH = 0x061561
_ENTRIES = (13, 2)
"""Kinds of pages with a hash's entries, sorted and not."""
_OVERFLOW = 7
_OFF_PAGE = 3
_HEAD = 26
"""Bytes before a page's own."""

_HEADER_BYTES = 32 * 1024 * 1024
"""The longest header of a package; a kernel's is of two."""

_NDB_MAGIC = b"RpmP"
_NDB_SLOT = b"Slot"
_NDB_BLOB = b"BlbS"
_NDB_PAGE = 4096
_NDB_BLOCK = 16


class NotThis(Exception):  # noqa: N818 - what it is not
    """It is no database of this kind, or a broken one."""


def read_berkeley(content: bytes) -> Iterator[bytes]:
    """Yield the headers of a `Packages` of Berkeley DB; raise `NotThis`."""
    order = next((one for one in "<>" if _number(content, 12, one) == _MAGIC_HASH), None)
    if order is None:
        raise NotThis("it is no hash of Berkeley DB")
    size = _number(content, 20, order)
    if size < 512 or size > 65_536 or content[24]:
        raise NotThis("its pages cannot be read")
    for at in range(size, len(content) - size + 1, size):
        if content[at + 25] in _ENTRIES:
            yield from _values(content, at, size, order)


def _values(content: bytes, at: int, size: int, order: str) -> Iterator[bytes]:
    """Yield the long values of a page of entries; keys and values stand in turn."""
    (count,) = struct.unpack_from(f"{order}H", content, at + 20)
    count = min(count, (size - _HEAD) // 2)
    offsets = struct.unpack_from(f"{order}{count}H", content, at + _HEAD)
    for offset in offsets[1::2]:
        if offset + 12 <= size and content[at + offset] == _OFF_PAGE:
            page, length = struct.unpack_from(f"{order}II", content, at + offset + 4)
            yield _chain(content, page, length, size, order)


def _chain(content: bytes, page: int, length: int, size: int, order: str) -> bytes:
    if length > min(len(content), _HEADER_BYTES):
        raise NotThis("a header in it is broken")
    found = bytearray()
    while page and len(found) < length:
        at = page * size
        if at + size > len(content) or content[at + 25] != _OVERFLOW:
            raise NotThis("a header in it is broken")
        (page,) = struct.unpack_from(f"{order}I", content, at + 16)
        (here,) = struct.unpack_from(f"{order}H", content, at + 22)
        if not 0 < here <= size - _HEAD:
            raise NotThis("a header in it is broken")
        found += content[at + _HEAD : at + _HEAD + here]
    return bytes(found[:length])


def read_ndb(content: bytes) -> Iterator[bytes]:
    """Yield the headers of SUSE's `Packages.db`; raise `NotThis`."""
    if content[:4] != _NDB_MAGIC:
        raise NotThis("it is no ndb")
    slots = min(_number(content, 12, "<") * _NDB_PAGE, len(content))
    for at in range(32, slots - 15, 16):  # the first two are the database's own
        magic, package, block, _ = struct.unpack_from("<4sIII", content, at)
        if magic == _NDB_SLOT and package and block:
            yield _blob(content, block * _NDB_BLOCK, package)


def _blob(content: bytes, at: int, package: int) -> bytes:
    if at + 16 > len(content):
        raise NotThis("a header in it is broken")
    magic, whose, _, length = struct.unpack_from("<4sIII", content, at)
    if magic != _NDB_BLOB or whose != package or at + 16 + length > len(content):
        raise NotThis("a header in it is broken")
    return content[at + 16 : at + 16 + length]


def _number(content: bytes, at: int, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", content.ljust(32, b"\0"), at)[0])
