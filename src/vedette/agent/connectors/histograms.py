"""Cumulative histograms as exporters keep them: upper bound → how many were at most that."""

import math
from collections.abc import Mapping, Sequence


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return the quantile of a cumulative histogram, interpolated; None when it is empty."""
    bounds = sorted(buckets)
    whole = buckets[bounds[-1]] if bounds else 0.0
    if whole <= 0:
        return None
    rank, below, low = share * whole, 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank:
            if math.isinf(bound):
                return low
            inside = count - below
            return low + (bound - low) * ((rank - below) / inside if inside > 0 else 1.0)
        below, low = count, bound
    return low


def gained(before: Mapping[float, float], after: Mapping[float, float]) -> dict[float, float]:
    """Return the histogram of what came between; all of it when the node restarted meanwhile."""
    if any(after.get(bound, 0.0) < count for bound, count in before.items()):
        return dict(after)
    # A bucket that is new had nothing in it that the next lower old one had not.
    return {bound: count - _at(before, bound) for bound, count in after.items()}


def _at(buckets: Mapping[float, float], bound: float) -> float:
    if bound in buckets:
        return buckets[bound]
    lower: Sequence[float] = [known for known in buckets if known < bound]
    return buckets[max(lower)] if lower else 0.0
