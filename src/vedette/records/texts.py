"""Packages and advisories are kept once, under numbers that are known before what was found is sent.

What is new goes to its table by one COPY, with the number it was given: to have the database number a row and say
so costs more than the row.
"""

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from vedette.db.copies import array_bytes, copy_rows, time_bytes
from vedette.db.queries import Connection, load
from vedette.records.model import Advisory, Finding, Package
from vedette.records.reads import planned_for_its_values
from vedette.records.rules import identity_of, key_of, package_key, text_key

Q = load(__file__, "texts.sql")
T = TypeVar("T")

Name = tuple[str, str]
"""Of an advisory, and its feed: what makes it the same."""

_PACKAGE = ("int4", "bytea", *("text",) * 5)
_ADVISORY = ("int4", "bytea", "bytea", *("text",) * 5, "bytea", "bytea", "float4", "text", "bytea", "bytea")  # fmt: skip


class Said(NamedTuple):
    """An advisory as it is said last, with its score."""

    advisory: Advisory
    score: float | None
    vector: str


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """The numbers of texts, and which of them are new."""

    ids: dict[T, int]
    new: set[T]


@dataclass(frozen=True, slots=True)
class Texts:
    """What a batch names, as it is kept."""

    packages: Kept[Package]
    advisories: Kept[Name]
    words: Kept[str]


def said_of(findings: Iterable[Finding]) -> dict[Name, Said]:
    """Return the advisories that these name, each once: of two texts the later, of two scores the last that is said."""
    said: dict[Name, Said] = {}
    for finding in findings:
        advisory = finding.advisory
        name = (advisory.name, advisory.feed)
        held = said.get(name)
        if held is None or finding.score is not None:
            said[name] = Said(advisory, finding.score, finding.vector)
        elif held.advisory is not advisory:
            said[name] = held._replace(advisory=advisory)
    return said


async def keep_texts(
    conn: Connection,
    packages: Collection[Package],
    said: Mapping[Name, Said],
    words: Mapping[str, int],
    *,
    now: datetime,
) -> Texts:
    """Keep each of these once, advisories with the names they are found under, a changed text in place of the one before.

    words: the severity of each. The caller holds the lock under which findings are merged.
    """
    package_keys = [package_key(package) for package in packages]
    keys = [key_of(*name) for name in said]
    text_keys = [text_key(one.advisory) for one in said.values()]
    with planned_for_its_values(conn):
        row = await Q.one(
            conn,
            "known_texts",
            package_keys=b"".join(package_keys),
            packages=len(package_keys),
            advisory_keys=b"".join(keys),
            text_keys=b"".join(text_keys),
            advisories=len(keys),
            words=list(words),
            severities=list(words.values()),
        )
    assert row is not None
    packages_ids, advisory_ids = _numbers(row[0]), _numbers(row[1])
    await _add_packages(conn, zip(packages_ids, packages, package_keys, strict=True))
    await _add_advisories(
        conn, zip(advisory_ids, said.values(), keys, text_keys, strict=True), now=now
    )
    kept = _kept(said, advisory_ids)
    names = list(said)
    changed = [names[place] for place in row[2] or ()]
    await _change(conn, kept, said, changed)
    # Most have no other name: those are passed over before they are looked up.
    named = {name for name, one in said.items() if one.advisory.names}
    await _add_aliases(conn, kept, said, named & kept.new | named.intersection(changed))
    return Texts(_kept(packages, packages_ids), kept, _kept(words, row[3]))


def _numbers(packed: bytes | None) -> tuple[int, ...]:
    """Return four bytes each as the numbers they are."""
    return struct.unpack(f">{len(packed) // 4}i", packed) if packed else ()


def _kept(things: Collection[T], numbers: Sequence[int]) -> Kept[T]:
    """Return what is known and new of these, by their numbers, of which negative ones are new."""
    ids = dict(zip(things, map(abs, numbers), strict=True))
    if max(numbers, default=0) < 0:
        return Kept(ids, set(ids))  # a set of a dict's keys hashes none of them again
    return Kept(ids, {thing for thing, number in zip(things, numbers, strict=True) if number < 0})


async def _add_packages(conn: Connection, given: Iterable[tuple[int, Package, bytes]]) -> None:
    rows = [
        (-number, key, one.name, one.version, one.type, one.purl, one.path)
        for number, one, key in given
        if number < 0
    ]
    if rows:
        await copy_rows(conn, Q["add_packages"], _PACKAGE, rows)


async def _add_advisories(
    conn: Connection, given: Iterable[tuple[int, Said, bytes, bytes]], *, now: datetime
) -> None:
    made_at = time_bytes(now)
    rows = [
        _row(-number, key, its_text, said, made_at)
        for number, said, key, its_text in given
        if number < 0
    ]
    if rows:
        await copy_rows(conn, Q["add_advisories"], _ADVISORY, rows)


def _row(
    number: int, key: bytes, its_text: bytes, said: Said, made_at: bytes
) -> tuple[object, ...]:
    one = said.advisory
    return (
        number,
        key,
        its_text,
        one.name,
        one.feed,
        identity_of(one),
        one.title,
        one.description,
        array_bytes(one.links),
        _classes(one.cwes),
        said.score,
        said.vector,
        time_bytes(one.published_at) if one.published_at else None,
        made_at,
    )


_classes = lru_cache(1_024)(array_bytes)
"""Of weaknesses there are a few hundred, and most advisories name none."""


async def _change(
    conn: Connection, kept: Kept[Name], said: Mapping[Name, Said], names: Sequence[Name]
) -> None:
    changed = {name: said[name] for name in names}
    if not changed:
        return
    advisories = [one.advisory for one in changed.values()]
    await Q.run(
        conn,
        "change_advisories",
        ids=[kept.ids[name] for name in changed],
        text_keys=[text_key(one) for one in advisories],
        identities=[identity_of(one) for one in advisories],
        titles=[one.title for one in advisories],
        descriptions=[one.description for one in advisories],
        links=[" ".join(one.links) for one in advisories],
        cwes=[" ".join(one.cwes) for one in advisories],
        scores=[one.score for one in changed.values()],
        vectors=[one.vector for one in changed.values()],
        published=[one.published_at for one in advisories],
    )


async def _add_aliases(
    conn: Connection, kept: Kept[Name], said: Mapping[Name, Said], names: Iterable[Name]
) -> None:
    aliases = [(other, kept.ids[name]) for name in names for other in said[name].advisory.names]
    if aliases:
        others, advisories = zip(*aliases, strict=True)
        await Q.run(conn, "add_aliases", names=list(others), advisories=list(advisories))
