"""Take a reporter's word that a component fails, and do what the decision table says.

A reporter repeats itself every minute while the trouble lasts and says nothing when it is over. Most
posts change nothing: they are answered from two reads, without waiting for whoever writes. Many that
come at once are taken in one transaction (`turns.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.incidents import writes
from vedette.incidents.components import Component
from vedette.incidents.model import Draft, Impact, Kind, Origin, Status, Titles
from vedette.incidents.open import link
from vedette.incidents.reporter_moves import Moves
from vedette.incidents.reporter_rules import Decision, Deed, Standing, decide
from vedette.incidents.reporter_titles import (
    COMPATIBLE,
    keep_made_titles,
    made_title,
    made_titles,
)
from vedette.incidents.rules import escalation
from vedette.incidents.texts import spared_text, spared_title

Q = load(__file__, "reporters.sql")


class Manners(StrEnum):
    """Whose engine answers: the first Status Dashboard's, or its successor's."""

    FIRST = "first"
    SUCCESSOR = "successor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One word of a reporter.

    title: "" lets us make one, after `titles`. starts_at: None is now.
    """

    component: Component
    impact: Impact
    title: str = ""
    titles: Titles = Titles.NAMED
    description: str = ""
    starts_at: datetime | None = None
    manners: Manners = Manners.FIRST

    def __post_init__(self) -> None:
        """Take out of its words what plays tricks on readers."""
        object.__setattr__(self, "title", spared_title(self.title))
        object.__setattr__(self, "description", spared_text(self.description))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a post came to, and the incident the component is in now.

    component: the one that was posted about. title: of an incident that is kept, "" of others.
    """

    deed: Deed
    incident_id: int
    component: Component
    title: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A post, and who says it."""

    post: Post
    by: str


@dataclass(slots=True)
class Open:
    """An open incident while posts are taken; it changes as they do."""

    id: int
    impact: Impact
    system: bool
    is_ours: bool
    members: set[int]
    title: str

    def seen_from(self, component_id: int) -> Standing:
        """Return it as the decision about this component sees it."""
        contains = component_id in self.members
        return Standing(
            self.id, self.impact, self.system, self.is_ours, contains, len(self.members)
        )


@dataclass(frozen=True, slots=True)
class Book:
    """What stands while posts are taken: maintenances by component, open incidents by id, the oldest first."""

    maintenances: dict[int, int]
    standing: dict[int, Open]

    def decide(self, post: Post) -> Decision:
        """Return what this post does as things stand."""
        return decide(
            post.impact,
            self.maintenances.get(post.component.id),
            [one.seen_from(post.component.id) for one in self.standing.values()],
            weigh_persons=post.manners is Manners.FIRST,
        )

    def kept(self, decision: Decision, post: Post) -> Outcome:
        """Return what a post came to that changes nothing."""
        assert decision.source is not None
        held = self.standing.get(decision.source)
        title = held.title if held else ""
        return Outcome(decision.deed, decision.source, post.component, title)


async def report(conn: Connection, post: Post, *, by: str, now: datetime) -> Outcome:
    """Take one post, as `report_all` does."""
    (outcome,) = await report_all(conn, [Word(post, by)], now=now)
    return outcome


async def report_all(conn: Connection, words: Sequence[Word], *, now: datetime) -> list[Outcome]:
    """Do what the decision table says of each of these, one after the other, in one transaction.

    Safe to repeat, safe beside others: the same post again changes nothing. What there is is read
    once for all of them. Raises Invalid for an impact that is no incident's; nothing is done then.
    """
    if any(word.post.impact is Impact.MAINTENANCE for word in words):
        raise Invalid("Incident impact is not allowed by configuration", hint="1, 2 or 3")
    book = await _read(conn, now)
    decisions = [book.decide(word.post) for word in words]
    if all(decision.deed in KEEPING for decision in decisions):
        # Most posts repeat what is known: they need not wait for whoever writes.
        return [book.kept(one, word.post) for one, word in zip(decisions, words, strict=True)]
    async with conn.transaction():
        await writes.hold(conn)
        # Somebody may have written while we waited.
        return await _take(conn, await _read(conn, now), words, now)


KEEPING = (Deed.KEEP, Deed.KEEP_MAINTENANCE)


async def _read(conn: Connection, now: datetime) -> Book:
    book = Book({}, {})
    for kind, number, impact, system, is_ours, members, title in await Q.all(
        conn, "standing", now=now
    ):
        if kind == Kind.MAINTENANCE:
            for component_id in members:
                book.maintenances.setdefault(component_id, number)
        else:
            standing = Open(number, Impact(impact), system, is_ours, set(members), title)
            book.standing[number] = standing
    return book


