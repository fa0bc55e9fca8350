"""The newest values go out as an exporter would show them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from rest_world import rest_over
from vedette import clock
from vedette.errors import Invalid
from vedette.health.federate import Exposed, Format, negotiated, rendered
from vedette.health.intake_fold import Fold
from vedette.health.label_text import label_text, read_labels
from vedette.health.selectors import selector

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOSTILE = '<script>"\\\n'


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("application/json", Format.TEXT),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", Format.TEXT_1_UTF8),
        ("application/openmetrics-text;version=1.0.0", Format.OPEN),
        ("application/openmetrics-text;version=0.0.1;q=0.5,text/plain;q=0.9", Format.TEXT),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.2",
            Format.OPEN_UTF8,
        ),
        ("application/openmetrics-text;version=9;q=1,text/plain;version=0.0.4;q=0.1", Format.TEXT),
    ],
)
def test_the_asker_chooses_the_format(accept, form):
    assert negotiated(accept) is form


def test_text_is_written_as_the_reference_reads_it():
    samples = [Exposed("load", (("entity", HOSTILE), ("target", "a")), 0.5, NOON)]
    body = rendered(samples, Format.TEXT).decode()
    assert body == (
        '# TYPE load untyped\nload{entity="<script>\\"\\\\\\n",target="a"} 0.5 1795262400000\n'
    )
    (family,) = read_text(body)
    assert family.samples[0].labels == {"entity": HOSTILE, "target": "a"}


def test_openmetrics_ends_and_counts_time_in_seconds():
    body = rendered([Exposed("load", (), 0.5, NOON)], Format.OPEN).decode()
    assert body == "# TYPE load unknown\nload 0.5 1795262400.000\n# EOF\n"
    assert next(iter(read_open(body))).samples[0].value == 0.5
    assert rendered([], Format.OPEN) == b"# EOF\n"


def test_names_of_any_text_are_quoted_for_who_understands_it_and_else_escaped():
    samples = [Exposed("http.active", (("a.b", "x"),), 1.0, NOON)]
    assert '{"http.active","a.b"="x"} 1.0' in rendered(samples, Format.TEXT_1_UTF8).decode()
    assert 'http_active{a_b="x"} 1.0' in rendered(samples, Format.TEXT).decode()


def test_two_series_that_escaping_makes_one_are_shown_once():
    samples = [Exposed("a.b", (), 1.0, NOON), Exposed("a_b", (), 2.0, NOON)]
    assert rendered(samples, Format.TEXT).decode().count("\na_b ") == 1


@pytest.mark.parametrize("value", [HOSTILE, "", "a,b}", '"', "ümläut"])
def test_label_texts_are_read_as_they_were_written(value):
    labels = (("a", value), ("b.c", "2"))
    assert read_labels(label_text(labels)) == labels
    assert read_labels("store:1") == (("entity", "store:1"),)


@pytest.mark.parametrize(
    ("text", "labels", "wanted"),
    [
        ("up", {"__name__": "up"}, True),
        ("up", {"__name__": "upper"}, False),
        ('{target="a"}', {"target": "a"}, True),
        ('{target!="a",__name__="x"}', {"target": "b", "__name__": "x"}, True),
        ('{target=~"shop-.*|b"}', {"target": "shop-1"}, True),
        ('{target=~"shop-.+"}', {"target": "shop-"}, False),
        ('{target=~".*-.*-eu"}', {"target": "a-b-eu"}, True),
        ('{target=~".*-.*-eu"}', {"target": "a-eu"}, False),
        ('{target=~"a.*a"}', {"target": "a"}, False),
        ('{target!~"a.*",job="x"}', {"target": "b", "job": "x"}, True),
        ('up{ target = "a" , }', {"__name__": "up", "target": "a"}, True),
    ],
)
def test_selectors_are_prometheus_selectors(text, labels, wanted):
    assert selector(text).matches(labels) is wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{a!="b"}',
        '{a="b"',
        "{a=b}",
        'up{a="b"}x',
        '{a=~"(a+)+$"}',
        "1",
        "x" * 2_000,
        '{a=""}',
    ],
)
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(Invalid):
        selector(text)


async def test_a_prometheus_gets_what_it_asks_for(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        ns = str(round(clock.now().timestamp() * 1e9))
        body = {
            "resourceMetrics": [
                {
                    "resource": {
                        "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]
                    },
                    "scopeMetrics": [
                        {
                            "metrics": [
                                {
                                    "name": "http.active",
                                    "gauge": {
                                        "dataPoints": [
                                            {
                                                "asInt": "7",
                                                "timeUnixNano": ns,
                                                "attributes": [
                                                    {"key": "target", "value": {"stringValue": "x"}}
                                                ],
                                            }
                                        ]
                                    },
                                }
                            ]
                        }
                    ],
                }
            ]
        }
        pushed = await rest.ask(
            "POST",
            "/v1/metrics",
            content=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        assert pushed.json() == {}
        async with rest.pool.connection() as conn:
            assert await Fold().run_once(conn, now=clock.now() + timedelta(seconds=5)) == 1
        answer = await rest.get('/federate?match[]={target="shop"}', scopes=("read",))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = {s.name: (s.labels, s.value) for f in read_text(answer.text) for s in f.samples}
        assert found["vedette_target_up"][1] == 1
        assert found["http_active"] == (
            {"agent": "intake", "connector": "otlp", "target": "shop", "exported_target": "x"},
            7,
        )
        assert (await rest.get("/federate", scopes=("read",))).text == ""
        assert (await rest.get("/federate?match[]=nothing_such")).text == ""
        assert (await rest.get("/federate?match[]={}")).status_code == 400
        assert (
            await rest.get("/federate?match[]=up", scopes=("reports:write",))
        ).status_code == 403
