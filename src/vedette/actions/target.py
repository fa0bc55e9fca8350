"""A target: which agents an action is for, as one tree of conditions.

Whatever a person writes, MIG's SQL or our labels, becomes this tree or is refused; nothing of the
text goes further. `target_query` asks PostgreSQL with it, `target_match` the agent itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["text", "number", "moment", "json"]

COLUMNS: dict[str, Kind] = {
    "id": "number",
    "name": "text",
    "queueloc": "text",
    "os": "text",
    "mode": "text",
    "version": "text",
    "pid": "number",
    "starttime": "moment",
    "destructiontime": "moment",
    "heartbeattime": "moment",
    "refreshtime": "moment",
    "status": "text",
    "environment": "json",
    "tags": "json",
    "loadername": "text",
    "key": "text",
}
"""What a target may ask of an agent: MIG's columns, the `os` of its first years, and ours: `key`.

A key is the fingerprint of the agent's own, `sha256:…`: what an agent knows itself by, whoever numbers
or names it.
"""

Step = str | int | tuple[str, ...]
"""One step into JSON: `->'key'`, `->0`, or the whole path of `#>'{a,b}'`."""

Order = Literal["=", "<>", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Column:
    """A column of `agents`, one of `COLUMNS`."""

    name: str

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return COLUMNS[self.name]


@dataclass(frozen=True)
class Json:
    """A value inside `environment` or `tags`; without `as_text` it is JSON, which only IS NULL takes."""

    column: str
    steps: tuple[Step, ...]
    as_text: bool = True

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return "text" if self.as_text else "json"


@dataclass(frozen=True)
class Interval:
    """A span of time; months and days are the calendar's, as PostgreSQL counts them (in UTC)."""

    months: int = 0
    days: int = 0
    rest: timedelta = timedelta()

    def negated(self) -> "Interval":
        """Return as much backwards."""
        return Interval(-self.months, -self.days, -self.rest)


@dataclass(frozen=True)
class Shifted:
    """A column of times, a fixed time, or now (None), moved by intervals, one after the other."""

    start: Column | datetime | None
    by: tuple[Interval, ...] = ()

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return "moment"


@dataclass(frozen=True)
class Literally:
    """A value as written: text, or a whole number."""

    value: str | int

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return "text" if isinstance(self.value, str) else "number"


Operand = Column | Json | Shifted | Literally


@dataclass(frozen=True)
class Compare:
    """Two values of one kind in that order; text is ordered by its bytes."""

    left: Operand
    order: Order
    right: Operand


@dataclass(frozen=True)
class Like:
    """A text matches a pattern of `%`, `_` and the escape character ("" for none)."""

    operand: Operand
    pattern: str
    ignore_case: bool = False
    escape: str = "\\"


@dataclass(frozen=True)
class Regex:
    """A regular expression, as PostgreSQL reads it, is found in a text."""

    operand: Operand
    pattern: str
    ignore_case: bool = False


@dataclass(frozen=True)
class Among:
    """A value is one of these, all of its kind; thousands are usual."""

    operand: Operand
    values: tuple[str, ...] | tuple[int, ...] | tuple[datetime, ...]


@dataclass(frozen=True)
class IsNull:
    """There is no such value."""

    operand: Operand


@dataclass(frozen=True)
class Earlier:
    """The agent has a command of that former action; with `found`, one of its answers said so."""

    action: int
    found: bool | None = None


@dataclass(frozen=True)
class Always:
    """Every agent, or none."""

    value: bool


@dataclass(frozen=True)
class Local:
    """The word `local`: the host of whoever asks, without a server."""


@dataclass(frozen=True)
class Not:
    """The part is false; what is NULL stays NULL."""

    part: "Selector"


@dataclass(frozen=True)
class All:
    """Every part is true."""

    parts: tuple["Selector", ...]


@dataclass(frozen=True)
class Any:
    """One part at least is true."""

    parts: tuple["Selector", ...]


Selector = Compare | Like | Regex | Among | IsNull | Earlier | Always | Local | Not | All | Any
