"""Metrics are written as Prometheus reads them, whatever their labels hold."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from vedette.records.metric_text import Family, exposed, labels

VALUES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.text(), st.text(), VALUES), max_size=5))
def test_a_parser_reads_back_what_was_written(given_rows):
    family = Family("things", "gauge", "Things.")
    for cluster, namespace, value in given_rows:
        family.samples.append((labels(cluster=cluster, namespace=namespace), value))
    (read,) = text_string_to_metric_families(exposed([family]).decode())
    assert (read.name, read.type, read.documentation) == ("things", "gauge", "Things.")
    assert [
        (one.labels["cluster"], one.labels["namespace"], one.value) for one in read.samples
    ] == given_rows


def test_labels_stand_by_their_names_and_a_counter_keeps_its_own():
    family = Family("taken_total", "counter", "Bodies.", [(labels(result="no", kind="a"), 2)])
    assert exposed([family]).decode().splitlines() == [
        "# HELP taken_total Bodies.",
        "# TYPE taken_total counter",
        'taken_total{kind="a",result="no"} 2.0',
    ]
