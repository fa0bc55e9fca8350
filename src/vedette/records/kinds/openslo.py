"""`openslo`: service level objectives as OpenSLO v1 defines them.

One `Objective` for each entry of `objectives`; where an SLO has several they are told apart by their `displayName`.
The other kinds of a file (`SLI`, `Service`, `DataSource`, alert policies) are looked at and say nothing of their own:
an `indicatorRef` stays the name it is. A duration is a number and one of `m h d w M Q Y`, in that case; a rolling
month counts 30 days, a quarter 90, a year 365. Weights of a composite stand in the definition.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import Name, Text, Word
from vedette.records.kinds.openslo_indicator import Indicator, IndicatorSpec, indicator_fault
from vedette.records.model import Objective, Record

VERSION = "openslo/v1"
MAX_OBJECTIVES = 50
MAX_DEFINITION = 256 * 2**10
"""Bytes of one SLO as JSON; each of its objectives keeps it."""
CALENDAR = {
    "m": "minute", "h": "hour", "d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year",
}  # fmt: skip
_DAY_S = 86_400
_ROLLING_S = {
    "m": 60, "h": 3_600, "d": _DAY_S, "w": 7 * _DAY_S, "M": 30 * _DAY_S, "Q": 90 * _DAY_S, "Y": 365 * _DAY_S,
}  # fmt: skip
_OTHERS = ("DataSource", "Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")

_ObjectName = Annotated[str, Meta(max_length=63, pattern=r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")]
_Duration = Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,4}[mhdwMQY]\Z")]
_Share = Annotated[float, Meta(ge=0, lt=1)]
_PerCent = Annotated[float, Meta(ge=0, lt=100)]


class _Metadata(Struct, rename="camel"):
    name: _ObjectName
    display_name: Word = ""
    labels: dict[Name, Word | list[Word]] | None = None


class _Calendar(Struct, rename="camel"):
    start_time: Word
    time_zone: Word


class _TimeWindow(Struct, rename="camel"):
    duration: _Duration
    is_rolling: bool = False
    calendar: _Calendar | None = None


class _Objective(Struct, rename="camel"):
    display_name: Word = ""
    op: Literal["lt", "lte", "gt", "gte"] | None = None
    value: float | None = None
    target: _Share | None = None
    target_percent: _PerCent | None = None
    time_slice_target: Annotated[float, Meta(ge=0, le=1)] | None = None
    time_slice_window: _Duration | Annotated[float, Meta(gt=0)] | None = None
    composite_weight: Annotated[float, Meta(ge=0)] | None = None
    indicator: Indicator | None = None
    indicator_ref: Name | None = None


class _Spec(Struct, rename="camel"):
    service: Name
    time_window: Annotated[list[_TimeWindow], Meta(min_length=1, max_length=1)]
    budgeting_method: Literal["Occurrences", "Timeslices", "RatioTimeslices"]
    objectives: Annotated[list[_Objective], Meta(min_length=1, max_length=MAX_OBJECTIVES)]
    description: Text = ""
    indicator: Indicator | None = None
    indicator_ref: Name | None = None


class _Slo(Struct):
    metadata: _Metadata
    spec: _Spec


class _Sli(Struct):
    metadata: _Metadata
    spec: IndicatorSpec


class _Other(Struct):
    metadata: _Metadata


class OpenSlo:
    """Objectives of OpenSLO v1."""

    name = "openslo"
    description = "OpenSLO objectives"
    family = Family.OBJECTIVES

    def recognises(self, document: Document) -> bool:
        """Say whether its `apiVersion` is one of OpenSLO's."""
        return str(document.field("apiVersion")).startswith("openslo/")

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the objectives of an SLO, nothing of what stands around it."""
        version = document.field("apiVersion")
        if version != VERSION:
            raise document.refusal(f"apiVersion is {str(version)[:100]!r}, not {VERSION!r}")
        kind = document.field("kind")
        if kind == "SLO":
            yield from _objectives(document, document.shaped(_Slo))
        elif kind == "SLI":
            _refuse_indicator(document, document.shaped(_Sli).spec, "spec")
        elif kind in _OTHERS:
            document.shaped(_Other)
        else:
            raise document.refusal(f"kind {str(kind)[:100]!r} is none of OpenSLO v1")


def _objectives(document: Document, slo: _Slo) -> Iterator[Objective]:
    spec = slo.spec
    window_s, calendar = _window(document, spec.time_window[0])
    definition = _definition(document)
    for index, objective in enumerate(spec.objectives):
        place = f"spec.objectives[{index}]"
        _refuse_slices(document, spec, objective, place)
        yield Objective(
            name=_name(slo, index),
            service=spec.service,
            document=slo.metadata.name,
            source="openslo",
            target=_target(document, objective, place),
            window_s=window_s,
            budgeting=spec.budgeting_method.lower().replace("ratio", "ratio-"),
            sli=_indicator(document, slo, objective, place),
            description=spec.description,
            definition=definition,
            labels=_labels(slo.metadata),
            **calendar,
        )


def _name(slo: _Slo, index: int) -> str:
    """Return the SLO's name, with its place's name where it has several objectives."""
    objectives = slo.spec.objectives
    if len(objectives) == 1:
        return slo.metadata.name
    titles = [objective.display_name for objective in objectives]
    are_names = all(titles) and len(set(titles)) == len(titles)
    return f"{slo.metadata.name}/{titles[index] if are_names else index + 1}"


def _target(document: Document, objective: _Objective, place: str) -> float:
    """Return the target in per cent, as it was written: 0.995 is 99.5."""
    share, per_cent = objective.target, objective.target_percent
    if (share is None) == (per_cent is None):
        raise document.refusal(f"{place}: it needs either target or targetPercent")
    target = float(Decimal(str(share)) * 100) if share is not None else per_cent
    if not target:
        raise document.refusal(f"{place}: a target of 0 promises nothing")
    return target


def _refuse_slices(document: Document, spec: _Spec, objective: _Objective, place: str) -> None:
    """Raise Invalid for budgeting by slices that does not say how long or how good one must be."""
    method = spec.budgeting_method
    if method != "Occurrences" and objective.time_slice_window is None:
        raise document.refusal(f"{place}: {method} need timeSliceWindow")
    if method == "Timeslices" and objective.time_slice_target is None:
        raise document.refusal(f"{place}: {method} need timeSliceTarget")


def _indicator(document: Document, slo: _Slo, objective: _Objective, place: str) -> str:
    """Return the name of the objective's indicator: its own, or else the whole SLO's."""
    own = objective.indicator or objective.indicator_ref
    holder, place = (objective, place) if own else (slo.spec, "spec")
    if (holder.indicator is None) == (holder.indicator_ref is None):
        raise document.refusal(f"{place}: it needs either indicator or indicatorRef")
    if holder.indicator is None:
        return holder.indicator_ref or ""
    inline = holder.indicator
    _refuse_indicator(document, inline.spec, f"{place}.indicator.spec")
    if inline.spec.threshold_metric and (objective.op is None or objective.value is None):
        raise document.refusal(f"{place}: a thresholdMetric needs op and value in each objective")
    return inline.metadata.name if inline.metadata else slo.metadata.name


def _refuse_indicator(document: Document, spec: IndicatorSpec, place: str) -> None:
    fault = indicator_fault(spec)
    if fault:
        raise document.refusal(f"{place}: {fault}")


def _window(document: Document, window: _TimeWindow) -> tuple[int, dict[str, Any]]:
    """Return the rolling period's seconds, or 0 and what the calendar's periods are."""
    count, unit = int(window.duration[:-1]), window.duration[-1]
    if window.is_rolling:
        return count * _ROLLING_S[unit], {}
    if window.calendar is None:
        raise document.refusal(
            "spec.timeWindow[0]: it needs isRolling: true, or a calendar with startTime and timeZone"
        )
    return 0, {
        "calendar": CALENDAR[unit],
        "calendar_count": count,
        "zone": _zone(document, window.calendar.time_zone),
        "starts_at": _starts_at(document, window.calendar.start_time),
    }


def _zone(document: Document, name: str) -> str:
    try:
        found = len(name) <= 100 and _ZONE.fullmatch(name) and ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a folder of zones is an OSError
        found = None
    if not found:
        raise document.refusal(
            f"spec.timeWindow[0].calendar.timeZone: there is no time zone {name[:40]!a}",
            hint="a name such as Europe/Berlin, or UTC",
        )
    return name


def _starts_at(document: Document, text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or not 1970 <= at.year <= 9000:
        raise document.refusal(
            f"spec.timeWindow[0].calendar.startTime: {text[:40]!a} is no time without a zone",
            hint="as in 2022-01-01 12:00:00",
        )
    return at.isoformat()


def _definition(document: Document) -> str:
    try:
        encoded = msgspec.json.encode(document.value)
    except (RecursionError, ValueError, OverflowError):
        raise document.refusal("it holds what JSON cannot say, or is nested too deep") from None
    if len(encoded) > MAX_DEFINITION:
        raise document.refusal(f"an SLO is larger than {MAX_DEFINITION // 2**10} KiB")
    return encoded.decode()


def _labels(metadata: _Metadata) -> dict[str, str]:
    labels = metadata.labels or {}
    return {
        key: ",".join(value) if isinstance(value, list) else value for key, value in labels.items()
    }
