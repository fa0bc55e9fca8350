"""The page of one vulnerability: what it is, what others know of it, where it stands, what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple
from urllib.parse import urlsplit

from vedette.web import advisory_reads as reads
from vedette.web.decisions import decision_word, status_word
from vedette.web.service_page import per_cent
from vedette.web.severities import Grave, grave
from vedette.web.words import Moment, duration, moment

LINKS, NAMES = 8, 30
KEV, EPSS = "kev:", "epss"


class LikelyLine(NamedTuple):
    """EPSS of a CVE, both in per cent."""

    cve: str
    score: str
    percentile: str


class FeedLine(NamedTuple):
    """What was loaded, and when."""

    feed: reads.Feed
    loaded: Moment


class StatementLine(NamedTuple):
    """A supplier's statement."""

    statement: reads.Statement
    status: str
    at: Moment


class DecisionLine(NamedTuple):
    """A decision of ours; where: of what it holds, "" for everywhere. until, ended: None where it has no end yet."""

    decision: reads.Decision
    word: str
    where: str
    made: Moment
    until: Moment | None
    ended: Moment | None


class PlaceLine(NamedTuple):
    """A namespace where it stands open."""

    place: reads.Place
    grave: Grave
    age: str


class CarrierLine(NamedTuple):
    """A package of an image that has it."""

    carrier: reads.Carrier
    grave: Grave
    age: str


@dataclass(frozen=True, slots=True)
class AdvisoryPage:
    """The whole page; title: the first text's that has one. kev, epss: the feed that was loaded, None for none.

    names: every other name. identities: the names under which it counts; grave: the worst it stands open with.
    """

    name: str
    title: str
    texts: Sequence[reads.Advisory]
    description: str
    score: float | None
    vector: str
    cwes: Sequence[str]
    links: Sequence[str]
    names: Sequence[str]
    names_more: int
    identities: Sequence[str]
    published: Moment | None
    withdrawn: Moment | None
    grave: Grave | None
    exploited: Sequence[reads.Exploited]
    kev: Sequence[FeedLine]
    likely: Sequence[LikelyLine]
    epss: FeedLine | None
    statements: list[StatementLine]
    decisions: list[DecisionLine]
    places: list[PlaceLine]
    places_total: int
    carriers: list[CarrierLine]
    carriers_total: int
    updated: Moment


def identities_of(texts: Sequence[reads.Advisory]) -> list[str]:
    """Return under which names it counts, each once."""
    return list(dict.fromkeys(one.identity for one in texts))


def names_of(name: str, texts: Sequence[reads.Advisory]) -> list[str]:
    """Return every name it goes under, the one that was asked for first."""
    said = (word for one in texts for word in (one.identity, one.name, *one.aliases))
    return list(dict.fromkeys((name, *said)))


def own_texts(name: str, texts: Sequence[reads.Advisory]) -> list[reads.Advisory]:
    """Return those whose other names are its own: not of an erratum that addresses a CVE among others."""
    return [one for one in texts if not name.startswith("CVE-") or one.identity == name]


def advisory_page(
    name: str,
    texts: Sequence[reads.Advisory],
    exploited: Sequence[reads.Exploited],
    likely: Sequence[reads.Likely],
    feeds: Sequence[reads.Feed],
    statements: Sequence[reads.Statement],
    decisions: Sequence[reads.Decision],
    places: Sequence[reads.Place],
    carriers: Sequence[reads.Carrier],
    *,
    now: datetime,
) -> AdvisoryPage:
    """Return the page of that name as of `now`; texts: at least one."""
    scored = max(texts, key=lambda one: one.score or 0)
    published = min((one.published_at for one in texts if one.published_at), default=None)
    withdrawn = texts[0].withdrawn_at
    names = names_of(name, texts)[1:]
    loaded = [FeedLine(one, moment(one.loaded_at, now)) for one in feeds]
    found = [*(one.severity for one in places), *(one.severity for one in carriers)]
    return AdvisoryPage(
        name=name,
        title=next((one.title for one in texts if one.title and one.title != name), ""),
        texts=texts,
        description=max((one.description for one in texts), key=len),
        score=scored.score,
        vector=scored.vector,
        cwes=list(dict.fromkeys(word for one in texts for word in one.cwes)),
        links=_links(texts),
        names=names[:NAMES],
        names_more=len(names[NAMES:]),
        identities=identities_of(texts),
        published=moment(published, now) if published else None,
        withdrawn=moment(withdrawn, now) if withdrawn else None,
        grave=grave(max(found)) if found else None,
        exploited=exploited,
        kev=[line for line in loaded if line.feed.name.startswith(KEV)],
        likely=[_likely(one) for one in likely],
        epss=next((line for line in loaded if line.feed.name == EPSS), None),
        statements=[
            StatementLine(one, status_word(one.status), moment(one.at, now)) for one in statements
        ],
        decisions=[_decision(one, now) for one in decisions],
        places=[PlaceLine(one, grave(one.severity), _age(one.since_at, now)) for one in places],
        places_total=places[0].total if places else 0,
        carriers=[
            CarrierLine(one, grave(one.severity), _age(one.since_at, now)) for one in carriers
        ],
        carriers_total=carriers[0].total if carriers else 0,
        updated=moment(now, now),
    )


def _links(texts: Sequence[reads.Advisory]) -> list[str]:
    """Return addresses that a browser may be led to: what a report calls a link may be anything."""
    given = dict.fromkeys(link for one in texts for link in one.links)
    return [link for link in given if urlsplit(link).scheme in ("https", "http")][:LINKS]


def _likely(one: reads.Likely) -> LikelyLine:
    score, percentile = (
        per_cent(Fraction(share).limit_denominator(10**5), 2)
        for share in (one.score, one.percentile)
    )
    return LikelyLine(one.cve, score, percentile)


def _decision(one: reads.Decision, now: datetime) -> DecisionLine:
    where = (one.service, one.namespace, one.image, one.package)
    return DecisionLine(
        decision=one,
        word=decision_word(one.decision),
        where=", ".join(word for word in where if word),
        made=moment(one.made_at, now),
        until=moment(one.until, now) if one.until else None,
        ended=moment(one.ended_at, now) if one.ended_at else None,
    )


def _age(since: datetime, now: datetime) -> str:
    return duration((now - since).total_seconds())
