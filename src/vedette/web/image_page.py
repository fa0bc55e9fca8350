"""The page of one image: where it runs, what was found in it by whom, what went under its name before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from vedette.web import image_reads as reads
from vedette.web.decisions import decision_word, status_word
from vedette.web.paging import Part, part
from vedette.web.service_page import epss_of
from vedette.web.severities import Grave, Tallied, grave, tallied
from vedette.web.words import Moment, duration, moment


class LookedLine(NamedTuple):
    """A source and its last look."""

    looked: reads.Looked
    tally: list[Tallied]
    last: Moment


class FoundLine(NamedTuple):
    """One vulnerability of a package. stated, decided: words, or ""."""

    found: reads.Found
    grave: Grave
    epss: str
    age: str
    stated: str
    decided: str


class NamesakeLine(NamedTuple):
    """An image of the same name."""

    namesake: reads.Namesake
    tally: list[Tallied]
    made: Moment


@dataclass(frozen=True, slots=True)
class ImagePage:
    """The whole page; tally: of the source that found most. places: in how many namespaces it runs."""

    subject: reads.Subject
    looks: list[LookedLine]
    tally: list[Tallied]
    runs: Sequence[reads.Run]
    places: int
    pods: int
    found: list[FoundLine]
    part: Part
    namesakes: list[NamesakeLine]
    updated: Moment


def image_page(
    subject: reads.Subject,
    looks: Sequence[reads.Looked],
    runs: Sequence[reads.Run],
    found: Sequence[reads.Found],
    namesakes: Sequence[reads.Namesake],
    *,
    page: int,
    now: datetime,
) -> ImagePage:
    """Return the page of an image as of `now`."""
    most = max((one.counts for one in looks), key=lambda counts: counts[::-1], default=[])
    return ImagePage(
        subject=subject,
        looks=[LookedLine(one, tallied(one.counts), moment(one.last_at, now)) for one in looks],
        tally=tallied(most),
        runs=runs,
        places=runs[0].total if runs else 0,
        pods=sum(one.pods for one in runs),
        found=[_found(one, now) for one in found],
        part=part(page, found[0].total if found else 0, "?page={}".format),
        namesakes=[
            NamesakeLine(one, tallied(one.counts), moment(one.made_at, now)) for one in namesakes
        ],
        updated=moment(now, now),
    )


def _found(one: reads.Found, now: datetime) -> FoundLine:
    return FoundLine(
        one,
        grave(one.severity),
        epss_of(one.percentile),
        duration((now - one.since_at).total_seconds()),
        status_word(one.stated),
        decision_word(one.decided),
    )
