"""`sloth`: service level objectives as Sloth defines them, in its own files and as a custom resource.

`version: prometheus/v1`, or `PrometheusServiceLevel` of `sloth.slok.dev/v1`, whose keys are in the other case. Neither
says its period, which is an option of Sloth's command: it is 30 days unless someone chose another. A catalogue of
alert windows (`AlertWindows`) is looked at and holds no objective.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import Name, Text, Word
from vedette.records.model import Objective, Record

FILE, RESOURCE = "prometheus/v1", "sloth.slok.dev/v1"
PERIOD_S = 30 * 86_400
MAX_DEFINITION = 256 * 2**10
"""Bytes of one SLO as JSON."""
_QUERIES = {
    "events": (("error_query", "total_query"), ("errorQuery", "totalQuery")),
    "raw": (("error_ratio_query",), ("errorRatioQuery",)),
    "plugin": (("id",), ("id",)),
}
"""How an indicator may be given, and the keys it needs: in a file, in a resource."""

_Labels = dict[Name, Word | int]
"""Sloth reads `tier: 2` as text."""
_Duration = Annotated[str, Meta(max_length=40, pattern=r"\A([0-9]+(ms|[smhdwy]))+\Z")]


class _Slo(Struct):
    name: Name
    objective: Annotated[float, Meta(gt=0, lt=100)]
    sli: dict[str, Any]
    description: Text = ""
    labels: _Labels | None = None


class _Service(Struct):
    service: Name
    slos: Annotated[list[_Slo], Meta(min_length=1)]
    labels: _Labels | None = None


class _Metadata(Struct):
    name: Name


class _Resource(Struct):
    metadata: _Metadata
    spec: _Service


class _Window(Struct, rename="camel"):
    error_budget_percent: Annotated[float, Meta(gt=0, le=100)]
    short_window: _Duration
    long_window: _Duration


class _Windows(Struct):
    quick: _Window
    slow: _Window


class _Catalogue(Struct, rename="camel"):
    slo_period: _Duration
    page: _Windows
    ticket: _Windows


class _AlertWindows(Struct):
    spec: _Catalogue


class Sloth:
    """Objectives of Sloth."""

    name = "sloth"
    description = "Sloth objectives"
    family = Family.OBJECTIVES

    def recognises(self, document: Document) -> bool:
        """Say whether it is a file of Sloth's, or one of its resources."""
        is_file = str(document.field("version")).startswith("prometheus/")
        is_resource = str(document.field("apiVersion")).startswith("sloth.slok.dev/")
        return is_resource or (is_file and document.field("slos") is not None)

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the objectives of the service."""
        if document.field("apiVersion") is None:
            _refuse_version(document, "version", FILE)
            service = document.shaped(_Service)
            yield from _objectives(document, service, document.value["slos"], service.service)
            return
        _refuse_version(document, "apiVersion", RESOURCE)
        kind = document.field("kind")
        if kind == "AlertWindows":
            document.shaped(_AlertWindows)
        elif kind == "PrometheusServiceLevel":
            resource = document.shaped(_Resource)
            raw = document.value["spec"]["slos"]
            yield from _objectives(document, resource.spec, raw, resource.metadata.name)
        else:
            raise document.refusal(f"kind {str(kind)[:100]!r} is none of {RESOURCE}")


def _refuse_version(document: Document, key: str, version: str) -> None:
    given = document.field(key)
    if given != version:
        raise document.refusal(f"{key} is {str(given)[:100]!r}, not {version!r}")


def _objectives(
    document: Document, service: _Service, raw: list[Any], name: str
) -> Iterator[Objective]:
    names = [slo.name for slo in service.slos]
    for index, slo in enumerate(service.slos):
        place = f"slos[{index}]"
        if slo.name in names[:index]:
            raise document.refusal(f"{place}: the name {slo.name[:100]!r} stands twice")
        labels = (service.labels or {}) | (slo.labels or {})
        yield Objective(
            name=slo.name,
            service=service.service,
            document=name,
            source="sloth",
            target=slo.objective,
            window_s=PERIOD_S,
            sli=_indicator(document, slo.sli, place),
            description=slo.description,
            definition=_definition(document, raw[index], place),
            labels={key: str(value) for key, value in labels.items()},
        )


def _indicator(document: Document, sli: dict[str, Any], place: str) -> str:
    """Return the plugin's name; "" for an indicator that is queries."""
    given = [way for way in _QUERIES if sli.get(way) is not None]
    if len(given) != 1:
        raise document.refusal(f"{place}.sli: it needs one of events, raw and plugin")
    [way] = given
    in_file, in_resource = _QUERIES[way]
    keys = in_file if document.field("apiVersion") is None else in_resource
    inner = sli[way]
    for key in keys:
        query = inner.get(key) if isinstance(inner, dict) else None
        if not isinstance(query, str) or not query.strip():
            raise document.refusal(f"{place}.sli.{way}: it needs {key}")
    return str(inner["id"])[:1_000] if way == "plugin" else ""


def _definition(document: Document, slo: Any, place: str) -> str:  # noqa: ANN401 - as it was written
    try:
        encoded = msgspec.json.encode(slo)
    except (RecursionError, ValueError, OverflowError):
        raise document.refusal(f"{place}: JSON cannot say it, or it is nested too deep") from None
    if len(encoded) > MAX_DEFINITION:
        raise document.refusal(f"{place}: larger than {MAX_DEFINITION // 2**10} KiB")
    return encoded.decode()
