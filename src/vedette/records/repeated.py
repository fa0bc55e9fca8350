"""A large body that comes again, byte for byte, is not read again: what it was read as is known.

Only the reading is spared. What is known goes the same way as what is read: its scans without their findings, whose
digest stands for them. Where a scan holds anything else by now, `UnreadError` sends the body the long way. What is kept
depends on nothing that is stored, and so never grows wrong.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from vedette import __version__, plugins
from vedette.db.queries import Connection, load
from vedette.records.documents import GZIP, ZSTD
from vedette.records.intake_read import Asked, Read
from vedette.records.kinds import GROUP
from vedette.records.looks import subject_key
from vedette.records.model import Record, Scan
from vedette.records.outcome import Found
from vedette.records.rules import KEY_BYTES
from vedette.records.store import Batch

Q = load(__file__, "repeated.sql")

LARGE, LARGE_PACKED = 4 << 20, 512 << 10
"""Bytes of a body that is worth knowing again; a packed one is some ten times as large."""


class _Part(Struct, array_like=True):
    """A batch of one kind: its cluster, its scans without findings, the digests of what they found."""

    kind: str
    cluster: str
    scans: list[Scan]
    digests: list[bytes]


class _Said(Struct, array_like=True):
    """All that a body says, as it is kept."""

    documents: int
    passed: list[str]
    parts: list[_Part]


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Said).decode


def is_large(body: bytes) -> bool:
    """Say whether reading it takes long enough to spare it."""
    return len(body) >= (LARGE_PACKED if body.startswith((GZIP, ZSTD)) else LARGE)


def body_key(body: bytes, asked: Asked, *, max_bytes: int) -> bytes:
    """Return what stands for these bytes and all that reading them depends on: the question, and who reads."""
    context = (__version__, _readers(), plugins.names(GROUP), asdict(asked), max_bytes)
    # Processors of today have a command for SHA-256: it takes half of BLAKE2's time.
    key = sha256(_ENCODE(context))
    key.update(body)
    return key.digest()[:KEY_BYTES]


@cache
def _readers() -> bytes:
    """Return what changes when anything here does: of a release being made the number says too little."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).digest()


async def recall(conn: Connection, key: bytes, *, now: datetime) -> Read | None:
    """Return what the body of that key says, without what was found; None for one that is to be read."""
    kept = await Q.value(conn, "recall", key=key, now=now)
    if kept is None:
        return None
    said = _DECODE(kept)
    if not all(_is_past(scan, now) for part in said.parts for scan in part.scans):
        return None
    read = Read(documents=said.documents, passed=said.passed)
    for part in said.parts:
        batch = Batch(tuple(part.scans), part.cluster, digests=tuple(part.digests))
        read.parts.setdefault(part.kind, []).append(batch)
    return read


async def remember(
    conn: Connection, key: bytes, read: Read, found: dict[str, Found], *, now: datetime
) -> None:
    """Keep what the body of that key says; found: digests of what its scans found, by kind.

    Nothing is kept of a body that says anything else than scans, of one from the future (its time depends on when it
    is read), and of kinds that others wrote (whose release we do not know).
    """
    if not all(_is_ours(kind) for kind in read.parts):
        return
    parts: list[_Part] = []
    for kind, batch in _batches(read):
        scans = [record for record in batch.records if isinstance(record, Scan)]
        if len(scans) != len(batch.records) or not all(_is_past(scan, now) for scan in scans):
            return
        digests = [found[kind][scan.source, *subject_key(scan.subject)] for scan in scans]
        parts.append(_Part(kind, batch.cluster, [_bare(scan) for scan in scans], digests))
    said = _ENCODE(_Said(read.documents, read.passed, parts))
    await Q.run(conn, "remember", key=key, said=said, now=now)


async def forget(conn: Connection, *, before: datetime) -> None:
    """Let go of what came last before then."""
    await Q.run(conn, "forget", before=before)


def _batches(read: Read) -> Iterator[tuple[str, Batch]]:
    for kind, batches in read.parts.items():
        for batch in batches:
            yield kind, batch


def _bare(scan: Scan) -> Scan:
    return msgspec.structs.replace(scan, findings=())


def _is_past(scan: Record, now: datetime) -> bool:
    return isinstance(scan, Scan) and (scan.at is None or scan.at < now)


def _is_ours(kind: str) -> bool:
    return bool(plugins.load(GROUP, kind).__module__.startswith("vedette."))
