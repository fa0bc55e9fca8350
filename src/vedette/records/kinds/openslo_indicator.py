"""What a service level indicator of OpenSLO v1 looks like, on its own or within an SLO."""

from typing import Any, Literal

from msgspec import Struct

from vedette.records.kinds._shapes import Name


class IndicatorMetric(Struct, rename="camel"):
    """Where one number comes from; what the source's `spec` says is the source's business."""

    metric_source: dict[str, Any]


class RatioMetric(Struct, rename="camel"):
    """A share of good (or bad) events in all, or a share that the source computes itself."""

    counter: bool | None = None
    good: IndicatorMetric | None = None
    bad: IndicatorMetric | None = None
    total: IndicatorMetric | None = None
    raw: IndicatorMetric | None = None
    raw_type: Literal["success", "failure"] | None = None


class IndicatorSpec(Struct, rename="camel"):
    """Either a number that is compared with a value, or a share."""

    threshold_metric: IndicatorMetric | None = None
    ratio_metric: RatioMetric | None = None


class _Named(Struct):
    name: Name


class Indicator(Struct):
    """An indicator within an SLO."""

    spec: IndicatorSpec
    metadata: _Named | None = None


def indicator_fault(spec: IndicatorSpec) -> str:
    """Return what is wrong with it in a few words, or ""."""
    ratio = spec.ratio_metric
    if (spec.threshold_metric is None) == (ratio is None):
        return "it needs either thresholdMetric or ratioMetric"
    if ratio is None:
        return ""
    if ratio.raw is not None:
        if ratio.good or ratio.bad or ratio.total:
            return "ratioMetric: raw stands alone, without good, bad and total"
        return "" if ratio.raw_type else "ratioMetric: raw needs rawType"
    if (ratio.good is None) == (ratio.bad is None) or ratio.total is None:
        return "ratioMetric: it needs total, and either good or bad"
    return ""
