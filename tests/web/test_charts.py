"""Line charts: what the paths hold."""

import re
from datetime import timedelta

from vedette.web.charts import HEIGHT, WIDTH, chart
from vedette.web.reads import Series

HOUR, BUCKET = timedelta(hours=1), timedelta(seconds=30)


def series(at_s, mean, *, least=None, most=None, unit=""):
    return Series("connections", "", unit, at_s, mean, least or mean, most or mean)


def draw(*args, **kwargs):
    return chart(series(*args, **kwargs), span=HOUR, bucket=BUCKET)


def numbers(path: str) -> list[float]:
    return [float(word) for word in re.findall(r"[\d.]+(?:e-?\d+)?", path)]


def test_points_next_to_each_other_make_one_line():
    drawn = draw([0, 30, 60], [1, 2, 3])
    assert drawn.line.count("M") == 1
    assert drawn.line.count("L") == 2


def test_a_bucket_without_a_report_interrupts_the_line():
    drawn = draw([0, 30, 300, 330], [1, 2, 3, 4])
    assert drawn.line.count("M") == 2


def test_a_lone_point_is_a_dot():
    drawn = draw([600], [5])
    assert (drawn.line, len(drawn.dots)) == ("", 1)


def test_a_series_that_varies_within_its_buckets_has_a_band():
    assert draw([0, 30], [2, 2]).band == ""
    assert draw([0, 30], [2, 2], least=[1, 1], most=[3, 3]).band.endswith("Z")


def test_zero_is_the_floor_unless_all_is_far_above_it():
    assert draw([0, 30], [10, 100]).bottom == "0"
    assert draw([0, 30], [990, 1000]).bottom == "990"
    assert draw([0, 30], [-5, 5]).bottom == "-5"


def test_a_flat_line_lies_on_the_floor_at_zero_and_amid_elsewhere():
    assert numbers(draw([0, 30], [0, 0]).line)[1::2] == [90, 90]
    assert numbers(draw([0, 30], [7, 7]).line)[1::2] == [48, 48]


def test_everything_drawn_stays_within_the_chart():
    at_s = [float(30 * n) for n in range(120)]
    drawn = draw(at_s, [1e308, -1e308] * 60, least=[-1e308] * 120, most=[1e308] * 120)
    points = numbers(drawn.line.replace("-", " -"))
    assert all(0 <= x <= WIDTH for x in points[0::2])
    assert all(0 <= abs(y) <= HEIGHT for y in points[1::2])


def test_the_summary_tells_it_to_those_who_cannot_see_it():
    drawn = draw([0, 30], [0.001, 0.002], unit="seconds")
    assert drawn.summary == "Over the last 1 h: least 1 ms, greatest 2 ms."
