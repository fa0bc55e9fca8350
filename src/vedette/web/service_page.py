"""The page of one service: how it is, what to mend first, what it promises, what went out lately."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from markupsafe import Markup

from vedette.records.burn_rules import Burn
from vedette.records.deployments_reads import Kept
from vedette.records.dora_rules import Spread
from vedette.records.validations_reads import CheckCount
from vedette.web import service_reads as reads
from vedette.web.looks import BY_WORD, Look, look_of
from vedette.web.reader import N_, gettext
from vedette.web.service_measures import Delivered, Promise
from vedette.web.severities import Grave, Tallied, grave, tallied
from vedette.web.stories import impact_word, look_of_story, status_word
from vedette.web.words import Moment, duration, instant, moment

CHECKS, IMAGES, DEPLOYMENTS = 4, 8, 3
"""So many of each are shown before the rest is only counted."""
BURNS: dict[Burn, tuple[str, str]] = {
    Burn.PAGE: (N_("burns fast: wake somebody"), "down"),
    Burn.TICKET: (N_("burns: make a ticket"), "degraded"),
    Burn.NO_DATA: (N_("no data"), "unknown"),
    Burn.QUIET: (N_("steady"), "up"),
}
MISSED = (N_("budget spent"), "degraded")
REASONS = {
    1: N_("exploited, and it runs here"),
    2: N_("exploited"),
    3: N_("likely to be exploited"),
    4: N_("critical, and there is a fix"),
    5: "",
}
"""Why it stands where it stands, by its rank."""


class ComponentLine(NamedTuple):
    """One component; worst: the target to look at first, "" when all are well."""

    component: reads.Component
    look: Look
    since: Moment | None


class IncidentLine(NamedTuple):
    """One thing that was told of it."""

    incident: reads.Incident
    look: Look
    impact: str
    status: str
    starts: Markup


class FirstLine(NamedTuple):
    """One vulnerability to mend. epss: its percentile in per cent, "" where it is not listed."""

    first: reads.First
    grave: Grave
    why: str
    epss: str
    age: str


class SevereLine(NamedTuple):
    """The vulnerabilities of one severity."""

    severe: reads.Severe
    grave: Grave
    oldest: str


class PromiseLine(NamedTuple):
    """An objective. attained: over its own period; left: of its error budget, both in per cent or "–".

    place: where its values come from, "" where no other has its name.
    """

    name: str
    place: str
    target: str
    attained: str
    left: str
    look: Look
    burn: str
    warnings: Sequence[str]


class DeploymentLine(NamedTuple):
    """A deployment; link: its reason where that is an address. causes: (incident, state) it may have caused."""

    id: int
    environment: str
    pipeline: str
    reason: str
    link: str
    finished: Moment
    commits: int
    causes: Sequence[tuple[int, str]]


class DeliveryLine(NamedTuple):
    """DORA's measures of an environment, in words; "–" where there is nothing to measure."""

    environment: str
    per_week: str
    lead: str
    failed: str
    recovery: str
    rework: str


class ImageLine(NamedTuple):
    """An image that runs."""

    image: reads.Image
    tally: list[Tallied]
    looked: Moment


@dataclass(frozen=True, slots=True)
class ServicePage:
    """The whole page; look: None for a service without a component. The `…_more` count what is not shown."""

    service: reads.Service
    look: Look | None
    components: list[ComponentLine]
    components_more: bool
    incidents: list[IncidentLine]
    first: list[FirstLine]
    severities: list[SevereLine]
    vulnerabilities: int
    checks: Sequence[CheckCount]
    checks_more: int
    checks_known: bool
    promises: list[PromiseLine]
    deployments: list[DeploymentLine]
    deliveries: list[DeliveryLine]
    images: list[ImageLine]
    images_more: str
    updated: Moment


def service_page(
    service: reads.Service,
    components: Sequence[reads.Component],
    incidents: Sequence[reads.Incident],
    first: Sequence[reads.First],
    severities: Sequence[reads.Severe],
    checks: Sequence[CheckCount],
    promises: Sequence[Promise],
    deployments: Sequence[Kept],
    deliveries: Sequence[Delivered],
    images: Sequence[reads.Image],
    *,
    now: datetime,
) -> ServicePage:
    """Return the page of a service as of `now`."""
    failing = [check for check in checks if check.failing]
    return ServicePage(
        service=service,
        look=_worst(components),
        components=[_component(one, now) for one in components[: reads.COMPONENTS]],
        components_more=len(components) > reads.COMPONENTS,
        incidents=[_incident(one) for one in incidents],
        first=[_first(one, now) for one in first],
        severities=[
            SevereLine(one, grave(one.severity), duration((now - one.oldest_at).total_seconds()))
            for one in severities
        ],
        vulnerabilities=sum(one.number for one in severities),
        checks=failing[:CHECKS],
        checks_more=len(failing[CHECKS:]),
        checks_known=bool(checks),
        promises=sorted(_told_apart([_promise(one) for one in promises]), key=_urgency),
        deployments=[_deployment(one, now) for one in deployments[:DEPLOYMENTS]],
        deliveries=[_delivery(one) for one in deliveries],
        images=[
            ImageLine(one, tallied(one.counts), moment(one.last_at, now)) for one in images[:IMAGES]
        ],
        images_more=_more(images),
        updated=moment(now, now),
    )


