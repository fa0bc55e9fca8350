"""Reports of the Policy Working Group's resources: the shape of what is read of them, the same in both groups."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from vedette.records.kinds._shapes import KubernetesName, Name, Text, Word

Outcome = Literal["pass", "fail", "warn", "error", "skip"]
Count = Annotated[int, Meta(ge=0, le=10**9)]


class Reference(Struct, gc=False):
    """An object of the cluster."""

    kind: Name
    name: KubernetesName
    namespace: Annotated[str, Meta(max_length=253)] = ""


class _Timestamp(Struct, gc=False):
    seconds: Annotated[int, Meta(ge=0, le=250_000_000_000)] = 0


class Result(Struct, gc=False):
    """What became of one rule for some objects."""

    policy: Name
    result: Outcome = "skip"
    rule: Word = ""
    source: Word = ""
    category: Word = ""
    severity: Word = ""
    message: Text = ""
    description: Text = ""
    resources: list[Reference] | None = None
    timestamp: _Timestamp | None = None
    properties: dict[str, Text] | None = None

    def said(self, *keys: str) -> str:
        """Return the first of those properties that stands there."""
        properties = self.properties or {}
        return next((properties[key] for key in keys if properties.get(key)), "")


class _Limits(Struct, rename="camel", gc=False):
    max_results: int | None = None
    status_filter: list[Word] | None = None


class _Configuration(Struct, gc=False):
    limits: _Limits | None = None


class _Metadata(Struct, gc=False):
    name: Name
    namespace: Annotated[str, Meta(max_length=253)] = ""
    labels: dict[str, Word] | None = None


class Report(Struct, gc=False):
    """One report, of a scope as a rule."""

    kind: Name
    metadata: _Metadata
    source: Word = ""
    scope: Reference | None = None
    results: list[Result] | None = None
    summary: dict[Word, Count] | None = None
    configuration: _Configuration | None = None

    def source_of(self, result: Result) -> str:
        """Return who says so: the result's own source, else the report's."""
        return result.source or self.source or "openreports"

    def is_limited(self) -> bool:
        """Say whether its configuration leaves out results."""
        limits = self.configuration.limits if self.configuration else None
        return limits is not None and bool(limits.max_results or limits.status_filter)


def at_of(results: list[Result], now: datetime) -> datetime | None:
    """Return the newest time of those results, none to come; None where they have none."""
    seconds = max((one.timestamp.seconds for one in results if one.timestamp), default=0)
    return min(datetime.fromtimestamp(seconds, UTC), now) if seconds else None
