"""Bodies of exporters: what they say, what is refused, and that only what changed is read."""

import math
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from vedette.agent.exposition.grammar import Dialect, Malformed, dialect_of
from vedette.agent.exposition.page import Bounds, Page, TooMuch
from vedette.health.label_text import ENTITY, escape, label_text

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures" / "prometheus"

NODE = """\
# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 2761.35
node_cpu_seconds_total{cpu="0",mode="iowait"} 1.7e+01
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.42
"""
OPEN = """\
# HELP probe_results Probe results by outcome.
# TYPE probe_results counter
probe_results_total{outcome="ok"} 4031.0
probe_results_created{outcome="ok"} 1.7953046638566904e+09
# TYPE probe_seconds histogram
# UNIT probe_seconds seconds
probe_seconds_bucket{le="0.5"} 1 # {trace_id="4bf92f35"} 0.004 1795304663.8568294
probe_seconds_bucket{le="+Inf"} 2 # {} 0.9
probe_seconds_count 2
probe_seconds_sum 1.1
# EOF
"""


def read(body, dialect=Dialect.TEXT, **bounds):
    page = Page(Bounds(**bounds))
    page.read(body, dialect)
    return page


def values(page):
    return {
        (series.name, series.entity): page.values[place]
        for place, series in enumerate(page.series)
        if place not in page.out
    }


def by_the_reference(families):
    """Return what prometheus_client makes of it, the first of each series."""
    found = {}
    for family in families:
        for sample in family.samples:
            labels = sorted(sample.labels.items())
            found.setdefault((sample.name, label_text(labels)), sample.value)
    return {key: value for key, value in found.items() if math.isfinite(value)}


def test_a_series_is_its_name_and_its_labels_in_order():
    page = read(
        'http_requests{method="get",code="200"} 7\nhttp_requests{code="200",method="get"} 8\n'
    )
    assert values(page) == {("http_requests", '{code="200",method="get"}'): 7}
    assert (page.samples, page.duplicates) == (2, 1)


def test_help_and_unit_come_from_the_family():
    page = read(NODE)
    assert [(s.name, s.unit, s.help) for s in page.series] == [
        ("node_cpu_seconds_total", "seconds", "Seconds the CPUs spent in each mode."),
        ("node_cpu_seconds_total", "seconds", "Seconds the CPUs spent in each mode."),
        ("node_load1", "", "1m load average."),
    ]


def test_openmetrics_has_exemplars_creation_times_and_an_end():
    page = read(OPEN, Dialect.OPENMETRICS)
    assert values(page)["probe_results_created", '{outcome="ok"}'] == 1795304663.8566904
    assert values(page)["probe_seconds_bucket", '{le="0.5"}'] == 1
    units = {series.name: series.unit for series in page.series}
    assert units["probe_seconds_sum"] == "seconds"
    assert units["probe_seconds_bucket"] == "count"


def test_names_may_be_any_text_between_quotes():
    page = read('{"my.metric",label="x"} 1\n{"ümläut", "a.b" = "c\\nd\\"e\\\\f"} 2\n')
    assert values(page) == {
        ("my.metric", '{label="x"}'): 1,
        ("ümläut", '{"a.b"="c\\nd\\"e\\\\f"}'): 2,
    }


def test_what_is_no_number_is_left_out_and_counted():
    page = read("a NaN\nb +Inf\nc -Inf\nd 1\n")
    assert values(page) == {("d", ""): 1}
    assert (page.samples, page.not_finite) == (4, 3)
    page.read("a 5\nb +Inf\nc -Inf\nd 1\n", Dialect.TEXT)
    assert values(page) == {("a", ""): 5, ("d", ""): 1}
    assert page.not_finite == 2


