"""The page of one agent: how it is, what it says of itself, by what it decides, what it was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from vedette.actions.reads import command_standing
from vedette.fleet.model import Agent
from vedette.fleet.status import Standing, status_of
from vedette.web.action_looks import look_of_command
from vedette.web.agent_reads import AskedRow, Claims, Double, Group
from vedette.web.agents import LOOK_OF, WORD_OF
from vedette.web.looks import Look, look_of
from vedette.web.reader import N_, gettext
from vedette.web.words import Moment, moment, value

FACTS = 60
"""Lines shown of what an agent says of itself."""
CHARACTERS = 400
MODES = {"daemon": N_("stays connected"), "checkin": N_("comes, asks, leaves")}


class Fact(NamedTuple):
    """One thing that somebody says of the agent."""

    name: str
    text: str


class GroupLine(NamedTuple):
    """A group of the bundle; rules: (module, weight), the module "*" for all that are not named."""

    name: str
    rules: Sequence[tuple[str, int]]


class AskedLine(NamedTuple):
    """A command; took: "" before it ended."""

    asked: AskedRow
    look: Look
    word: str
    at: Moment
    took: str


@dataclass(frozen=True, slots=True)
class AgentPage:
    """The whole page; bundle: of the newest version its word, and whether the agent decides by it.

    asked: None for whoever may not see it. doubles: other agents on its endpoint.
    """

    agent: Agent
    look: Look
    standing: str
    reason: str
    heard: Moment | None
    enrolled: Moment
    key: str
    mode: str
    claims: Claims
    bundle_look: Look
    newest_bundle: int
    environment: list[Fact]
    claimed_tags: list[Fact]
    sandbox: list[Fact]
    groups: list[GroupLine]
    doubles: list[str]
    asked: list[AskedLine] | None
    updated: Moment


def agent_page(
    agent: Agent,
    claims: Claims,
    groups: Sequence[Group],
    newest_bundle: int,
    doubles: Sequence[Double],
    asked: Sequence[AskedRow] | None,
    *,
    now: datetime,
) -> AgentPage:
    """Return the page of an agent as of `now`."""
    status = status_of(agent, now=now)
    is_newest = claims.bundle_version == newest_bundle
    is_here = status.standing is Standing.ONLINE
    return AgentPage(
        agent=agent,
        look=LOOK_OF[status.standing],
        standing=gettext(WORD_OF[status.standing][1]),
        reason=status.reason,
        heard=moment(agent.heartbeat_at, now) if agent.heartbeat_at else None,
        enrolled=moment(agent.enrolled_at, now),
        key=f"sha256:{agent.key_fingerprint.hex()}",
        mode=gettext(MODES.get(claims.mode, claims.mode)),
        claims=claims,
        bundle_look=look_of("up" if is_newest and newest_bundle else "degraded"),
        newest_bundle=newest_bundle,
        environment=facts(agent.environment),
        claimed_tags=facts(agent.claims),
        sandbox=facts(claims.sandbox),
        groups=[
            GroupLine(one.name, list(zip(one.modules, one.weights, strict=True))) for one in groups
        ],
        doubles=[
            name
            for one in doubles
            if one.queueloc == agent.queueloc
            for name in one.agents
            if name != agent.name
        ],
        asked=None
        if asked is None
        else [_asked(one, agent, now, is_here=is_here) for one in asked],
        updated=moment(now, now),
    )


def facts(said: Mapping[str, Any]) -> list[Fact]:
    """Return what was said as lines, by name; what is not plain as JSON, and no more than a page of it."""
    return [Fact(name[:CHARACTERS], _text(said[name])) for name in sorted(said)[:FACTS]]


def _text(said: object) -> str:
    if isinstance(said, str):
        return said[:CHARACTERS] or "–"
    if isinstance(said, bool) or said is None:
        return gettext("yes") if said else gettext("no")
    if isinstance(said, list) and all(isinstance(one, str | int) for one in said):
        return ", ".join(map(str, said))[:CHARACTERS] or "–"
    try:
        return msgspec.json.encode(said).decode()[:CHARACTERS]
    except RecursionError:
        return "…"


def _asked(one: AskedRow, agent: Agent, now: datetime, *, is_here: bool) -> AskedLine:
    standing = command_standing(
        one.state,
        one.outcome,
        is_quarantined=agent.quarantined_at is not None,
        is_held=one.is_held,
        is_online=is_here,
    )
    look, word = look_of_command(standing)
    took = value(one.took_ms / 1000, "s")
    return AskedLine(one, look, word, moment(one.sent_at or one.created_at, now), took)
