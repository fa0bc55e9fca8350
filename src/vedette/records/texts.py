"""Packages and advisories are kept once, under numbers that are known before what was found is sent.

What is new goes to its table by one COPY, with the number it was given: to have the database number a row and say
so costs more than the row. A hundred thousand come at once: they are handled in columns.
"""

from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import compress, repeat
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from vedette.db.copies import array_bytes, copy_rows, time_bytes
from vedette.db.queries import Connection, load
from vedette.records.model import Advisory, Finding, Package
from vedette.records.reads import planned_for_its_values
from vedette.records.rules import identity_of, keys_of

Q = load(__file__, "texts.sql")
T = TypeVar("T", bound=Hashable)

Name = tuple[str, str]
"""Of an advisory, and its feed: what makes it the same."""

_PACKAGE = ("int4", "bytea", *("text",) * 5)
_ADVISORY = ("int4", "bytea", "bytea", *("text",) * 5, "bytea", "bytea", "float4", "text", "bytea", "bytea")  # fmt: skip


class Saying(Protocol):
    """Who says an advisory, and its score where there is one: a finding, a bulletin."""

    @property
    def advisory(self) -> Advisory:
        """What is said."""
        ...

    @property
    def score(self) -> float | None:
        """Of CVSS."""
        ...

    @property
    def vector(self) -> str:
        """Of CVSS."""
        ...


class Said(NamedTuple):
    """An advisory as one said it last, with the score that another said."""

    advisory: Advisory
    score: float | None
    vector: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Of things in the order given: the number of each, and whether it is new."""

    numbers: list[int]
    new: list[bool]


@dataclass(frozen=True, slots=True)
class Texts:
    """What a batch names, as it is kept."""

    packages: Kept
    advisories: Kept
    words: Kept


def each_once(things: Iterable[T]) -> tuple[list[T], list[int]]:
    """Return each of these once, as they come first, and where each stands among those."""
    places: dict[T, int] = {}
    at = [places.setdefault(thing, len(places)) for thing in things]
    return list(places), at


def said_of(places: Iterable[int], findings: Iterable[Finding]) -> list[Saying]:
    """Return what these say of advisories, each once: of two texts the later, of two scores the last that is said.

    places: where each one's advisory stands among all, as `each_once` has them.
    """
    said: list[Saying] = []
    for place, finding in zip(places, findings, strict=True):
        if place == len(said):
            said.append(finding)
        elif finding.score is not None:
            said[place] = finding
        elif finding.advisory is not said[place].advisory:
            said[place] = Said(finding.advisory, said[place].score, said[place].vector)
    return said


async def keep_texts(
    conn: Connection,
    packages: Sequence[Package],
    names: Sequence[Name],
    said: Sequence[Saying],
    words: Mapping[str, int],
    *,
    now: datetime,
) -> Texts:
    """Keep each of these once, advisories with the names they are found under, a changed text in place of the one before.

    words: the severity of each. The caller holds the lock under which findings are merged.
    """
    texts = [one.advisory for one in said]
    package_keys, keys, text_keys = keys_of(packages), keys_of(names), keys_of(texts)
    with planned_for_its_values(conn):
        row = await Q.one(
            conn,
            "known_texts",
            package_keys=b"".join(package_keys),
            packages=[one.name for one in packages],
            advisory_keys=b"".join(keys),
            text_keys=b"".join(text_keys),
            advisories=len(keys),
            words=list(words),
            severities=list(words.values()),
        )
    assert row is not None
    kept = Texts(_unpacked(row[0]), _unpacked(row[1]), _kept(np.array(row[3], int)))
    changed = set(row[2] or ())
    await _add_packages(conn, kept.packages, packages, package_keys)
    await _add_advisories(conn, kept.advisories, said, texts, keys, text_keys, now=now)
    await _change(conn, kept.advisories, said, text_keys, sorted(changed))
    await _add_aliases(conn, kept.advisories, texts, changed)
    await _settle_identities(conn, kept.advisories, texts, changed)
    return kept


def _unpacked(packed: bytes | None) -> Kept:
    """Return numbers of four bytes each."""
    return _kept(np.frombuffer(packed or b"", ">i4"))


def _kept(signed: "np.ndarray[Any, Any]") -> Kept:
    """Return numbers, of which negative ones are new."""
    return Kept(np.abs(signed).tolist(), (signed < 0).tolist())


async def _add_packages(
    conn: Connection, kept: Kept, packages: Sequence[Package], keys: Sequence[bytes]
) -> None:
    if True not in kept.new:
        return
    words = (
        map(attrgetter(word), packages) for word in ("name", "version", "type", "purl", "path")
    )
    rows = zip(kept.numbers, keys, *words, strict=True)
    await copy_rows(conn, Q["add_packages"], _PACKAGE, compress(rows, kept.new))


async def _add_advisories(
    conn: Connection,
    kept: Kept,
    said: Sequence[Saying],
    texts: Sequence[Advisory],
    keys: Sequence[bytes],
    text_keys: Sequence[bytes],
    *,
    now: datetime,
) -> None:
    if True not in kept.new:
        return
    rows = zip(
        kept.numbers,
        keys,
        text_keys,
        [one.name for one in texts],
        [one.feed for one in texts],
        map(identity_of, texts),
        [one.title for one in texts],
        [one.description for one in texts],
        [array_bytes(one.links) for one in texts],
        [_classes(one.cwes) for one in texts],
        [one.score for one in said],
        [one.vector for one in said],
        [time_bytes(one.published_at) if one.published_at else None for one in texts],
        repeat(time_bytes(now), len(texts)),
        strict=True,
    )
    await copy_rows(conn, Q["add_advisories"], _ADVISORY, compress(rows, kept.new))


_classes = lru_cache(1_024)(array_bytes)
"""Of weaknesses there are a few hundred, and most advisories name none."""


async def _change(
    conn: Connection,
    kept: Kept,
    said: Sequence[Saying],
    text_keys: Sequence[bytes],
    places: Sequence[int],
) -> None:
    if not places:
        return
    changed = [said[place] for place in places]
    texts = [one.advisory for one in changed]
    await Q.run(
        conn,
        "change_advisories",
        ids=[kept.numbers[place] for place in places],
        text_keys=[text_keys[place] for place in places],
        identities=[identity_of(one) for one in texts],
        titles=[one.title for one in texts],
        descriptions=[one.description for one in texts],
        links=[" ".join(one.links) for one in texts],
        cwes=[" ".join(one.cwes) for one in texts],
        scores=[one.score for one in changed],
        vectors=[one.vector for one in changed],
        published=[one.published_at for one in texts],
    )


async def _add_aliases(
    conn: Connection, kept: Kept, texts: Sequence[Advisory], changed: Container[int]
) -> None:
    aliases = [
        (other, kept.numbers[place])
        for place, one in enumerate(texts)
        if one.names and (kept.new[place] or place in changed)
        for other in one.names
    ]
    if aliases:
        others, advisories = zip(*aliases, strict=True)
        await Q.run(conn, "add_aliases", names=list(others), advisories=list(advisories))


async def _settle_identities(
    conn: Connection, kept: Kept, texts: Sequence[Advisory], changed: Container[int]
) -> None:
    """Let what other feeds say of the same names count for these."""
    names = {
        one.name
        for place, one in enumerate(texts)
        if (kept.new[place] or place in changed) and not one.name.startswith("CVE-")
    }
    if names:
        await Q.run(conn, "settle_identities", names=sorted(names))
