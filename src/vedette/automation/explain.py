"""Why a component is in its state, and why an incident was or was not opened: from stored facts, in words.

Read-only. What the rows of a past moment no longer say is said to be unknown, never guessed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.automation import explain_words as words
from vedette.automation.explain_words import Line
from vedette.automation.standing import Known, known_of
from vedette.db.queries import Connection, load
from vedette.errors import Invalid, Missing
from vedette.incidents.policy import policies
from vedette.incidents.policy_rules import GRAVITY

Q = load(__file__, "explain.sql")

AT_MOST = 50
"""So many targets and observers are told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A component at one moment; state: "" when nothing is known. unknown: what cannot be known of it."""

    component: str
    name: str
    at: datetime
    state: str
    since: datetime | None
    lines: Sequence[Line]
    unknown: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Component:
    id: int
    slug: str
    service: str
    region: str
    made_at: datetime
    retired_at: datetime | None


async def explain(conn: Connection, slug: str, *, at: datetime | None, now: datetime) -> Explained:
    """Return what explains this component at that time; None is now. Raises Missing, or Invalid for the future."""
    component = await Q.one(conn, "component", row=_Component, slug=slug)
    if component is None:
        raise Missing(
            f"there is no component {slug[:80]!r}",
            hint="`vedette get components -o name` lists them",
        )
    if at is not None and at > now:
        raise Invalid("that time is in the future", hint="leave it out for now")
    moment = at or now
    asked = {"component_id": component.id, "at": moment}
    state = await Q.one(conn, "state", row=words.State, **asked)
    lines: list[Line] = list(_born(component, moment))
    lines += words.of_state(state, moment)
    targets = await Q.all(conn, "targets", row=words.Target, **asked, at_most=AT_MOST)
    lines += words.of_targets(targets)
    if at is None:
        observers = await Q.all(
            conn, "observers", row=words.Observer, component_id=component.id, at_most=AT_MOST
        )
        lines += words.of_observers(observers)
    known = (await known_of(conn, [component.id], await policies(conn), now=moment))[component.id]
    lines += await _of_incidents(conn, asked, state, known, is_now=at is None)
    lines += words.of_policy(known.standing.policy)
    return Explained(
        component=component.slug,
        name=known.label,
        at=moment,
        state=state.state if state else "",
        since=state.since if state else None,
        lines=lines,
        unknown=list(await _unknown(conn, moment, is_now=at is None)),
    )


def _born(component: _Component, moment: datetime) -> Iterator[Line]:
    if moment < component.made_at:
        yield Line("component", component.made_at, "It was declared only later.")
    if component.retired_at is not None and component.retired_at <= moment:
        yield Line("component", component.retired_at, "It is retired: nothing is opened for it.")


async def _of_incidents(
    conn: Connection,
    asked: dict[str, object],
    state: words.State | None,
    known: Known,
    *,
    is_now: bool,
) -> list[Line]:
    """Return what was told of it then, or why nothing was."""
    told = await Q.all(conn, "told", row=words.Told, **asked)
    lines = words.of_told(told)
    flapping = await Q.value(conn, "flapping", **asked)
    if flapping is not None:
        lines.append(words.of_flapping(flapping))
    judgement = await Q.one(conn, "judgement", row=words.Judgement, **asked)
    if judgement is not None:
        lines.append(words.of_judgement(judgement))
    if any(one.kind == "incident" for one in told):
        return lines
    in_trouble = state is not None and GRAVITY.get(state.state, 0) > 0
    if not in_trouble:
        lines.append(Line("incident", None, "No incident tells of it, and it is in no trouble."))
        return lines
    assert state is not None
    over = await Q.one(conn, "said_over", row=words.Over, **asked, since=state.since)
    lines.append(words.of_untold(state, over, known.standing if is_now else None))
    return lines


async def _unknown(conn: Connection, moment: datetime, *, is_now: bool) -> list[str]:
    if is_now:
        return []
    said = [
        "how many looks in a row each agent had by then (`vedette get reports` lists them)",
        "targets that it had then and that belong to another component since",
    ]
    kept: datetime | None = await Q.value(conn, "policies_kept")
    if kept is None or kept > moment:
        said.append("the policy that held then: the one above is today's")
    return said
