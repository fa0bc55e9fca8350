"""The form by which people decide of a vulnerability: from its fields to a decision, and what it offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from vedette.errors import Invalid
from vedette.records.triage import Decision, Wish
from vedette.web.advisory_reads import Carrier, Place
from vedette.web.decisions import decision_word
from vedette.web.desk_form import Typed
from vedette.web.reader import N_, gettext, reading
from vedette.web.zones import zone

FORM_BYTES, FORM_FIELDS = 262_144, 40
"""The longest reason, every character of it written as twelve."""
OFFERED = (
    Decision.ACCEPTED,
    Decision.FALSE_POSITIVE,
    Decision.NOT_AFFECTED,
    Decision.AFFECTED,
    Decision.UNDER_INVESTIGATION,
)
USUALLY = timedelta(days=90)
"""For how long a risk is accepted, unless somebody says otherwise."""


class Choice(NamedTuple):
    """One line of a list to choose from."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What the form lets one choose; until: the day it proposes."""

    decisions: Sequence[Choice]
    places: Sequence[Choice]
    packages: Sequence[str]
    until: str


def offer(places: Sequence[Place], carriers: Sequence[Carrier], *, now: datetime) -> Offer:
    """Return what there is to choose, of where it stands open."""
    services = dict.fromkeys(name for one in places for _, name in one.of_services)
    spaces = dict.fromkeys((one.cluster, one.namespace) for one in places if one.namespace)
    images = dict.fromkeys(one.image for one in carriers)
    return Offer(
        decisions=[Choice(str(one), decision_word(one)) for one in OFFERED],
        places=[
            Choice("", gettext("everywhere")),
            *(Choice(f"service:{n}", gettext("service {name}").format(name=n)) for n in services),
            *(
                Choice(f"namespace:{c}:{n}", gettext("namespace {name}").format(name=f"{c}/{n}"))
                for c, n in spaces
            ),
            *(Choice(f"image:{n}", gettext("image {name}").format(name=n)) for n in images),
        ],
        packages=list(dict.fromkeys(one.package for one in carriers)),
        until=(reading().local(now) + USUALLY).date().isoformat(),
    )


def wish_of(name: str, typed: Typed) -> Wish:
    """Return the decision that was typed; raises Invalid."""
    word = typed.text("decision")
    if word not in set(Decision):
        raise Invalid(N_("choose what is decided"))
    what, _, where = typed.text("where").partition(":")
    cluster, _, namespace = where.partition(":")
    return Wish(
        name=name,
        decision=Decision(word),
        reason=typed.text("reason").strip(),
        until=_until(typed.text("until").strip()),
        package=typed.text("package"),
        service=where if what == "service" else "",
        cluster=cluster if what == "namespace" else "",
        namespace=namespace if what == "namespace" else "",
        image=where if what == "image" else "",
    )


def _until(given: str) -> datetime | None:
    """Return the end of that day on the reader's clock; None where no day stands."""
    if not given:
        return None
    try:
        day = date.fromisoformat(given)
        return datetime(day.year, day.month, day.day, tzinfo=zone(reading().zone)) + timedelta(
            days=1
        )
    except (ValueError, OverflowError):
        raise Invalid(f"until: {given[:40]!a} is no day", hint="as in 2027-01-31") from None
