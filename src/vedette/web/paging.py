"""Long lists, a page at a time: `?page=` and the ways to the pages beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vedette.errors import Invalid

PAGE_ROWS = 100
PAGES_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """One page of a list: rows `first` to `last` of `found`, counted from 1.

    earlier, later: the addresses of the pages beside it; "" where the list begins and ends.
    """

    first: int
    last: int
    found: int
    earlier: str
    later: str


def page_of(query: Mapping[str, str]) -> int:
    """Return the page that a query string asks for, the first when it names none; raises Invalid."""
    asked = query.get("page", "1")
    if asked.isascii() and asked.isdigit() and len(asked) < 6 and 0 < int(asked) <= PAGES_MOST:
        return int(asked)
    raise Invalid(f"page cannot be {asked[:40]!r}", hint=f"a number from 1 to {PAGES_MOST}")


def last_page(found: int) -> int:
    """Return the number of the last page of so many rows; an empty list has one page."""
    return max(1, -(-found // PAGE_ROWS))


def part(page: int, found: int, link: Callable[[int], str]) -> Part:
    """Return where this page stands in a list of `found` rows; `link` gives a page its address."""
    first = (page - 1) * PAGE_ROWS
    return Part(
        first=min(first + 1, found),
        last=min(first + PAGE_ROWS, found),
        found=found,
        earlier=link(page - 1) if page > 1 else "",
        later=link(page + 1) if page < last_page(found) else "",
    )
