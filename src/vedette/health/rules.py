"""The decisions of health: noun in, noun out; no clock, no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.health.model import Held, Patience, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One target as one agent holds it; `is_silent` means the agent tells us nothing now.

    silent_collector: the collector its silence is put down to; "": the agent itself.
    """

    agent: str
    state: State
    is_silent: bool = False
    error_class: str = ""
    message: str = ""
    silent_collector: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state and why, for operators; the reason is empty when all is up."""

    state: State
    reason: str = ""
    error_class: str = ""


def judge(held: Held, look: State, at: datetime, patience: Patience) -> Held:
    """Return what to hold after one more look.

    The worse is believed after `bad_after` looks in a row, the better after `good_after`; who saw
    nothing yet believes the first good look at once. Losing sight is worse than whatever was held.
    The new state counts from the look that tipped it, and time never runs backwards.
    """
    if look == held.state:
        return Held(state=held.state, since=held.since or at)
    worse = _is_worse(held.state, look)
    dissent = held.dissent + 1 if held.dissent and held.worse == worse else 1
    if dissent >= _needed(held.state, worse=worse, patience=patience):
        return Held(state=look, since=max(at, held.since) if held.since else at)
    return Held(state=held.state, since=held.since or at, dissent=dissent, worse=worse)


def awake(held: Held, look: State, at: datetime) -> Held:
    """Return what to hold of a target that was out of sight, once no look since agrees with what was held.

    That says nothing of now: a good look is believed at once, and until bad ones are it is unknown.
    """
    if held.state in (look, State.UNKNOWN):
        return held
    if look is State.UP:
        return Held(state=look, since=max(at, held.since) if held.since else at)
    return Held(since=at, dissent=held.dissent, worse=True)


def _is_worse(held: State, look: State) -> bool:
    if look is State.UNKNOWN:
        return True
    if held is State.UNKNOWN:
        return look is not State.UP
    return look > held


def _needed(held: State, *, worse: bool, patience: Patience) -> int:
    if worse:
        return patience.bad_after
    return 1 if held is State.UNKNOWN else patience.good_after


def target_verdict(observers: Sequence[Seen]) -> Verdict:
    """Return how a target is, from all agents that look at it.

    The silent have no vote. Nobody sees: unknown. More than half of the seeing say down: down. Some
    say it is not up, but not most: degraded, since it is up from somewhere. Else the worst of them.
    """
    if not observers:
        return Verdict(State.UNKNOWN, "no agent looks at it")
    seeing = [seen for seen in observers if not seen.is_silent and seen.state is not State.UNKNOWN]
    if not seeing:
        return _blind(observers)
    down = [seen for seen in seeing if seen.state is State.DOWN]
    if len(down) * 2 > len(seeing):
        return _said_by(down[0], State.DOWN, len(down), len(seeing))
    worst = max(seeing, key=lambda seen: seen.state)
    if worst.state is State.DOWN:
        return _said_by(worst, State.DEGRADED, len(down), len(seeing))
    return _said_by(worst, worst.state, sum(s.state is worst.state for s in seeing), len(seeing))


def _blind(observers: Sequence[Seen]) -> Verdict:
    silent = [seen for seen in observers if seen.is_silent]
    if len(silent) == len(observers):
        sources = dict.fromkeys(
            f"through collector {seen.silent_collector}"
            if seen.silent_collector
            else f"from {seen.agent}"
            for seen in silent
        )
        # One agent after another reads as before: "from a, b".
        said = ", ".join(sources).replace(", from ", ", ")
        return Verdict(State.UNKNOWN, f"no report {said}", "silence")
    first = next(seen for seen in observers if not seen.is_silent)
    return Verdict(State.UNKNOWN, first.message or "no report yet", first.error_class)


def _said_by(seen: Seen, state: State, votes: int, voters: int) -> Verdict:
    if state is State.UP:
        return Verdict(State.UP)
    share = f" (seen by {votes} of {voters} agents)" if voters > 1 else ""
    return Verdict(
        state, (seen.message or seen.error_class or seen.state.word) + share, seen.error_class
    )


def component_verdict(targets: Iterable[tuple[str, Verdict]]) -> Verdict:
    """Return how a component is, from the (name, verdict) of its targets: the gravest counts."""
    targets = sorted(targets, key=lambda named: (-named[1].state, named[0]))
    if not targets:
        return Verdict(State.UNKNOWN, "it has no targets")
    name, worst = targets[0]
    if worst.state is State.UP:
        return Verdict(State.UP)
    others = sum(verdict.state is worst.state for _, verdict in targets[1:])
    more = f" and {others} more" if others else ""
    return Verdict(
        worst.state, f"{name}: {worst.reason or worst.state.word}{more}", worst.error_class
    )


def reconnect_spread(agents: int) -> timedelta:
    """Return over how long a fleet of that many agents should spread its reconnects.

    A handshake costs a server about 2.5 ms of CPU; 160 a second leave it more than half of a core for
    the reports that come with them. Ten thousand agents come back within 63 s.
    """
    return timedelta(seconds=min(max(agents / 160, 0.5), 120))
