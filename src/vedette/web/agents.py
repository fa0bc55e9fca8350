"""The page of the agents: who looks, who has fallen silent, who lags behind. For operators only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from vedette.errors import Invalid
from vedette.fleet.model import Agent, Duplicate
from vedette.fleet.status import Standing, status_of
from vedette.web.agent_reads import Double
from vedette.web.looks import Look, look_of
from vedette.web.paging import Part, last_page, part
from vedette.web.reader import N_, gettext, ngettext
from vedette.web.words import Moment, moment, value

LOOK_OF = {
    Standing.ONLINE: look_of("up"),
    # Not red: what it looked at we cannot see, and that says nothing about it.
    Standing.OFFLINE: look_of("unknown"),
    Standing.REVOKED: look_of("draining"),
    Standing.QUARANTINED: look_of("degraded"),
    Standing.DUPLICATE: look_of("degraded"),
}
WORD_OF = {
    Standing.ONLINE: (N_("online"), N_("Online")),
    Standing.OFFLINE: (N_("offline"), N_("Offline")),
    Standing.REVOKED: (N_("revoked"), N_("Revoked")),
    Standing.QUARANTINED: (N_("in quarantine"), N_("In quarantine")),
    Standing.DUPLICATE: (N_("duplicate"), N_("Duplicate")),
}
"""How it is called within a line, and at its start."""
ORDER = (Standing.QUARANTINED, Standing.OFFLINE, Standing.ONLINE, Standing.REVOKED)


@dataclass(frozen=True, slots=True)
class Stranger:
    """Another machine that came with an agent's key."""

    who: str
    attempts: str
    seen: Moment


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent; `heard` is None before its first stream.

    behind: what waits on its disk, "" when nothing does. lost: what it had to drop, "" for nothing.
    """

    agent: Agent
    look: Look
    standing: str
    reason: str
    heard: Moment | None
    behind: str
    lost: str
    strangers: list[Stranger]


class StandingLink(NamedTuple):
    """A way to narrow the list to those that stand so, or to all of them again."""

    look: Look
    word: str
    number: int
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class AgentsPage:
    """The whole page: those that are missed first. doubles: endpoints with several agents."""

    lines: list[AgentLine]
    tally: list[StandingLink]
    doubles: Sequence[Double]
    part: Part
    updated: Moment


def standing_of(query: Mapping[str, str]) -> Standing | None:
    """Return which agents a query string asks for, None for all; raises Invalid."""
    word = query.get("state", "")
    known = {str(each): each for each in ORDER}
    if word and word not in known:
        raise Invalid(f"state cannot be {word[:40]!a}", hint=f"one of {', '.join(known)}")
    return known.get(word)


def agents_page(
    agents: Sequence[Agent],
    duplicates: Sequence[Duplicate],
    doubles: Sequence[Double] = (),
    *,
    state: Standing | None = None,
    page: int,
    now: datetime,
) -> AgentsPage:
    """Return that page of the agents that stand so as of `now`, or the last one there is."""
    strangers: dict[int, list[Stranger]] = {}
    for each in duplicates:
        strangers.setdefault(each.agent_id, []).append(_stranger(each, now))
    standings = [(status_of(agent, now=now), agent) for agent in agents]
    standings.sort(key=lambda pair: (ORDER.index(pair[0].standing), pair[1].name))
    found = [status.standing for status, _ in standings]
    if state is not None:
        standings = [pair for pair in standings if pair[0].standing is state]
    narrowed = f"state={state}&" if state else ""
    here = part(
        min(page, last_page(len(standings))), len(standings), f"?{narrowed}page={{}}".format
    )
    return AgentsPage(
        lines=[
            _line(agent, status.standing, status.reason, strangers.get(agent.id, []), now)
            for status, agent in standings[max(0, here.first - 1) : here.last]
        ],
        part=here,
        tally=[_link(each, found, state) for each in ORDER if each in found],
        doubles=doubles,
        updated=moment(now, now),
    )


def _link(each: Standing, found: Sequence[Standing], state: Standing | None) -> StandingLink:
    href = "/agents" if each is state else f"/agents?state={each}"
    word = gettext(WORD_OF[each][0])
    return StandingLink(LOOK_OF[each], word, found.count(each), href, each is state)


def _line(
    agent: Agent, standing: Standing, reason: str, strangers: list[Stranger], now: datetime
) -> AgentLine:
    return AgentLine(
        agent=agent,
        look=LOOK_OF[standing],
        standing=gettext(WORD_OF[standing][1]),
        reason=reason,
        heard=moment(agent.heartbeat_at, now) if agent.heartbeat_at else None,
        behind=_reports(agent.spooled_reports, agent.spooled_bytes),
        lost=_reports(agent.dropped_reports),
        strangers=strangers,
    )


def _reports(number: int, size_bytes: int = 0) -> str:
    if not number:
        return ""
    words = ngettext("{number} report", "{number} reports", number)
    said = words.format(number=value(number, ""))
    return f"{said}, {value(size_bytes, 'bytes')}" if size_bytes else said


def _stranger(duplicate: Duplicate, now: datetime) -> Stranger:
    host, tries = duplicate.hostname or gettext("no name"), duplicate.attempts
    if duplicate.address:
        host = gettext("{host} at {address}").format(host=host, address=duplicate.address)
    return Stranger(
        who=host,
        attempts=ngettext("{number} attempt", "{number} attempts", tries).format(number=tries),
        seen=moment(duplicate.last_seen_at, now),
    )
