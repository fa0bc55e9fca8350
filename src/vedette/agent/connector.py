"""The door every connector passes, ours and yours: describe, check, probe.

A connector is a class with `describe()`, `check(settings)` and `async probe(look)`. It is made once a
target (`Connector(settings)` has no effects), probed for ever and closed with `aclose()`. It never
sleeps between looks, never retries, never logs secrets; it raises what it likes: `agent/run.py` turns
every exception and every timeout into a report.
"""

from collections.abc import AsyncIterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from vedette.actions.model import Command, Row, Value
from vedette.agent.packs import Pack
from vedette.health.model import Report


@dataclass(frozen=True, slots=True)
class Measures:
    """A measurement a connector can bring home.

    name: lower snake case, unique within the connector.
    unit: `bytes`, `seconds`, `ratio` (0–1), `count`, `per_second` … ; "" for a bare number.
    help: one sentence.
    """

    name: str
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of a target's `settings`.

    type: `str`, `int`, `float`, `bool`, `duration` (`5s`), `list` or `map`.
    secret: the value is never shown; `NAME_file` and `${ENV}` are its safe forms.
    """

    name: str
    type: str
    help: str
    required: bool = False
    default: Any = None
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a connector says of itself; docs, JSON Schema and pages are made from it.

    pack: measure → past which value a target that is up is degraded, unless its `thresholds` say
    otherwise; the agent judges, the connector only measures.
    commands: what it can be asked beyond its looks; such a connector is `Commanded`. Every connector
    can be asked `health` and `info` (agent/generic.py).
    """

    name: str
    help: str
    settings: tuple[Setting, ...]
    measures: tuple[Measures, ...]
    pack: Pack = field(default_factory=dict)
    entities: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


class Reach(Protocol):
    """The host's owner's word on where a connector may connect."""

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of host that may be reached, resolved once; raise `RefusedByHost`.

        A connector connects to one of these addresses (never resolves again, so that a name that
        changes between check and use cannot lead elsewhere) and uses `host` for TLS and headers.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look that is due.

    target: its name, for messages.
    settings: checked, secrets resolved.
    timeout_s: the whole look's limit; the caller cancels at it, a connector may stop sooner.
    commands: what the host's owner lets be run, name → program and arguments.
    """

    target: str
    settings: Mapping[str, Any] = field(repr=False)
    timeout_s: float
    reach: Reach
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    commands: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)


class RefusedByHost(Exception):  # noqa: N818 - a refusal, not a fault
    """The host's `agent.yaml` does not allow it; becomes a report `unknown`, class `refused_by_host`."""


@runtime_checkable
class Connector(Protocol):
    """What `vedette.connectors` entry points lead to: a class that fits this."""

    description: ClassVar[Description]

    def __init__(self, settings: Mapping[str, Any]) -> None: ...

    async def probe(self, look: Look) -> Report:
        """Look once and say what you saw; exceptions become reports by `agent/run.py`."""
        ...

    async def aclose(self) -> None:
        """Let go of every connection; called once."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A connector whose pack does not fit every look."""

    @property
    def unjudged(self) -> Set[str]:
        """Measures the pack leaves alone in the look just taken."""
        ...


@runtime_checkable
class Commanded(Protocol):
    """A connector that can be asked its description's commands."""

    def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Yield the rows of that command's answer, as an async generator; it only ever reads.

        It runs in an instance of its own, beside the looks, and is closed where the caller has
        enough. params: every parameter, checked, with defaults. A cell may be whatever its column
        can hold; `datetime`, `timedelta` (seconds) and `Decimal` too. What it raises is the answer.
        """
        ...