async def _take(
    conn: Connection, book: Book, words: Sequence[Word], now: datetime
) -> list[Outcome]:
    titled = await made_titles(conn, [one.id for one in book.standing.values() if one.is_ours])
    ours = {number for number, (is_, made) in titled.items() if is_ == made}
    outcomes, touched, details = [], dict[str, set[int]](), dict[str, list[dict[str, object]]]()
    moves = Moves(now)
    for word in words:
        decision = book.decide(word.post)
        if decision.deed in KEEPING:
            outcomes.append(book.kept(decision, word.post))
            continue
        number, changed = await _do(conn, book, moves, word, decision)
        outcomes.append(Outcome(decision.deed, number, word.post.component))
        touched.setdefault(word.by, set()).update(changed)
        details.setdefault(word.by, []).append(
            {
                "deed": str(decision.deed),
                "incident": number,
                "component": word.post.component.label,
                "impact": int(word.post.impact),
            }
        )
        is_new = decision.deed in (Deed.OPEN, Deed.SPLIT)
        if is_new and not word.post.title and word.post.titles is Titles.NAMED:
            ours.add(number)
    await moves.write(conn)
    await keep_made_titles(conn, ours.intersection(set().union(*touched.values())))
    for by, numbers in touched.items():
        detail = {"posts": details[by]}
        await writes.settle(conn, sorted(numbers), "report", by=by, now=now, detail=detail)
    return outcomes


async def _do(
    conn: Connection, book: Book, moves: Moves, word: Word, decision: Decision
) -> tuple[int, set[int]]:
    """Do it, in the database and in the book; return the incident it is in now, and all that changed."""
    source, target, post, by = decision.source, decision.target, word.post, word.by
    component, now = post.component, moves.now
    if decision.deed is Deed.ESCALATE:
        assert source is not None
        await _escalate(conn, book.standing[source], moves, post, by=by)
        return source, {source}
    if source is not None and not decision.empties:
        # It leaves before another takes it: it may stand in one of ours at a time.
        moves.leave(source, component.id)
    if decision.empties:
        assert source is not None
        # It keeps who was in it: its past would be nobody's otherwise.
        await moves.write(conn)
        await writes.change(conn, source, ends_at=now, status=Status.RESOLVED)
    if target is None:
        await moves.write(conn)
        target = await _open(conn, post, by=by, now=now)
        title = post.title or _title(post)
        book.standing[target] = Open(target, post.impact, True, True, {component.id}, title)
    elif component.id not in book.standing[target].members:
        moves.join(target, component.id)
        book.standing[target].members.add(component.id)
    if source is not None:
        _note_move(book, moves, component, source, target, by=by)
        book.standing[source].members.discard(component.id)
    elif decision.deed is Deed.JOIN:
        suffix = f"added to {book.standing[target].title}"
        ending = suffix if post.manners is Manners.FIRST else SUCCESSOR_JOIN
        moves.note(target, f"{component.label} {ending}", by=by)
    if decision.empties:
        assert source is not None
        moves.note(source, "CLOSED BY SYSTEM", by=by)
        del book.standing[source]
    return target, {each for each in (source, target) if each is not None}


SUCCESSOR_JOIN = "added to the incident by system."


async def _escalate(conn: Connection, held: Open, moves: Moves, post: Post, *, by: str) -> None:
    await moves.write(conn)
    await writes.weigh(conn, held.id, post.impact, since=moves.now)
    await writes.change(conn, held.id, impact=post.impact)
    moves.note(held.id, escalation(held.impact, post.impact), by=by)
    held.impact = post.impact


async def _open(conn: Connection, post: Post, *, by: str, now: datetime) -> int:
    draft = Draft(
        kind=Kind.INCIDENT,
        title=post.title or _title(post),
        description=post.description,
        impact=post.impact,
        status=Status.DETECTED,
        origin=Origin.REPORTER,
        system=True,
        starts_at=min(post.starts_at or now, now),
        published_at=now,
        components=[post.component.id],
    )
    number = await writes.insert(conn, draft, by=by, now=now)
    if post.manners is Manners.SUCCESSOR:
        await writes.say(
            conn, number, Status.DETECTED, "The incident is detected.", at=now, by=by, now=now
        )
    return number


def _title(post: Post) -> str:
    if post.titles is Titles.COMPATIBLE:
        return COMPATIBLE
    return made_title(post.component, post.impact, 1)


def _note_move(
    book: Book, moves: Moves, component: Component, source: int, target: int, *, by: str
) -> None:
    for number, words, other in ((source, "moved to", target), (target, "moved from", source)):
        text = f"{component.label} {words} {link(other, book.standing[other].title)}"
        moves.note(number, text, by=by)
