"""The operator's own requests: `requests: [{name, query, measurements: {column: unit}, every}]`.

A request only reads. What it brings home becomes measurements `NAME_COLUMN` beside the connector's
own; a row that has a text column is of an entity. It runs on a connection of its own, with a timeout
of its own, after the look, so that it can neither delay nor colour what is said of the target.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any, Protocol, TypeAlias

from vedette import durations
from vedette.agent.connector import Description, Look
from vedette.errors import Invalid
from vedette.health.model import Measurement

MOST_REQUESTS = 50
MOST_ROWS = 100
QUERY_CHARS = 20_000
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_OTHER_CHARS = re.compile(r"[^a-z0-9]+")
_KEYS = {"name", "query", "measurements", "every", "timeout"}

READERS: dict[str, str] = {
    "command": "vedette.agent.requests_command:CommandReader",
    "http": "vedette.agent.requests_http:HttpReader",
    "mysql": "vedette.agent.requests_mysql:MySQLReader",
    "postgres": "vedette.agent.requests_postgres:PostgresReader",
    "prometheus": "vedette.agent.requests_http:PrometheusReader",
    "redis": "vedette.agent.requests_redis:RedisReader",
}
"""Connector → what reads for it; imported when a target has requests."""

Row: TypeAlias = Mapping[str, object]


class Reader(Protocol):
    """Answers requests of one target; made with the connector's settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None: ...

    async def read(self, look: Look, query: str) -> Sequence[Row]:
        """Return the answer's first rows, at most `MOST_ROWS` + 1; raise what `fault_of` understands.

        Nothing is held open in an unknown state after an exception.
        """
        ...

    async def aclose(self) -> None:
        """Let go of every connection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, checked.

    measurements: column → unit. every_s: 0 is with each look. timeout_s: None is the look's.
    """

    name: str
    query: str
    measurements: Mapping[str, str]
    every_s: float
    timeout_s: float | None

    def measure(self, column: str) -> str:
        """Return the name of the measurement a column becomes."""
        return f"{self.name}_{_OTHER_CHARS.sub('_', column.lower()).strip('_')}"[:120]


def requests_of(description: Description, said: Sequence[Any]) -> tuple[Request, ...]:
    """Return the requests of a target, checked; raise `Invalid` naming which and why."""
    if said and description.name not in READERS:
        raise Invalid(
            f"{description.name} takes no requests", hint=f"these do: {', '.join(READERS)}"
        )
    if len(said) > MOST_REQUESTS:
        raise Invalid(f"at most {MOST_REQUESTS} requests a target, not {len(said)}")
    requests = tuple(_request(each) for each in said)
    taken = {measure.name for measure in description.measures}
    for request in requests:
        for name in (request.measure(column) for column in request.measurements):
            if name in taken:
                raise Invalid(
                    f"two measurements would be called {name!r}",
                    hint=f"rename the request {request.name!r} or its column",
                )
            taken.add(name)
    return requests


def reader_of(connector: str, settings: Mapping[str, Any]) -> Reader:
    """Return what reads for targets of this connector."""
    module, _, attribute = READERS[connector].partition(":")
    made: Reader = getattr(import_module(module), attribute)(settings)
    return made


def measured(request: Request, rows: Sequence[Row]) -> tuple[list[Measurement], str]:
    """Return the measurements of an answer, and a remark on what is not in them ("" for none).

    Raises `Invalid` when the answer holds nothing of what was asked for, or rows that nothing
    tells apart.
    """
    found: dict[tuple[str, str], Measurement] = {}
    seen: set[str] = set()
    for row in rows[:MOST_ROWS]:
        entity = _entity(request, row)
        if entity in seen:
            raise Invalid(
                f"more than one row of {entity!r}"
                if entity
                else "several rows, and no text column that tells them apart"
            )
        seen.add(entity)
        for column in request.measurements:
            value = _number(row.get(column))
            if value is not None:
                name = request.measure(column)
                found[name, entity] = Measurement(name, value, entity)
    missing = [c for c in request.measurements if rows and all(c not in row for row in rows)]
    if missing:
        there = ", ".join(str(column) for column in list(rows[0])[:10])
        raise Invalid(f"no column is called {missing[0]!r} (there are: {there})")
    remark = f"more than {MOST_ROWS} rows; the first are kept" if len(rows) > MOST_ROWS else ""
    return list(found.values()), remark


def units_of(requests: Iterable[Request]) -> dict[str, tuple[str, str]]:
    """Return measurement → unit and help of everything these requests may bring home."""
    return {
        request.measure(column): (unit, f"`{column}` of the request `{request.name}`.")
        for request in requests
        for column, unit in request.measurements.items()
    }


def _request(said: Any) -> Request:  # noqa: ANN401 - as YAML has it
    if not isinstance(said, Mapping):
        raise Invalid(f"a request is a map of {', '.join(sorted(_KEYS))}, not {said!r}")
    name = said.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Invalid(f"a request's name is lower snake case, not {name!r}", hint="as in open_jobs")
    if unknown := sorted(map(str, said.keys() - _KEYS)):
        raise Invalid(f"the request {name!r} has no {unknown[0]!r}", hint=", ".join(sorted(_KEYS)))
    query, columns = said.get("query"), said.get("measurements")
    if not isinstance(query, str) or not query.strip() or len(query) > QUERY_CHARS:
        raise Invalid(f"the request {name!r} needs a query of at most {QUERY_CHARS} characters")
    if not isinstance(columns, Mapping) or not columns:
        raise Invalid(
            f"the request {name!r} needs measurements", hint="column: unit, as in jobs: count"
        )
    every_s = durations.seconds(said.get("every") or 0)
    timeout_s = said.get("timeout")
    return Request(
        name=name,
        query=query,
        measurements={str(column): str(unit or "") for column, unit in columns.items()},
        every_s=every_s,
        timeout_s=None if timeout_s is None else max(durations.seconds(timeout_s), 0.05),
    )


def _entity(request: Request, row: Row) -> str:
    labels = {
        str(column): str(value)
        for column, value in row.items()
        if column not in request.measurements and isinstance(value, str) and value
    }
    if len(labels) == 1:
        ((column, value),) = labels.items()
        return f"{column}:{value}"[:200]
    return f"{request.name}:{'/'.join(labels.values())}"[:200] if labels else ""


def _number(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool | int | float | Decimal | str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return None
