"""What suppliers state of vulnerabilities in their products (VEX): the newest of a document stays."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.records.exposures import mark
from vedette.records.model import Statement
from vedette.records.outcome import Outcome
from vedette.records.vex_rules import keys_of

Q = load(__file__, "vex.sql")


async def keep_statements(
    conn: Connection,
    statements: Sequence[Statement],
    outcome: Outcome,
    *,
    at: datetime,
    now: datetime,
) -> None:
    """Let each document say what its newest version says, and nothing else.

    What a document states no longer is taken out. An older version changes nothing.
    """
    given: dict[tuple[object, ...], Statement] = {}
    for one in statements:
        given[one.document, one.names, one.products, one.components, one.status, one.at] = one
    rows = await Q.all(conn, "keep", row=None, **_columns(list(given.values()), at), now=now)
    counts = dict.fromkeys(("added", "left", "older", "same"), 0)
    spoken: list[str] = []
    for what, names in rows:
        counts[what] += 1
        if what in ("added", "left"):
            spoken += names
    outcome.count(counts["added"], counts["left"], 0)
    outcome.older += counts["older"]
    outcome.unchanged += counts["same"]
    await mark(conn, spoken)


def _columns(given: Sequence[Statement], at: datetime) -> dict[str, list[object]]:
    return {
        "documents": [one.document for one in given],
        "sources": [one.source for one in given],
        "authors": [one.author for one in given],
        "names": [_lines(one.names) for one in given],
        "products": [_lines(one.products) for one in given],
        "components": [_lines(one.components) for one in given],
        "product_keys": [_lines(keys_of(one.products)) for one in given],
        "component_keys": [_lines(keys_of(one.components)) for one in given],
        "statuses": [str(one.status) for one in given],
        "justifications": [one.justification for one in given],
        "impacts": [one.impact for one in given],
        "actions": [one.action for one in given],
        "times": [one.at or at for one in given],
    }


def _lines(words: Sequence[str]) -> str:
    """Return the words as one text, a line each: an array of arrays would have to be of one length."""
    return "\n".join(" ".join(word.split()) for word in words)
