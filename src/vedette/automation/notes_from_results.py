"""When hosts answer an action that was launched for an incident, then its notes say how many, and how.

A note is for operators alone. One is written when the action goes out, one at most each minute while answers
come, and a last one when it is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.incidents.update import note

Q = load(__file__, "notes_from_results.sql")

LOCK = lock_number("notes from results")
EVERY = timedelta(minutes=1)
NAME_CHARACTERS = 80
AUTHOR = "automation"
OUTCOMES = {
    "success": "answered",
    "failed": "failed",
    "refused": "refused",
    "timeout": "timed out",
    "lost": "lost",
    "expired": "expired",
    "cancelled": "cancelled",
    "open": "still to answer",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an action stands that an incident asked for; stands: its state, and commands by outcome."""

    id: int
    incident: int
    state: str
    name: str
    why_invalid: str
    stands: Mapping[str, str | int]
    found: int


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Write what is new to the incidents' notes; return how many notes. Repeating is harmless."""
    async with conn.transaction():
        if not await Q.value(conn, "try_lock", lock=LOCK):
            return 0
        due = await Q.all(conn, "due", row=Standing, now=now, every=EVERY)
        for one in due:
            await note(conn, one.incident, words(one), by=AUTHOR, now=now)
            await Q.run(conn, "noted", id=one.id, stands=Jsonb(dict(one.stands)), now=now)
    return len(due)


def words(one: Standing) -> str:
    """Return the note, in Markdown; the author's name of the action stands in it as code.

    >>> words(Standing(5, 1, "inflight", "look", "", {"state": "inflight", "success": 2, "open": 1}, 2))
    'Action [5](/actions/5) `look` runs on 3 hosts: 2 answered, 1 still to answer. 2 found something.'
    """
    action = f"Action [{one.id}](/actions/{one.id}) `{_name(one.name)}`"
    if one.state == "invalid":
        return f"{action} was not run: `{_name(one.why_invalid)}`."
    counts = {word: int(one.stands[word]) for word in OUTCOMES if word in one.stands}
    hosts = sum(counts.values())
    verb = "is over" if one.state == "done" else "runs"
    where = f"{verb} on {hosts} host{'' if hosts == 1 else 's'}"
    told = ", ".join(f"{number} {OUTCOMES[word]}" for word, number in counts.items())
    found = f" {one.found} found something." if one.found else ""
    return f"{action} {where}{f': {told}' if told else ''}.{found}"


def _name(text: str) -> str:
    """Return a text of others as one short line that cannot end the code it stands in."""
    line = "".join(c if c.isprintable() and c != "`" else " " for c in text).strip()
    short = line if len(line) <= NAME_CHARACTERS else f"{line[: NAME_CHARACTERS - 1]}…"
    return short or "–"
