"""`deploymentvalidation`: which objects of a cluster fail the checks of their manifests.

The Deployment Validation Operator's gauges as Prometheus answers an instant query (`api/v1/query?query=NAME`), and
what kube-linter and Polaris print (`deploymentvalidation_linters.py`). Of the operator's gauges `"1"` fails. It only
ever sets them for what fails, and an absent one may be mended, gone or not scraped: such a document is never complete.
A scrape without `honor_labels` renames the object's namespace to `exported_namespace`; with it there is `namespace` alone.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import Text, Word
from vedette.records.kinds.deploymentvalidation_linters import (
    is_kube_linter,
    is_polaris,
    read_kube_linter,
    read_polaris,
)
from vedette.records.model import Record, Validation, Validations

SOURCE = "dvo"
PREFIX = "deployment_validation_operator_"
SKEW = timedelta(days=1)
"""How far the clock of whoever asked Prometheus may be ahead."""

_Seconds = Annotated[float, Meta(ge=0, le=1e15)]
_Label = Annotated[str, Meta(max_length=1_000)]


class _Metric(Struct, gc=False):
    check: Word = msgspec.field(name="__name__", default="")
    kind: _Label = ""
    name: _Label = ""
    exported_namespace: _Label = ""
    namespace: _Label = ""
    check_description: Text = ""
    check_remediation: Text = ""


class _Sample(Struct):
    metric: _Metric | msgspec.UnsetType = msgspec.UNSET
    value: tuple[_Seconds, Literal["0", "1"]] | msgspec.UnsetType = msgspec.UNSET


class _Data(Struct, rename="camel"):
    result: list[_Sample]
    result_type: Word = "vector"


class _Answer(Struct):
    data: _Data
    status: Word = "success"


class DeploymentValidation:
    """The Deployment Validation Operator's gauges, kube-linter's and Polaris's reports."""

    name = "deploymentvalidation"
    description = "Deployment Validation"
    family = Family.VALIDATIONS

    def recognises(self, document: Document) -> bool:
        """Say whether it is a vector of the operator's gauges, or a linter's report."""
        return _first_gauge(document) or is_kube_linter(document) or is_polaris(document)

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield the validations of the document, which are one look at one cluster."""
        if is_polaris(document):
            yield read_polaris(document, context)
        elif is_kube_linter(document):
            yield read_kube_linter(document, context)
        else:
            yield _vector(document, context)


def _first_gauge(document: Document) -> bool:
    data = document.field("data")
    result = data.get("result") if isinstance(data, dict) else None
    first = result[0] if isinstance(result, list) and result else None
    metric = first.get("metric") if isinstance(first, dict) else None
    name = metric.get("__name__") if isinstance(metric, dict) else None
    return isinstance(name, str) and name.startswith(PREFIX)


def _vector(document: Document, context: Context) -> Validations:
    _refuse_others(document)
    answer = document.shaped(_Answer)
    if answer.status != "success":
        raise document.refusal(f"status is {answer.status[:100]!r}: the query failed")
    results: list[Validation] = []
    at = None
    for index, sample in enumerate(answer.data.result):
        place = f"data.result[{index}]"
        if sample.metric is msgspec.UNSET or sample.value is msgspec.UNSET:
            missing = "metric" if sample.metric is msgspec.UNSET else "value"
            raise document.refusal(f'{place}: key "{missing}" not found')
        results.append(_validation(document, sample.metric, sample.value[1] == "0", place))
        at = max(at or 0, sample.value[0])
    return Validations(SOURCE, tuple(results), at=_at(document, at, context.now))


def _refuse_others(document: Document) -> None:
    """Raise Invalid for a query that failed and for an answer that is no instant vector."""
    value: Any = document.value
    if not isinstance(value, dict):
        raise document.refusal("it is no Prometheus answer, kube-linter or Polaris report")
    if value.get("status") == "error":
        raise document.refusal(
            f"the query failed: {str(value.get('error', 'no reason said'))[:200]}"
        )
    data = value.get("data")
    if not isinstance(data, dict):
        raise document.refusal(
            'key "data" not found', hint="`api/v1/query?query=NAME` of Prometheus answers with it"
        )
    kind = data.get("resultType", "vector")
    if kind != "vector":
        raise document.refusal(
            f"data.resultType is {str(kind)[:100]!r}, not 'vector'",
            hint="ask for an instant query, without a range",
        )
    if "result" not in data:
        raise document.refusal('data: key "result" not found')


def _validation(document: Document, metric: _Metric, passed: bool, place: str) -> Validation:
    namespace = metric.exported_namespace or metric.namespace
    for label, value in (
        ("__name__", metric.check),
        ("kind", metric.kind),
        ("name", metric.name),
        ("exported_namespace", namespace),
    ):
        if not value:
            raise document.refusal(f'{place}.metric: key "{label}" not found')
    return Validation(
        metric.check,
        namespace,
        metric.kind,
        metric.name,
        passed,
        description=metric.check_description,
        remediation=metric.check_remediation,
    )


def _at(document: Document, seconds: float | None, now: datetime) -> datetime | None:
    """Return when Prometheus was asked; a clock slightly ahead of ours said "now"."""
    if seconds is None:
        return None
    if seconds > (now + SKEW).timestamp():
        raise document.refusal(
            f"data.result: the time {seconds:.0f} is to come", hint="it is in seconds since 1970"
        )
    return min(datetime.fromtimestamp(seconds, UTC), now)