def test_timestamps_are_kept_apart_in_seconds():
    page = read('a{x="1"} 3 1520879607789\nb 4\n')
    assert page.stamps == {0: 1520879607.789}
    page.read('a{x="1"} 3\nb 4\n', Dialect.TEXT)
    assert page.stamps == {}
    page.read("a 3 1520879607.789\n# EOF\n", Dialect.OPENMETRICS)
    assert page.stamps == {
        page.series.index(
            next(s for s in page.series if not s.entity and s.name == "a")
        ): 1520879607.789
    }


def test_blanks_and_comments_are_as_prometheus_has_them():
    body = '\n  \t\n#\n# a remark\n  a\t{ x = "1" , y="2", } \t 3  \nb{}4\nc\t5\n# EOF is no end here\n'
    assert values(read(body)) == {("a", '{x="1",y="2"}'): 3, ("b", ""): 4, ("c", ""): 5}


def test_the_last_line_needs_no_end():
    assert values(read("a 1")) == {("a", ""): 1}


@pytest.mark.parametrize(
    "line",
    [
        "a", "a ", "a b", "a 1 2 3", "a 1_000", "a 0x10", "a 1e", "a ١", "a 1 1.5", "a{x=1} 2", "a{x} 1",
        'a{x="1"', 'a{x="1} 2', 'a{x="1""y"="2"} 3', 'a{x="1",x="2"} 3', "{} 1", '{x="1"} 1', "1a 2",
        'a{"b"} 1', 'a{,} 1', 'a{__name__="b"} 1', "a{x='1'} 2", "{a} 1", "a\x001 2", "a 1\r", "<html>",
    ],
)  # fmt: skip
def test_what_is_not_of_the_format_fails_the_whole_body_and_names_the_line(line):
    with pytest.raises(Malformed, match=r"^line 2: "):
        read(f"ok 1\n{line}\n")


@pytest.mark.parametrize(
    "body",
    [
        "a 1\n", "a 1\n# EOF\nb 2\n", "a 1\n# EOF\n# EOF\n", "\n# EOF\n", "a  1\n# EOF\n", "# a remark\n# EOF\n",
        "# TYPE a odd\n# EOF\n", "a 1 # x\n# EOF\n", 'a 1 # {x="1"}\n# EOF\n', "", "a 1\n\n# EOF\n",
    ],
)  # fmt: skip
def test_openmetrics_is_strict(body):
    with pytest.raises(Malformed):
        read(body, Dialect.OPENMETRICS)


def test_the_content_type_of_the_answer_decides():
    assert dialect_of("text/plain; version=0.0.4; charset=utf-8") is Dialect.TEXT
    assert dialect_of("text/plain;version=1.0.0;escaping=allow-utf-8") is Dialect.TEXT
    assert dialect_of("") is Dialect.TEXT
    assert dialect_of("application/openmetrics-text; version=1.0.0") is Dialect.OPENMETRICS
    assert dialect_of("text/html") is None
    assert dialect_of("application/vnd.google.protobuf; proto=x") is None


def test_limits_name_themselves():
    body = 'a{b="1",cc="22"} 1\nd 2\n'
    for bounds, word in (
        ({"samples": 1}, "sample_limit is 1"),
        ({"labels": 1}, "label_limit is 1"),
        ({"label_name_chars": 1}, "label_name_length_limit is 1"),
        ({"label_value_chars": 1}, "label_value_length_limit is 1"),
    ):
        with pytest.raises(TooMuch, match=word):
            read(body, **bounds)
    assert len(values(read(body, samples=2, labels=2))) == 2


def test_a_body_of_endless_new_series_is_stopped_before_it_fills_the_memory():
    with pytest.raises(TooMuch, match="sample_limit"):
        read("".join(f"a{n} 1\n" for n in range(20_000)), samples=10)


def test_a_label_text_that_is_too_long_keeps_what_fits_and_a_stable_hash():
    labels = (("a", "1"), ("b", "x" * 300), ("c", "3"))
    text = label_text(labels)
    assert text == label_text(labels) != label_text((*labels[:2], ("c", "4")))
    assert text.startswith('{a="1",__rest__="')
    assert len(text) <= ENTITY
    assert values(read(f"m{text} 1\n")) == {
        ("m", text.replace('{a="1",', "{").replace('"}', '",a="1"}')): 1
    }


