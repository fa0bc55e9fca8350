"""The picker of components: every living one by region and category, narrowed by words."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

from vedette.db.queries import Connection, load

Q = load(__file__, "desk_components.sql")

SHOWN = 300
"""Boxes on one page; whoever wants others narrows the list."""
WORDS_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A component that can be chosen; region, category: "" for none."""

    slug: str
    service: str
    type: str
    region: str
    region_slug: str
    category: str
    is_public: bool

    def has(self, words: Sequence[str]) -> bool:
        """Say whether each word stands in what it is called."""
        names = (self.slug, self.service, self.type, self.region, self.category)
        said = " ".join(names).casefold()
        return all(word in said for word in words)


@dataclass(frozen=True, slots=True)
class Group:
    """Those of one category in one region."""

    category: str
    choices: list[Choice]


@dataclass(frozen=True, slots=True)
class Place:
    """A region with its groups; slug: "" for what has none.

    is_whole: all of it is chosen. is_open: something of it is.
    """

    region: str
    slug: str
    is_whole: bool
    is_open: bool
    groups: list[Group]


@dataclass(frozen=True, slots=True)
class Picker:
    """The boxes of a form. find: the words it is narrowed by; hidden: how many more there are."""

    places: list[Place]
    picked: Collection[str]
    find: str
    hidden: int


async def picker(
    conn: Connection, *, find: str = "", picked: Collection[str] = (), regions: Collection[str] = ()
) -> Picker:
    """Return the boxes that fit the words, and those already picked whether they fit or not."""
    find = find.strip()[:WORDS_LIMIT]
    words = find.casefold().split()
    living = await Q.all(conn, "living", row=Choice)
    fit = [one for one in living if one.has(words)]
    shown = {one.slug for one in fit[:SHOWN]} | set(picked)
    places = []
    for (region, slug), here in groupby(
        (one for one in living if one.slug in shown), key=lambda one: (one.region, one.region_slug)
    ):
        members = list(here)
        is_whole = slug in regions
        groups = [
            Group(category, list(several))
            for category, several in groupby(members, key=lambda one: one.category)
        ]
        is_open = is_whole or any(one.slug in picked for one in members)
        places.append(Place(region, slug, is_whole, is_open, groups))
    return Picker(places, set(picked), find, len(fit[SHOWN:]))
