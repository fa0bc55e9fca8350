"""Reach the verdicts that news calls for: targets from their observers, components from their targets.

Called inside the transaction that brings the news (a report's, the deadman's, a declaration's), so that
a state, its transition and its cause are one commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from psycopg import AsyncConnection
from psycopg.rows import class_row

from vedette.db.queries import load
from vedette.health.model import State
from vedette.health.rules import Seen, Verdict, component_verdict, target_verdict

Q = load(__file__, "writes.sql")


@dataclass(frozen=True, slots=True)
class Moved:
    """A target of which there is news, and since when it is true."""

    target_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Observer:
    id: int
    name: str
    component_id: int | None
    retired: bool
    held: str | None
    since: datetime | None
    reason: str | None
    error_class: str | None
    agent: str | None
    state: str | None
    is_silent: bool | None
    look_class: str
    message: str | None
    silent_collector: str

    def seen(self) -> Seen:
        assert self.agent and self.state is not None
        return Seen(
            agent=self.agent,
            state=State.of(self.state),
            is_silent=bool(self.is_silent),
            error_class=self.look_class,
            message=self.message or "",
            silent_collector=self.silent_collector,
        )


@dataclass(frozen=True, slots=True)
class _TargetOfComponent:
    id: int
    held: str | None
    since: datetime | None
    reason: str | None
    name: str | None
    state: str | None
    target_reason: str | None
    error_class: str | None


@dataclass(frozen=True, slots=True)
class _Change:
    """A row of health.transition to be."""

    target_id: int | None
    component_id: int | None
    was: str | None
    now: str
    at: datetime
    verdict: Verdict


async def conclude(
    conn: AsyncConnection,
    moved: Sequence[Moved],
    *,
    now: datetime,
    components: Iterable[int] = (),
) -> int:
    """Reach anew the verdict of these targets, their components and `components`.

    Returns how many transitions that made. Repeating it changes nothing.
    """
    await Q.run(conn, "own_judgement")
    changes, touched = await _conclude_targets(conn, moved, now=now)
    touched |= {component_id: now for component_id in components if component_id not in touched}
    if touched:
        changes += await _conclude_components(conn, touched)
    if changes:
        await _keep_transitions(conn, changes, now=now)
    return len(changes)


async def _conclude_targets(
    conn: AsyncConnection, moved: Sequence[Moved], *, now: datetime
) -> tuple[list[_Change], dict[int, datetime]]:
    """Return what changed, and of which components there is news, since when."""
    at: dict[int, datetime] = {}
    for news in moved:
        at[news.target_id] = max(news.at, at.get(news.target_id, news.at))
    cursor = conn.cursor(row_factory=class_row(_Observer))
    await cursor.execute(Q["observers"], {"target_id": list(at)})
    changes: list[_Change] = []
    states: list[tuple[int, str, datetime, str, str]] = []
    retired: list[int] = []
    components: set[int] = set()
    since_of: dict[int, datetime] = {}
    for target_id, rows in groupby(await cursor.fetchall(), key=lambda row: row.id):
        observers = list(rows)
        first = observers[0]
        if first.component_id is not None:
            components.add(first.component_id)
        if first.retired:
            retired.append(target_id)
            continue
        verdict = target_verdict([row.seen() for row in observers if row.agent])
        if first.held == verdict.state.word and first.reason == verdict.reason:
            continue
        since = _since(first.held, first.since, verdict, at[target_id])
        states.append((target_id, verdict.state.word, since, verdict.reason, verdict.error_class))
        if first.held != verdict.state.word:
            changes.append(_Change(target_id, None, first.held, verdict.state.word, since, verdict))
            if first.component_id is not None:
                latest = since_of.get(first.component_id, since)
                since_of[first.component_id] = max(since, latest)
    await _keep_target_states(conn, states, retired)
    return changes, {one: min(since_of.get(one, now), now) for one in components}


async def _keep_target_states(
    conn: AsyncConnection, states: Sequence[tuple[int, str, datetime, str, str]], retired: list[int]
) -> None:
    if retired:
        await Q.run(conn, "forget_target_states", target_id=retired)
    if states:
        names = ("target_id", "state", "since", "reason", "error_class")
        columns = (list(column) for column in zip(*states, strict=True))
        await Q.run(conn, "keep_target_states", **dict(zip(names, columns, strict=True)))


async def _conclude_components(
    conn: AsyncConnection, components: Mapping[int, datetime]
) -> list[_Change]:
    cursor = conn.cursor(row_factory=class_row(_TargetOfComponent))
    await cursor.execute(Q["targets_of_components"], {"component_id": sorted(components)})
    changes: list[_Change] = []
    states: list[tuple[int, str, datetime, str]] = []
    for component_id, rows in groupby(await cursor.fetchall(), key=lambda row: row.id):
        targets = list(rows)
        first = targets[0]
        verdict = component_verdict(
            (row.name, Verdict(State.of(row.state), row.target_reason or "", row.error_class or ""))
            for row in targets
            if row.name and row.state
        )
        if first.held == verdict.state.word and first.reason == verdict.reason:
            continue
        since = _since(first.held, first.since, verdict, components[component_id])
        states.append((component_id, verdict.state.word, since, verdict.reason))
        if first.held != verdict.state.word:
            changes.append(
                _Change(None, component_id, first.held, verdict.state.word, since, verdict)
            )
    if states:
        names = ("component_id", "state", "since", "reason")
        columns = (list(column) for column in zip(*states, strict=True))
        await Q.run(conn, "keep_component_states", **dict(zip(names, columns, strict=True)))
    return changes


def _since(held: str | None, since: datetime | None, verdict: Verdict, at: datetime) -> datetime:
    """Return since when the verdict holds: unchanged states keep their time, and time never runs back."""
    if since is None:
        return at
    return since if held == verdict.state.word else max(at, since)


async def _keep_transitions(
    conn: AsyncConnection, changes: Sequence[_Change], *, now: datetime
) -> None:
    ids = await Q.all(
        conn,
        "keep_transitions",
        recorded_at=now,
        target_id=[change.target_id for change in changes],
        component_id=[change.component_id for change in changes],
        was=[change.was for change in changes],
        now=[change.now for change in changes],
        at=[change.at for change in changes],
        reason=[change.verdict.reason for change in changes],
        error_class=[change.verdict.error_class for change in changes],
    )
    await Q.run(conn, "tell_transition", id=max(row[0] for row in ids))
