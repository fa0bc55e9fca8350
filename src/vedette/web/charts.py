"""Line charts as SVG paths worked out here: the template only places them."""

import math
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from vedette.web.reader import gettext
from vedette.web.reads import Series
from vedette.web.words import duration, value

WIDTH, HEIGHT = 360, 96
"""The chart's own units; the page scales them."""
PAD = 6


@dataclass(frozen=True, slots=True)
class Chart:
    """One measurement over a span of time.

    line: the mean; band: from least to greatest, "" when they are the same throughout; dots: points
    with no neighbour, which no line would show. top, bottom: the values at the chart's edges.
    summary: the chart in one sentence, for those who cannot see it.
    """

    line: str
    band: str
    dots: list[tuple[float, float]]
    top: str
    bottom: str
    summary: str


def chart(series: Series, *, span: timedelta, bucket: timedelta) -> Chart:
    """Return the chart of a series; a bucket without a report interrupts the line."""
    low, high = _edges(min(series.least), max(series.most))
    pen = _Pen(span.total_seconds(), bucket.total_seconds(), low, high)
    stretches = _stretches(series.at_s, bucket.total_seconds())
    long = [(a, b) for a, b in stretches if b - a > 1]
    has_band = any(m > n for n, m in zip(series.least, series.most, strict=True))
    return Chart(
        line="".join(pen.line(series.at_s[a:b], series.mean[a:b]) for a, b in long),
        band="".join(
            pen.band(series.at_s[a:b], series.least[a:b], series.most[a:b]) for a, b in long
        )
        if has_band
        else "",
        dots=[pen.dot(series.at_s[a], series.mean[a]) for a, b in stretches if b - a == 1],
        top=value(high, series.unit),
        bottom=value(low, series.unit),
        summary=gettext("Over the last {span}: least {least}, greatest {most}.").format(
            span=duration(span.total_seconds()),
            least=value(min(series.least), series.unit),
            most=value(max(series.most), series.unit),
        ),
    )


def _edges(least: float, most: float) -> tuple[float, float]:
    """Return the values at the bottom and the top: zero is the floor unless all is far above it.

    A flat line lies on the floor at zero, in the middle elsewhere.
    """
    if least >= 0 and least < 0.6 * most:
        return 0.0, most
    if least == most:
        return (0.0, 1.0) if least == 0 else (least - abs(least) / 10, most + abs(most) / 10)
    return least, most


def _stretches(at_s: list[float], bucket_s: float) -> list[tuple[int, int]]:
    """Return where the series goes on without a hole, as index pairs."""
    holes = [n for n in range(1, len(at_s)) if at_s[n] - at_s[n - 1] > 1.5 * bucket_s]
    edges = [0, *holes, len(at_s)]
    return list(pairwise(edges))


class _Pen:
    """Turns seconds and values into the chart's coordinates; a point stands amid its bucket."""

    def __init__(self, span_s: float, bucket_s: float, low: float, high: float) -> None:
        self._x = WIDTH / span_s
        self._shift = bucket_s / 2
        self._low = low
        self._y = (HEIGHT - 2 * PAD) / ((high - low) or 1.0)

    def dot(self, at_s: float, number: float) -> tuple[float, float]:
        x = (at_s + self._shift) * self._x
        y = HEIGHT - PAD - (number - self._low) * self._y
        return round(x, 1), round(y, 1) if math.isfinite(y) else HEIGHT

    def line(self, at_s: list[float], numbers: list[float]) -> str:
        return "M" + "L".join(self._points(at_s, numbers))

    def band(self, at_s: list[float], least: list[float], most: list[float]) -> str:
        there, back = self._points(at_s, most), self._points(at_s, least)[::-1]
        return "M" + "L".join([*there, *back]) + "Z"

    def _points(self, at_s: list[float], numbers: list[float]) -> list[str]:
        dots = (self.dot(at, number) for at, number in zip(at_s, numbers, strict=True))
        return [f"{x:g} {y:g}" for x, y in dots]
