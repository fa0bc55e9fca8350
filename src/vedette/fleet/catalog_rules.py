"""What a catalogue asks of the components there are: nouns, and the plan before anything is done."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vedette.errors import Conflict, Invalid

CATALOG = "catalog"
"""The origin of components that a catalogue names."""

DEMO = "demo"
"""The origin of components that were made up to look at."""

NOBODYS = frozenset({"", "added", "import"})
"""Origins that declare nothing again: a catalogue may rename and change what they made."""

Key = tuple[str, str | None, str | None]
"""Service, region and type: what makes a component."""

Change = Literal["add", "change", "rename", "return", "retire", "stay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A component as a catalogue has it. attributes: all of them, region, category and type too.

    was: what it was called before; None when it was always called so.
    """

    name: str
    attributes: Mapping[str, str]
    was: str | None = None

    @property
    def key(self) -> Key:
        """What makes it this component and no other."""
        return self.name, self.attributes.get("region"), self.attributes.get("type")

    @property
    def old_key(self) -> Key | None:
        """What it was before its name was changed; None when it was always called so."""
        return None if self.was in (None, self.name) else (self.was or "", *self.key[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A component as it is kept. watched: a living target stands for it."""

    id: int
    service: str
    region: str | None
    type: str | None
    attributes: Mapping[str, str]
    origin: str
    lives: bool
    watched: bool

    @property
    def key(self) -> Key:
        """What makes it this component and no other."""
        return self.service, self.region, self.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do.

    component_id: of what is there already. attributes: what it is to have; None when that stays.
    was: the name that is given up.
    """

    change: Change
    key: Key
    detail: str = ""
    component_id: int | None = None
    attributes: Mapping[str, str] | None = None
    was: str | None = None


def plan(entries: Sequence[Entry], known: Iterable[Known]) -> list[Step]:
    """Return what makes the components agree with the catalogue; nothing when they do.

    Raises Invalid when the catalogue contradicts itself, Conflict when it contradicts another origin.
    """
    there = {each.key: each for each in known}
    _check_once(entries)
    claims = Counter(key for entry in entries for key in (entry.key, entry.old_key) if key)
    renamed = {entry.key: _renamed(entry, claims, there) for entry in entries}
    steps: list[Step] = []
    for entry in entries:
        steps += _steps_of(entry, renamed[entry.key] or there.get(entry.key))
    named = {*renamed, *(old.key for old in renamed.values() if old)}
    for each in there.values():
        if each.origin == CATALOG and each.lives and each.key not in named:
            why = "a target stands for it" if each.watched else ""
            change: Change = "stay" if each.watched else "retire"
            steps.append(Step(change=change, key=each.key, detail=why, component_id=each.id))
    return steps


def _check_once(entries: Sequence[Entry]) -> None:
    seen: set[Key] = set()
    for entry in entries:
        if entry.key in seen:
            raise Invalid(f"components: {called(entry.key)} is there twice", hint="remove one")
        seen.add(entry.key)


def _renamed(entry: Entry, claims: Mapping[Key, int], there: Mapping[Key, Known]) -> Known | None:
    """Return the component that this entry gives a new name; None when there is none."""
    old_key = entry.old_key
    if old_key is None:
        return None
    if claims[old_key] > 1:
        raise Invalid(
            f"components: {called(old_key)} is both renamed and named, or renamed twice",
            hint="remove one `was`",
        )
    old = there.get(old_key)
    if old is None:
        return None
    if entry.key in there:
        if not old.lives:
            return None
        raise Conflict(
            f"{called(old_key)} cannot become {called(entry.key)}: there is one, with a past of its own",
            hint="leave `was` out; the old one is retired with its history",
        )
    if old.origin not in NOBODYS | {CATALOG}:
        raise Conflict(
            f"{called(old_key)} is declared by {old.origin!r} and cannot be renamed here",
            hint="rename it where it is declared",
        )
    return old


def _steps_of(entry: Entry, held: Known | None) -> Iterable[Step]:
    attributes = dict(entry.attributes)
    if held is None:
        yield Step(change="add", key=entry.key, attributes=attributes)
        return
    if held.lives and held.origin != CATALOG:
        _check_agrees(entry, held)
        attributes = {**held.attributes, **attributes}
    if held.key != entry.key:
        also = "; rename it in the settings file, too" if held.watched else ""
        yield Step(
            change="rename",
            key=entry.key,
            detail=f"was {held.service}{also}",
            component_id=held.id,
            attributes=attributes,
            was=held.service,
        )
    if not held.lives:
        yield Step(change="return", key=entry.key, component_id=held.id, attributes=attributes)
    elif attributes != held.attributes:
        yield Step(
            change="change",
            key=entry.key,
            detail=_difference(held.attributes, attributes),
            component_id=held.id,
            attributes=attributes,
        )


def _check_agrees(entry: Entry, held: Known) -> None:
    if held.origin in NOBODYS:
        return
    for word, value in entry.attributes.items():
        theirs = held.attributes.get(word, value)
        if theirs != value:
            raise Conflict(
                f"{called(entry.key)} is declared by {held.origin!r} with {word} {theirs!a}, not {value!a}",
                hint="say it in one place, or the same in both",
            )


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    words = sorted({*before, *after})
    return ", ".join(
        f"{word}: {before.get(word, 'none')} → {after.get(word, 'none')}"
        for word in words
        if before.get(word) != after.get(word)
    )


def called(key: Key) -> str:
    """Return how people are told of a component."""
    service, *rest = key
    more = ", ".join(word for word in rest if word)
    return f"{service!r} ({more})" if more else repr(service)
