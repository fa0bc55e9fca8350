"""The nouns of a round of deeds: what was judged, what it may join, what became of it; and their words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vedette.incidents.model import Impact
from vedette.incidents.policy_rules import Consent, Deed, Standing, impact_of_state

NAMED = 20
"""So many components are named in one note; the others are counted."""
TITLE_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A component, the state it is in since `at`, and what is to be done about it.

    cause: what it has in common with others that fail of the same cause, as in `region:7`.
    """

    component_id: int
    label: str
    state: str
    at: datetime
    standing: Standing
    cause: frozenset[str]
    deed: Deed

    @property
    def impact(self) -> Impact:
        """How grave its trouble may be called."""
        return impact_of_state(self.state, self.standing.policy) or Impact.MINOR

    @property
    def began(self) -> datetime:
        """Since when the trouble counts."""
        return self.standing.began(self.at)

    @property
    def is_public(self) -> bool:
        """Whether the public reads of it already."""
        return self.standing.told is not None and self.standing.told.is_public


@dataclass(slots=True)
class Candidate:
    """An open incident of ours that others of the same cause may join; `goes_out`: it is public or will be."""

    incident_id: int
    impact: Impact
    starts_at: datetime
    goes_out: bool
    published_at: datetime | None
    publish_at: datetime | None
    cause: set[str] = field(default_factory=set)

    def takes(self, one: Judged) -> bool:
        """Say whether this component's trouble is the same trouble."""
        return (
            self.impact == one.impact
            and abs(one.began - self.starts_at) <= one.standing.policy.join_within
            and self.goes_out == (one.standing.policy.publish is Consent.AUTO)
            and (self.published_at is not None or not one.is_public)
            and not self.cause.isdisjoint(one.cause)
        )


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a component: the deed that was done, and to which incident."""

    judged: Judged
    deed: Deed
    incident_id: int | None = None
    publish_at: datetime | None = None


def title_of(label: str, size: int, impact: Impact) -> str:
    """Return what an incident of a machine is called: whom it affects, and how gravely we say it does."""
    more = f" and {size - 1} more" if size > 1 else ""
    verb = ("is" if size == 1 else "are") + (
        " impaired" if impact < Impact.MAJOR else " unavailable"
    )
    return f"{label[: TITLE_CHARS - 40]}{more} {verb}"


def names_of(members: Sequence[Judged]) -> str:
    """Return their names, the first twenty of them."""
    more = f" and {len(members) - NAMED} more" if len(members) > NAMED else ""
    return ", ".join(one.label for one in members[:NAMED]) + more
