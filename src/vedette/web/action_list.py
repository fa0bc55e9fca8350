"""The list of actions: what is asked of hosts, who signed it, how far it is; what waits for signatures first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from vedette.actions.document import Operation
from vedette.actions.document_words import operations_words
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.web.action_looks import STATES, Progress, look_of_action, progress
from vedette.web.action_reads import Brief, Listed, of_incident, of_service
from vedette.web.looks import Look
from vedette.web.paging import Part, last_page, page_of, part
from vedette.web.reader import gettext
from vedette.web.words import Moment, moment

WEIGHED = 10
"""Of so many that wait for signatures the list says what is missing; the others' own pages do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which actions are asked for; state "" for all of them."""

    state: str
    page: int


class StateLink(NamedTuple):
    """A way to narrow the list."""

    word: str
    number: int
    href: str
    is_current: bool


class ActionLine(NamedTuple):
    """An action. words: what it does, one sentence an operation; missing: before it is launched."""

    action: Listed
    look: Look
    state: str
    words: Sequence[str]
    missing: Sequence[str]
    progress: Progress
    proposed: Moment
    ends: Moment


@dataclass(frozen=True, slots=True)
class ActionList:
    """The whole page."""

    asked: Asked
    states: list[StateLink]
    lines: list[ActionLine]
    part: Part
    updated: Moment


def asked_of(query: Mapping[str, str]) -> Asked:
    """Return what a query string asks for; raises Invalid."""
    state = query.get("state", "")
    if state and state not in STATES:
        raise Invalid(f"state cannot be {state[:40]!a}", hint=f"one of {', '.join(STATES)}")
    return Asked(state, page_of(query))


def found(asked: Asked, tally: Mapping[str, int]) -> int:
    """Return how many actions fit."""
    return tally.get(asked.state, 0) if asked.state else sum(tally.values())


def at_most(asked: Asked, tally: Mapping[str, int]) -> Asked:
    """Return the page that is asked for, or the last one there is."""
    return Asked(asked.state, min(asked.page, last_page(found(asked, tally))))


def action_list(
    asked: Asked,
    tally: Mapping[str, int],
    rows: Sequence[Listed],
    counts: Mapping[int, Mapping[str, int]],
    missing: Mapping[int, Sequence[str]],
    *,
    now: datetime,
) -> ActionList:
    """Return the page. missing: what is missing of those that wait, by their ids."""
    return ActionList(
        asked=asked,
        states=_states(asked, tally),
        lines=[_line(one, counts.get(one.id, {}), missing.get(one.id, ()), now) for one in rows],
        part=part(asked.page, found(asked, tally), lambda page: _href(asked.state, page)),
        updated=moment(now, now),
    )


class BriefLine(NamedTuple):
    """An action beside something else, and how it stands."""

    action: Brief
    look: Look
    state: str


async def launched_for(conn: Connection, incident: int) -> list[BriefLine]:
    """Return the actions that were launched for an incident, the newest first."""
    return [_brief(one) for one in await of_incident(conn, incident)]


async def asked_beneath(conn: Connection, service: int) -> list[BriefLine]:
    """Return the newest actions that asked hosts which look at something of a service."""
    return [_brief(one) for one in await of_service(conn, service)]


def _brief(one: Brief) -> BriefLine:
    return BriefLine(one, *look_of_action(one.state, one.paused_at))


def _states(asked: Asked, tally: Mapping[str, int]) -> list[StateLink]:
    every = StateLink(gettext("All"), sum(tally.values()), "/actions", asked.state == "")
    return [
        every,
        *(
            StateLink(gettext(word), tally[state], _href(state), asked.state == state)
            for state, (word, _) in STATES.items()
            if tally.get(state)
        ),
    ]


def _href(state: str, page: int = 1) -> str:
    query = {"state": state} if state else {}
    if page > 1:
        query["page"] = str(page)
    return f"/actions?{urlencode(query)}" if query else "/actions"


def _line(
    action: Listed, counts: Mapping[str, int], missing: Sequence[str], now: datetime
) -> ActionLine:
    look, state = look_of_action(action.state, action.paused_at, counts)
    return ActionLine(
        action=action,
        look=look,
        state=state,
        words=words_of(action),
        missing=missing,
        progress=progress(counts),
        proposed=moment(action.proposed_at, now),
        ends=moment(action.expire_after, now),
    )


def words_of(action: Listed) -> list[str]:
    """Return what the action does, in English; its modules where it is too long for a list."""
    if action.operations is None:
        return [", ".join(dict.fromkeys(action.modules))]
    operations = [
        Operation(one["module"], one.get("parameters"), one.get("is_compressed") is True)
        for one in action.operations
    ]
    return list(dict.fromkeys(operations_words(operations)))
