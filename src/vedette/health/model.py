"""The nouns of health: what a look at a target says, and what we hold to be true."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Values: TypeAlias = array[float]
else:
    # Python 3.11's cannot be subscripted, and whoever reads annotations to decode a report would try.
    Values = array


class State(IntEnum):
    """How a target or a component is; the numbers rank by gravity and are the wire's and the table's.

    `UNKNOWN` is our own blindness, never the target's fault; it ranks above `UP` because a component
    of which we see only half cannot honestly be called up.
    """

    UP = 0
    UNKNOWN = 1
    INITIALISING = 2
    DRAINING = 3
    DEGRADED = 4
    DOWN = 5

    @property
    def word(self) -> str:
        """The state as operators, JSON and SQL write it: `up`, `down` and so on."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> "State":
        """Return the state of that word; raises KeyError."""
        return cls[word.upper()]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number a look brought home.

    name: a name the connector declared, as in `connections`.
    value: finite; in the unit the connector declared.
    entity: "" for the target itself, else `kind:id`, as in `node:3` or `store:1`.
    """

    name: str
    value: float
    entity: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """What one value of a bulk is of: as `Measurement`, with the unit and help of its own."""

    name: str
    entity: str = ""
    unit: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Naming:
    """What the values of many reports are called, in their order; the same object from look to look.

    It is known by identity, so that a report of ten thousand values costs no look at their names.
    """

    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Bulk:
    """Many values without an object for each; finite, one for each series of the naming."""

    naming: Naming
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One look of one connector at one target; every look yields one, failures included.

    state: what this look alone says.
    error_class: a word for programs when the state is not up (`refused`, `timeout`, `auth` …), else "".
    message: for people, why it is not up; at most 1 KiB; never shown to the public.
    rtt: until the target answered; None when it did not.
    bulk: further measurements, where there are thousands.
    facts: texts of the target (version, role …); at most 8 KiB in all.
    """

    state: State
    error_class: str = ""
    message: str = ""
    rtt: timedelta | None = None
    measurements: tuple[Measurement, ...] = ()
    bulk: Bulk | None = None
    facts: dict[str, str] = field(default_factory=dict)

    def measured(self) -> Iterator[Measurement]:
        """Return every measurement, those in bulk too: for people, not for the hot path."""
        yield from self.measurements
        if self.bulk is not None:
            for series, value in zip(self.bulk.naming.series, self.bulk.values, strict=True):
                yield Measurement(series.name, value, series.entity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What we hold of one target as one agent sees it.

    since: when the held state began, by the reports' time; None until the first report.
    dissent: looks in a row that contradicted it, all worse or all better.
    worse: whether that dissent is for the worse; means nothing while dissent is 0.
    """

    state: State = State.UNKNOWN
    since: datetime | None = None
    dissent: int = 0
    worse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many looks in a row it takes to believe the worse (default 3) and the better (default 2)."""

    bad_after: int = 3
    good_after: int = 2
