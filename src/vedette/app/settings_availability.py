"""How availability is counted and published: the section `availability`."""

from fractions import Fraction
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from vedette import durations
from vedette.incidents.availability_rules import Maintenance, Policy, Reporting, Unseen

Weight = Annotated[float, Meta(ge=0, le=1)]
PerCent = Annotated[float, Meta(ge=0, le=100)]


class WeightsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a second costs while this is told of a component: 1 all of it, 0 nothing."""

    minor: Annotated[Weight, Meta(description="Minor impact.")] = 0
    major: Annotated[Weight, Meta(description="Major impact.")] = 0.3
    outage: Annotated[Weight, Meta(description="An outage.")] = 1


class AvailabilitySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How availability is counted; printed beside every number. Every server of one database says the same."""

    zone: Annotated[
        Annotated[str, Meta(min_length=1, max_length=100)],
        Meta(description="IANA zone whose months are counted, as in Europe/Berlin."),
    ] = "UTC"
    weights: Annotated[WeightsSettings, Meta(description="What a second of each impact costs.")] = (
        field(default_factory=WeightsSettings)
    )
    maintenance: Annotated[
        Literal["shields", "removed", "counts"],
        Meta(
            description="`shields`: no loss meanwhile; `removed`: left out of the whole, too; `counts`: trouble counts as always."
        ),
    ] = "shields"
    unknown: Annotated[
        Literal["excluded", "down", "up"],
        Meta(description="What time we could not see counts as."),
    ] = "excluded"
    months: Annotated[
        Annotated[int, Meta(ge=1, le=36)], Meta(description="How many a table shows.")
    ] = 12
    freeze_after: Annotated[
        Annotated[str, Meta(min_length=2, max_length=40, pattern=durations.PATTERN)],
        Meta(description="How long after its end a month's numbers are published for good."),
    ] = "5d"
    good: Annotated[PerCent, Meta(description="Per cent from which on a number is good.")] = 99.9
    fair: Annotated[PerCent, Meta(description="Per cent below which a number is poor.")] = 99.0


def reporting_of(said: AvailabilitySettings) -> Reporting:
    """Return how availability is told; raises Invalid for weights or a zone that cannot be."""
    return Reporting(
        policy=Policy(
            minor=_exact(said.weights.minor),
            major=_exact(said.weights.major),
            outage=_exact(said.weights.outage),
            maintenance=Maintenance(said.maintenance),
            unseen=Unseen(said.unknown),
            zone=said.zone,
        ),
        months=said.months,
        freeze_after=durations.parse(said.freeze_after),
        good=_exact(said.good) / 100,
        fair=_exact(said.fair) / 100,
    )


def _exact(said: float) -> Fraction:
    """Return the number as it was written, not as a float holds it."""
    return Fraction(str(said))