def _worst(components: Sequence[reads.Component]) -> Look | None:
    looks = [BY_WORD[one.state] for one in components]
    return max(looks, key=lambda pair: pair[0])[1] if looks else None


def _more(images: Sequence[reads.Image]) -> str:
    """Return how many images are not shown, as far as they were read."""
    left = len(images) - IMAGES
    if left <= 0:
        return ""
    return f"{left - 1}+" if len(images) > reads.IMAGES else str(left)


def _component(one: reads.Component, now: datetime) -> ComponentLine:
    return ComponentLine(one, look_of(one.state), moment(one.since, now) if one.since else None)


def _incident(one: reads.Incident) -> IncidentLine:
    return IncidentLine(
        one,
        look_of_story(one.kind, one.impact, is_open=one.is_open),
        impact_word(one.kind, one.impact),
        status_word(one.status),
        instant(one.starts_at),
    )


def _first(one: reads.First, now: datetime) -> FirstLine:
    return FirstLine(
        one,
        grave(one.severity),
        gettext(REASONS[one.rank]) if REASONS[one.rank] else "",
        epss_of(one.percentile),
        duration((now - one.since_at).total_seconds()),
    )


def _promise(one: Promise) -> PromiseLine:
    kept, account = one.kept, one.account
    own = account.budgets[0].budget if account else None
    word, state = BURNS[account.burn if account else Burn.NO_DATA]
    consumed = own.consumed if own else None
    if consumed is not None and consumed > 1 and state in ("up", "unknown"):
        word, state = MISSED
    return PromiseLine(
        name=kept.name,
        place="/".join(part for part in (kept.cluster, kept.namespace) if part),
        target=f"{kept.target:g} %",
        attained=percent_of(own.attained) if own else "–",
        left="–" if consumed is None else per_cent(1 - consumed, 0),
        look=look_of(state),
        burn=gettext(word),
        warnings=account.warnings if account else (),
    )


def _told_apart(lines: Sequence[PromiseLine]) -> Iterator[PromiseLine]:
    """Yield them with the place of those alone that another is called like."""
    called = Counter(line.name for line in lines)
    for line in lines:
        yield line if called[line.name] > 1 else line._replace(place="")


URGENCY = ("down", "degraded", "unknown", "up")


def _urgency(line: PromiseLine) -> tuple[int, str, str]:
    return URGENCY.index(line.look.tone), line.name, line.place


def _deployment(kept: Kept, now: datetime) -> DeploymentLine:
    noun = kept.deployment
    is_link = noun.reason.startswith(("https://", "http://"))
    return DeploymentLine(
        id=kept.id,
        environment=noun.environment,
        pipeline=noun.pipeline,
        reason=noun.reason,
        link=noun.reason if is_link else "",
        finished=moment(noun.finished_at, now),
        commits=len(noun.commits),
        causes=kept.incidents,
    )


def _delivery(one: Delivered) -> DeliveryLine:
    whole = one.whole
    return DeliveryLine(
        environment=one.environment,
        per_week="–" if whole.per_week is None else f"{float(whole.per_week):.3g}",
        lead=_middle(whole.lead_time),
        failed=percent_of(whole.fail_rate, 100),
        recovery=_middle(whole.recovery),
        rework=percent_of(whole.rework_rate, 100),
    )


def _middle(spread: Spread | None) -> str:
    return "–" if spread is None else duration(spread.median_s)


def epss_of(percentile: float | None) -> str:
    """Return how much likelier it is to be exploited than others, in per cent; "" where EPSS does not list it."""
    return "" if percentile is None else per_cent(Fraction(percentile).limit_denominator(10**5), 1)


def percent_of(share: Fraction | None, times: int = 1) -> str:
    """Return a share that is in per cent once it is taken so many times; "–" for none."""
    return "–" if share is None else per_cent(share * times / 100, 2)


def per_cent(share: Fraction, digits: int) -> str:
    """Return a share in per cent, rounded down, without zeros behind: 100 % is said only of all of it."""
    scaled = share * 100 * 10**digits
    cut = scaled.numerator // scaled.denominator
    text = f"{cut / 10**digits:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