def test_what_an_exporter_stops_showing_is_out_and_comes_back_in_its_place():
    page = read("a 1\nb 2\n")
    page.read("b 3\n", Dialect.TEXT)
    assert (values(page), page.added) == ({("b", ""): 3}, 0)
    page.read("a 4\nb 3\nc 5\n", Dialect.TEXT)
    assert (values(page), page.added) == ({("a", ""): 4, ("b", ""): 3, ("c", ""): 5}, 1)


def test_a_broken_body_in_between_leaves_no_trace():
    page = read("a 1\nb 2\n")
    with pytest.raises(Malformed):
        page.read("a 7\nb x\n", Dialect.TEXT)
    page.read("a 1\nb 2\n", Dialect.TEXT)
    assert values(page) == {("a", ""): 1, ("b", ""): 2}


def test_memory_is_bounded_when_every_body_brings_new_series():
    page = read("a 1\n")
    for number in range(3_000):
        page.read(f"a 1\nb_{number} 2\nc_{number} 3\n", Dialect.TEXT)
    assert len(page.series) < 5_000
    assert len(page._texts) + len(page._noted) < 10_000
    assert values(page)["a", ""] == 1


names = st.text(string.ascii_letters + "_:", min_size=1, max_size=8)
label_values = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\x85\u2028\u2029"),
    max_size=12,
)
numbers = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers(-9999, 9999).map(str),
    st.sampled_from(["NaN", "+Inf", "-Inf"]),
)
lines = st.builds(
    lambda name, labels, number: "{}{} {}\n".format(
        name,
        "{" + ",".join(f'{k}="{escape(v)}"' for k, v in labels.items()) + "}" if labels else "",
        number.replace("inf", "Inf"),
    ),
    names,
    st.dictionaries(st.sampled_from(["a", "b", "le", "z_9"]), label_values, max_size=3),
    numbers,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines, max_size=8))
def test_on_every_valid_text_we_agree_with_the_reference(body):
    text = "".join(body)
    assert values(read(text)) == by_the_reference(read_text(text))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(lines, max_size=6), min_size=1, max_size=5))
def test_reading_against_the_body_before_changes_nothing(bodies):
    page = Page(Bounds())
    for body in bodies:
        page.read("".join(body), Dialect.TEXT)
        fresh = read("".join(body))
        assert values(page) == values(fresh)
        assert (page.samples, page.not_finite) == (fresh.samples, fresh.not_finite)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.sampled_from(Dialect))
def test_no_body_does_more_than_fail(body, dialect):
    try:
        read(body, dialect)
    except Malformed as why:
        assert str(why)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_hostile_line_costs_no_more_than_its_length(dialect):
    for line in (
        'a{x="' + "\\" * 200_000,
        "a{" + " " * 200_000,
        "a" + " " * 200_000 + "x",
        "{" * 200_000,
    ):
        with pytest.raises(Malformed):
            read(line + "\n# EOF\n", dialect)


@pytest.mark.parametrize(
    "name",
    [
        "node_exporter-1.5.0.txt",
        "prometheus-2.42.0.txt",
        "alertmanager-0.25.0.txt",
        "pushgateway.txt",
    ],
)
def test_recorded_expositions_read_as_the_reference_reads_them(name):
    if not (FIXTURES / name).exists():
        pytest.skip(f"the recorded exposition {name} is not here")
    text = (FIXTURES / name).read_text()
    assert values(read(text)) == by_the_reference(read_text(text))


def test_an_openmetrics_body_reads_as_the_reference_reads_it():
    assert values(read(OPEN, Dialect.OPENMETRICS)) == by_the_reference(read_open(OPEN))
