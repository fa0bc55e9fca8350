"""The sentences of an explanation, each about one stored fact."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette import durations
from vedette.incidents.model import Impact
from vedette.incidents.policy_rules import Consent, Deed, Policy, Standing, decide


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence; about: what it speaks of, as in `target`. at: since when it is so, None when it has no time."""

    about: str
    at: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """The change a component's state began with."""

    state: str
    was: str | None
    since: datetime
    recorded_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """A target with its own state; state "" when nothing was known of it."""

    name: str
    every_ms: int
    bad_after: int
    good_after: int
    silent_after: timedelta
    made_at: datetime
    state: str
    since: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Observer:
    """What an agent holds of a target; needed: how many looks in a row it takes to believe otherwise."""

    target: str
    agent: str
    state: str
    since: datetime
    dissent: int
    worse: bool
    needed: int
    silent_since: datetime | None
    seen_at: datetime
    reported: bool


@dataclass(frozen=True, slots=True)
class Told:
    """An incident or maintenance that tells of it."""

    id: int
    kind: str
    impact: int
    origin: str
    system: bool
    since: datetime
    until: datetime | None
    published_at: datetime | None
    publish_at: datetime | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the automation made of a state."""

    at: datetime
    judged_at: datetime
    state: str
    deed: str
    incident_id: int | None
    publish_at: datetime | None


@dataclass(frozen=True, slots=True)
class Over:
    """An incident that ended, or that it left, while it was in trouble."""

    id: int
    at: datetime


def of_state(state: State | None, moment: datetime) -> Iterator[Line]:
    """Yield how it is and why."""
    if state is None:
        yield Line("component", None, "Nothing is written of its state at that time.")
        return
    was = f"; before it was {state.was}" if state.was else ""
    why = f": {state.reason}" if state.reason else ""
    yield Line("component", state.since, f"It is {state.state}{why}{was}.")
    if state.recorded_at > moment:
        yield Line(
            "component", state.recorded_at, f"We knew that only from {_time(state.recorded_at)} on."
        )


def of_targets(targets: Sequence[Target]) -> Iterator[Line]:
    """Yield how each of its targets is, the gravest first, and how patient we are with it."""
    if not targets:
        yield Line("target", None, "It has no targets: nobody looks at it.")
    for one in targets:
        every = durations.spell(timedelta(milliseconds=one.every_ms))
        patience = (
            f"looked at every {every}; worse is believed after {one.bad_after} looks in a row, "
            f"better after {one.good_after}, silence after {durations.spell(one.silent_after)}"
        )
        state = f"is {one.state}" if one.state else "was not looked at yet"
        why = f": {one.reason}" if one.reason else ""
        yield Line("target", one.since, f"{one.name} {state}{why} ({patience}).")


def of_observers(observers: Sequence[Observer]) -> Iterator[Line]:
    """Yield what each agent holds of each target, silence and looks to the contrary too."""
    for one in observers:
        whose = f"{one.agent} holds {one.target} for {one.state}"
        if one.silent_since is not None:
            text = f"{one.agent} has said nothing of {one.target} since {_time(one.seen_at)}"
            yield Line("observer", one.silent_since, f"{text}: it has no vote.")
        elif not one.reported:
            yield Line("observer", one.since, f"{one.agent} has not reported {one.target} yet.")
        elif one.dissent:
            way = "worse" if one.worse else "better"
            text = f"{whose}; {one.dissent} of {one.needed} looks in a row say it is {way}."
            yield Line("observer", one.since, text)
        else:
            yield Line("observer", one.since, f"{whose}.")


def of_told(told: Sequence[Told]) -> list[Line]:
    """Return which incidents and maintenances tell of it."""
    lines = []
    for one in told:
        if one.kind == "maintenance":
            text = f"Maintenance {one.id} covers it: nothing is opened."
            lines.append(Line("maintenance", one.since, text))
            continue
        if one.published_at is not None:
            public = f"public since {_time(one.published_at)}"
        elif one.publish_at is not None:
            public = f"a draft that goes out at {_time(one.publish_at)}"
        else:
            public = "a draft that waits for a person"
        if one.system:
            owner = f"made by {'the automation' if one.origin == 'automation' else 'a reporter'}"
        else:
            owner = "a person's, so no machine changes it"
        impact = Impact(one.impact).word
        lines.append(
            Line(
                "incident",
                one.since,
                f"Incident {one.id} tells of it: {impact}, {public}, {owner}.",
            )
        )
    return lines


def of_flapping(since: datetime) -> Line:
    """Return that it changes its state too often."""
    text = "It changes its state too often: nothing is closed or opened again until it is calm."
    return Line("flapping", since, text)


DEEDS: dict[Deed, str] = {
    Deed.KEEP: "nothing had to change, incident {} tells of it",
    Deed.OPEN: "incident {} was opened for it",
    Deed.JOIN: "it joined incident {}, which is of the same cause",
    Deed.REJOIN: "it came back to incident {}, which was still open",
    Deed.REOPEN: "incident {} was opened again, since the trouble came back soon",
    Deed.ESCALATE: "incident {} was made graver",
    Deed.MOVE: "it went to incident {}, since it was worse than the others",
    Deed.LEAVE: "it left incident {}, which goes on for others",
    Deed.CLOSE: "incident {} was closed",
    Deed.OBSERVE: "incident {} waits for a person to close it",
    Deed.RESUME: "incident {} goes on: the trouble came back",
    Deed.NOTE: "it was noted in incident {}, which is not the automation's to change",
    Deed.DISABLED: "its policy opens nothing (`enabled: false`)",
    Deed.MAINTENANCE: "it was under maintenance: nothing was opened",
    Deed.FLAPPING: "it changed its state too often: nothing was opened or closed",
    Deed.LATE: "that was long ago when it was judged: nothing was told of it afterwards",
}


def of_judgement(judged: Judgement) -> Line:
    """Return what was last made of a state of it."""
    deed = DEEDS[Deed(judged.deed)].format(judged.incident_id)
    waits = f", to be public at {_time(judged.publish_at)}" if judged.publish_at else ""
    text = (
        f"Of its being {judged.state} since {_time(judged.at)} the automation made: {deed}{waits}."
    )
    return Line("automation", judged.judged_at, text)


def of_untold(state: State, over: Over | None, standing: Standing | None) -> Line:
    """Return why nobody tells of its trouble; standing: as it is now, None of the past."""
    if over is not None:
        text = f"No incident tells of it: {over.id} was ended or it was taken out of it, and nothing changed since."
        return Line("incident", over.at, text)
    reasons = {
        Deed.DISABLED: "its policy opens nothing (`enabled: false`)",
        Deed.MAINTENANCE: "it is under maintenance, and is judged when that ends",
        Deed.FLAPPING: "it changes its state too often, and is judged when it is calm",
    }
    deed = decide(state.state, state.since, standing) if standing else None
    why = reasons.get(deed, "it is judged within seconds") if deed else "see what was made of it"
    return Line("incident", None, f"No incident tells of it: {why}.")


def of_policy(policy: Policy) -> Iterator[Line]:
    """Yield what its policy lets happen by itself."""
    if not policy.enabled:
        yield Line("policy", None, "Its policy opens no incidents by itself.")
        return
    out = (
        f"public after {durations.spell(policy.publish_after)}"
        if policy.publish is Consent.AUTO
        else "a person publishes"
    )
    end = "closes by itself" if policy.close is Consent.AUTO else "a person closes"
    again = durations.spell(policy.reopen_within)
    text = f"Its policy: {out}, at most {policy.cap.word}, {end}, the same again within {again}."
    yield Line("policy", None, text)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
