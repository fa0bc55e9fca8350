"""The page of one action: what it does, who stands behind it, how far it is, what hosts answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from markupsafe import Markup

from vedette.actions.reads import DenialRow, Shown, SignerRow
from vedette.trust.weigh import Weighed
from vedette.web import action_reads as reads
from vedette.web.action_looks import Progress, look_of_action, look_of_command, progress
from vedette.web.answer_lines import Found, found_in
from vedette.web.looks import Look
from vedette.web.reader import N_, gettext, ngettext
from vedette.web.words import Moment, duration, instant, moment, value

OPEN = ("proposed", "new", "inflight")
"""States in which it can still be ended or paused."""
THREAT = (
    ("ref", N_("Reference")),
    ("level", N_("Level")),
    ("family", N_("Family")),
    ("type", N_("Type")),
)
AUTHOR = (("author", N_("Author")), ("email", N_("E-mail")), ("url", N_("Told about at")))


class SignerLine(NamedTuple):
    """Who signed, and when."""

    signer: SignerRow
    at: Moment


class DenialLine(NamedTuple):
    """Who said no."""

    denial: DenialRow
    at: Moment


class WeightLine(NamedTuple):
    """What stands behind a module in a group; names: whose signatures count there, and how much each."""

    weight: Weighed
    look: Look
    names: str


class AnswerLine(NamedTuple):
    """Answers that are alike; found: of each operation, None where it is too long for a page."""

    alike: reads.Alike
    found: Sequence[Found] | None
    size: str
    more: int


class FailureLine(NamedTuple):
    """What did not succeed for the same reason."""

    failure: reads.Failure
    look: Look
    word: str
    more: int


class AwayLine(NamedTuple):
    """Whom it waits for."""

    away: reads.Away
    look: Look
    word: str
    more: int


@dataclass(frozen=True, slots=True)
class Before:
    """What the page says of an action beside its row: in words, and what stands behind it.

    words: what it does. target: whom it means. judged: what of that the agents see to themselves; "" when it is
    all of it. agents: how many these are.
    """

    words: Sequence[str]
    target: str
    judged: str
    agents: int
    weights: Sequence[Weighed]
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class ActionPage:
    """The whole page; deeds: which of its forms are shown. lasts: from begin to end."""

    action: Shown
    look: Look
    state: str
    before: Before
    begins: Markup
    ends: Markup
    lasts: str
    proposed: Moment
    started: Moment | None
    finished: Moment | None
    limits: Sequence[str]
    about: Sequence[tuple[str, str]]
    signers: list[SignerLine]
    denials: list[DenialLine]
    weights: list[WeightLine]
    progress: Progress
    answers: list[AnswerLine]
    answers_more: int
    failures: list[FailureLine]
    away: list[AwayLine]
    deeds: Sequence[str]
    updated: Moment


def action_page(
    action: Shown,
    before: Before,
    counts: Mapping[str, int],
    signers: Sequence[SignerRow],
    denials: Sequence[DenialRow],
    answers: Sequence[reads.Alike],
    kinds_of_answers: int,
    failures: Sequence[reads.Failure],
    away: Sequence[reads.Away],
    *,
    now: datetime,
) -> ActionPage:
    """Return the page of an action as of `now`."""
    look, state = look_of_action(action.state, action.paused_at, counts)
    return ActionPage(
        action=action,
        look=look,
        state=state,
        before=before,
        begins=instant(action.valid_from),
        ends=instant(action.expire_after),
        lasts=duration((action.expire_after - action.valid_from).total_seconds()),
        proposed=moment(action.proposed_at, now),
        started=moment(action.started_at, now) if action.started_at else None,
        finished=moment(action.finished_at, now) if action.finished_at else None,
        limits=_limits(action),
        about=_about(action),
        signers=[SignerLine(one, moment(one.signed_at, now)) for one in signers],
        denials=[DenialLine(one, moment(one.at, now)) for one in denials],
        weights=[_weight(one) for one in before.weights],
        progress=progress(counts),
        answers=[_answer(one) for one in answers],
        answers_more=kinds_of_answers - len(answers),
        failures=[
            FailureLine(one, *look_of_command(one.outcome), one.commands - len(one.agents))
            for one in failures
        ],
        away=[
            AwayLine(one, *look_of_command(one.standing), one.commands - len(one.agents))
            for one in away
        ],
        deeds=_deeds(action, counts),
        updated=moment(now, now),
    )


def _deeds(action: Shown, counts: Mapping[str, int]) -> list[str]:
    """Return what can be done with it now, in the order of the page."""
    runs, stands_open = action.state == "inflight", action.state in OPEN
    again = any(counts.get(word) for word in ("refused", "cancelled", "expired"))
    is_held = action.canary is not None and action.canary_passed_at is None
    possible = {
        "sign": action.state == "proposed",
        "deny": action.state == "proposed",
        "canary": runs and is_held,
        "resume": stands_open and action.paused_at is not None,
        "pause": stands_open and action.paused_at is None,
        "again": runs and again,
        "cancel": stands_open,
    }
    return [deed for deed, is_possible in possible.items() if is_possible]


def _weight(one: Weighed) -> WeightLine:
    word = "success" if one.is_enough else "refused"
    shares = zip(one.investigators, one.shares, strict=True)
    names = ", ".join(f"{name} {share}" for name, share in shares)
    return WeightLine(one, look_of_command(word)[0], names or "–")


def _answer(one: reads.Alike) -> AnswerLine:
    found = None
    if one.answer is not None:
        try:
            found = found_in(one.answer)
        except (ValueError, RecursionError):
            # What cannot be read here is counted, and stands in the export.
            found = None
    return AnswerLine(one, found, value(one.size_bytes, "bytes"), one.commands - len(one.agents))


def _limits(action: Shown) -> list[str]:
    told: list[tuple[float | None, Callable[[int], str]]] = [
        (action.rate, lambda n: ngettext("{number} host a second", "{number} hosts a second", n)),
        (action.at_once, lambda n: ngettext("{number} host at once", "{number} hosts at once", n)),
        (
            action.most_agents,
            lambda n: ngettext("{number} host in all", "{number} hosts in all", n),
        ),
        (
            action.canary,
            lambda n: ngettext(
                "{number} host first, the others once somebody says so",
                "{number} hosts first, the others once somebody says so",
                n,
            ),
        ),
    ]
    limits = [
        text(1 if number == 1 else 2).format(number=value(number, ""))
        for number, text in told
        if number is not None
    ]
    if action.most_failures is not None:
        share = value(action.most_failures, "ratio")
        limits.append(gettext("pauses when more than {share} fail").format(share=share))
    if not action.late:
        limits.append(gettext("hosts that come later are not asked"))
    return limits


def _about(action: Shown) -> list[tuple[str, str]]:
    """Return what its author wrote of it, as (what, text)."""
    return [
        (gettext(word), str(part[key]))
        for part, names in ((action.description, AUTHOR), (action.threat, THREAT))
        for key, word in names
        if (part or {}).get(key)
    ]
