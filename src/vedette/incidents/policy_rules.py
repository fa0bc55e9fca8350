"""What a machine may tell people by itself: a component's policy, and what it makes of a change.

No clock, no database. States are the words of health, which this room does not import.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from vedette.incidents.model import Impact

GRAVITY = {"up": Impact.MAINTENANCE, "degraded": Impact.MINOR, "down": Impact.OUTAGE}
"""How grave a state is, before the cap. Any other state (unknown, starting, draining) leaves all as it is."""

SLOT = timedelta(minutes=1)
"""States are sampled so often to tell who flaps."""
SLOTS = 20
"""The changes between so many and one samples count: Nagios' 21 states."""
_OLDEST, _STEP = 0.75, 0.5 / 19


class Consent(StrEnum):
    """Whether something happens by itself or waits for a person."""

    AUTO = "auto"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may happen to a component's incidents by itself.

    publish_after: how long trouble must last before the public reads of it. cap: the gravest impact a
    machine may state. reopen_within: trouble that returns so soon is the same incident. join_within:
    components of one cause that fail so close together share an incident. flap_high, flap_low: per
    cent of changes at which flapping begins and ends; high 0 never calls it flapping.
    """

    enabled: bool = True
    publish: Consent = Consent.AUTO
    publish_after: timedelta = timedelta(minutes=5)
    cap: Impact = Impact.MAJOR
    close: Consent = Consent.AUTO
    reopen_within: timedelta = timedelta(minutes=10)
    join_within: timedelta = timedelta(minutes=2)
    flap_high: int = 20
    flap_low: int = 5

    def __post_init__(self) -> None:
        """Read the plain words of a database row."""
        object.__setattr__(self, "publish", Consent(self.publish))
        object.__setattr__(self, "close", Consent(self.close))
        object.__setattr__(self, "cap", Impact(self.cap))


POLICY_FIELDS = tuple(field.name for field in fields(Policy))

Place = tuple[str, str]
"""Service and region; an empty one is all of them."""


@dataclass(frozen=True, slots=True)
class Policies:
    """What was said for which place; what a narrower place leaves out holds as the wider says."""

    said: Mapping[Place, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, service: str, region: str) -> Policy:
        """Return the policy of the component of that service in that region ("": in none)."""
        policy = Policy()
        for place in dict.fromkeys((("", ""), (service, ""), (service, region))):
            policy = replace(policy, **self.said.get(place, {}))
        return policy


class Deed(StrEnum):
    """What is done about a change, or why nothing is."""

    NOTHING = "nothing"
    KEEP = "keep"
    OPEN = "open"
    JOIN = "join"
    REJOIN = "rejoin"
    REOPEN = "reopen"
    ESCALATE = "escalate"
    MOVE = "move"
    LEAVE = "leave"
    CLOSE = "close"
    OBSERVE = "observe"
    RESUME = "resume"
    NOTE = "note"
    DISABLED = "disabled"
    MAINTENANCE = "maintenance"
    FLAPPING = "flapping"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Told:
    """An open incident the component stands in; ours: the automation made it and nobody took it over."""

    incident_id: int
    impact: Impact
    ours: bool
    is_public: bool = True
    is_observing: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """The automation's incident it was in before, which no person has changed; gone_at: until when."""

    incident_id: int
    impact: Impact
    is_open: bool
    gone_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What must be known of a component to judge its state.

    maintained_until: the end of its last maintenance. flapping_since: None while it does not flap.
    """

    policy: Policy
    is_maintained: bool = False
    maintained_until: datetime | None = None
    flapping_since: datetime | None = None
    told: Told | None = None
    last: Last | None = None

    def began(self, at: datetime) -> datetime:
        """Return since when trouble that began at `at` counts: not before its maintenance ended."""
        return max(at, self.maintained_until or at)


def impact_of_state(state: str, policy: Policy) -> Impact | None:
    """Return how grave a state may be called; 0 for up, None when it says nothing either way."""
    gravity = GRAVITY.get(state)
    return None if gravity is None else min(gravity, policy.cap)


def decide(state: str, at: datetime, standing: Standing) -> Deed:
    """Return what to do about a component that is in this state since `at`.

    What a person tells stands: it gets a note at most. Who is told of already is told graver when it
    becomes so, never milder. Who flaps is neither closed nor opened a second time.
    """
    impact = impact_of_state(state, standing.policy)
    if impact is None:
        return Deed.NOTHING
    told = standing.told
    if told is None:
        return Deed.NOTHING if not impact else _decide_untold(impact, at, standing)
    if standing.flapping_since is not None and (not impact or not told.ours):
        return Deed.FLAPPING
    if not told.ours:
        return Deed.NOTE
    if not impact:
        return Deed.LEAVE
    if impact > told.impact and not standing.is_maintained:
        return Deed.ESCALATE
    return Deed.RESUME if told.is_observing else Deed.KEEP


def _decide_untold(impact: Impact, at: datetime, standing: Standing) -> Deed:
    policy, last, flapping_since = standing.policy, standing.last, standing.flapping_since
    if not policy.enabled:
        return Deed.DISABLED
    if standing.is_maintained:
        return Deed.MAINTENANCE
    if last is None:
        return Deed.OPEN
    if flapping_since is not None and last.gone_at >= flapping_since:
        return Deed.FLAPPING
    if standing.began(at) - last.gone_at > policy.reopen_within:
        return Deed.OPEN
    if not last.is_open:
        return Deed.REOPEN
    return Deed.REJOIN if last.impact == impact else Deed.OPEN


def flapping_percent(changed: Collection[int]) -> float:
    """Return Nagios' figure: of 20 steps, 1 the oldest, those at which the state changed, recent ones weighing more."""
    return 100 * sum(_OLDEST + (step - 1) * _STEP for step in set(changed)) / SLOTS


def changed_slots(times: Collection[datetime], *, now: datetime) -> set[int]:
    """Return the steps (20: the present minute) into which these changes fall; older ones into none."""
    newest = int(now.timestamp() // SLOT.total_seconds())
    steps = (SLOTS - newest + int(time.timestamp() // SLOT.total_seconds()) for time in times)
    return {step for step in steps if 1 <= step <= SLOTS}


def flaps(percent: float, policy: Policy, *, is_flapping: bool) -> bool:
    """Say whether it flaps: from `high` on it does, down to `low` it no longer does, between as before."""
    if policy.flap_high == 0:
        return False
    if percent >= policy.flap_high:
        return True
    return is_flapping and percent > policy.flap_low
