"""What an incident is called that a reporter opened and gave no title."""

from collections.abc import Collection

from vedette.db.queries import Connection, load
from vedette.incidents import writes
from vedette.incidents.components import Component, components
from vedette.incidents.model import Impact

Q = load(__file__, "reporter_titles.sql")

COMPATIBLE = "Incident"
"""What the first Status Dashboard calls all of them."""

LABEL_LIMIT = 250
"""Characters of a component's label in a title, which has 300 at most."""


def made_title(component: Component, impact: Impact, size: int) -> str:
    """Return a title for so many components, the first of which is this one."""
    others = f" and {size - 1} more" if size > 1 else ""
    return f"{component.label[:LABEL_LIMIT]}: {impact.word}{others}"


async def made_titles(conn: Connection, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return of each incident its title, and the one that would be made for it as it stands.

    One whose first component is retired is left out: no title is made of it any more.
    """
    rows = await Q.all(conn, "first_members", ids=list(ids))
    firsts = {one.id: one for one in await components(conn, [row[-1] for row in rows])}
    return {
        number: (title, made_title(firsts[first], Impact(impact), size))
        for number, title, impact, size, first in rows
        if first in firsts
    }


async def keep_made_titles(conn: Connection, ids: Collection[int]) -> None:
    """Make the titles of these incidents say who is in them now."""
    for number, (title, made) in (await made_titles(conn, ids)).items():
        if title != made:
            await writes.change(conn, number, title=made)
