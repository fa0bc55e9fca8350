"""A scrape becomes a report: every series a measurement, a broken scrape down as a whole."""

import gzip
import math

import pytest
from tests.connectors.looks import a_look, look_at, make, verdict
from tests.fakes.http_server import Reply, http_server

from vedette.agent.run import bounded
from vedette.errors import Invalid

TEXT = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
BODY = b"""\
# HELP node_memory_bytes Memory.
# TYPE node_memory_bytes gauge
node_memory_bytes{kind="free"} 4096
node_memory_bytes{kind="used"} 8192
node_load1 0.5
node_quantile{quantile="0.5"} NaN
"""


def measured(report):
    return {(m.name, m.entity): m.value for m in report.measured()}


async def scraped(reply, **settings):
    async with http_server(reply) as server:
        return await look_at("prometheus", url=f"{server.url}/metrics", **settings), server


async def test_every_series_comes_home_with_what_is_known_of_the_scrape():
    report, server = await scraped(Reply(body=BODY, headers=TEXT))
    assert verdict(report) == ("up", "")
    found = measured(report)
    assert 0 < found.pop(("scrape_duration_seconds", "")) < 5
    assert found == {
        ("up", ""): 1,
        ("scrape_samples_scraped", ""): 4,
        ("scrape_samples_post_metric_relabeling", ""): 3,
        ("scrape_series_added", ""): 4,
        ("scrape_samples_not_finite", ""): 1,
        ("scrape_samples_held_back", ""): 0,
        ("node_memory_bytes", '{kind="free"}'): 4096,
        ("node_memory_bytes", '{kind="used"}'): 8192,
        ("node_load1", ""): 0.5,
    }
    series = {s.name: s for s in report.bulk.naming.series}
    assert (series["node_memory_bytes"].unit, series["node_memory_bytes"].help) == (
        "bytes",
        "Memory.",
    )
    asked = server.asked[0].headers
    assert asked["accept"].startswith("application/openmetrics-text;version=1.0.0")
    assert asked["accept-encoding"] == "gzip"
    assert asked["x-prometheus-scrape-timeout-seconds"] == "5"


async def test_from_look_to_look_the_names_are_the_same_object():
    async with http_server(Reply(body=BODY, headers=TEXT)) as server:
        connector = make("prometheus", url=server.url)
        first = await connector.probe(a_look())
        server.reply = lambda _: Reply(body=BODY.replace(b"0.5\n", b"0.75\n"), headers=TEXT)
        second = await connector.probe(a_look())
    assert first.bulk.naming is second.bulk.naming
    assert measured(second)["node_load1", ""] == 0.75
    assert measured(second)["scrape_series_added", ""] == 0


async def test_the_answers_content_type_decides_how_it_is_read():
    body = b'a_total 3 # {id="x"} 1\n# EOF\n'
    open_metrics = {"Content-Type": "application/openmetrics-text; version=1.0.0"}
    report, _ = await scraped(Reply(body=body, headers=open_metrics))
    assert measured(report)["a_total", ""] == 3
    report, _ = await scraped(Reply(body=body, headers=TEXT))
    assert verdict(report) == ("down", "protocol")
    report, _ = await scraped(Reply(body=b"<html>", headers={"Content-Type": "text/html"}))
    assert verdict(report) == ("down", "protocol")
    assert "'text/html'" in report.message


async def test_a_compressed_body_is_unpacked():
    packed = Reply(body=gzip.compress(BODY), headers={**TEXT, "Content-Encoding": "gzip"})
    report, _ = await scraped(packed)
    assert measured(report)["node_load1", ""] == 0.5


async def test_a_bomb_is_unpacked_no_further_than_the_limit():
    bomb = gzip.compress(b"a 1\n" * 10_000_000)
    report, _ = await scraped(
        Reply(body=bomb, headers={**TEXT, "Content-Encoding": "gzip"}), body_size_limit=100_000
    )
    assert verdict(report) == ("down", "limit")
    assert "body_size_limit (100000 bytes)" in report.message


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sample_limit", 3),
        ("label_limit", 1),
        ("label_name_length_limit", 3),
        ("label_value_length_limit", 3),
    ],
)
async def test_a_breach_of_a_limit_fails_the_whole_scrape_and_names_the_limit(setting, value):
    body = BODY + b'x{name="value",other="v"} 1\n'
    report, _ = await scraped(Reply(body=body, headers=TEXT), **{setting: value})
    assert verdict(report) == ("down", "limit")
    assert f"{setting} is {value}" in report.message
    found = measured(report)
    assert found.pop(("scrape_duration_seconds", "")) > 0
    assert set(found.values()) == {0.0}
    assert "node_load1" not in {name for name, _ in found}


async def test_half_a_body_is_no_scrape():
    report, _ = await scraped(Reply(body=BODY + b"node_loa", headers=TEXT))
    assert verdict(report) == ("down", "protocol")
    assert "line 7" in report.message
    report, _ = await scraped(Reply(body=BODY, headers=TEXT, cut=40))
    assert verdict(report) == ("down", "closed")
    report, _ = await scraped(Reply(body=b"\xff\xfe 1\n", headers=TEXT))
    assert "UTF-8" in report.message


async def test_a_status_other_than_200_is_down():
    report, _ = await scraped(Reply(status=503, body=BODY, headers=TEXT))
    assert verdict(report) == ("down", "bad_status")
    report, _ = await scraped(Reply(status=401))
    assert verdict(report) == ("down", "auth")


async def test_it_signs_in_as_told():
    _, server = await scraped(Reply(body=BODY, headers=TEXT), user="u", password="p")
    assert server.asked[0].headers["authorization"] == "Basic dTpw"
    _, server = await scraped(Reply(body=BODY, headers=TEXT), bearer_token="t")
    assert server.asked[0].headers["authorization"] == "Bearer t"


async def test_the_exporters_own_timestamps_count_only_when_honoured():
    body = b"old 1 1000\nnew 2\n"
    report, _ = await scraped(Reply(body=body, headers=TEXT))
    assert measured(report)["old", ""] == 1
    report, _ = await scraped(Reply(body=body, headers=TEXT), honor_timestamps=True)
    assert ("old", "") not in measured(report)
    assert measured(report)["new", ""] == 2


async def test_host_port_and_path_are_another_way_to_say_where():
    async with http_server(Reply(body=BODY, headers=TEXT)) as server:
        report = await look_at("prometheus", host="127.0.0.1", port=server.port, path="/probe?x=1")
        assert server.asked[0].path == "/probe?x=1"
    assert verdict(report) == ("up", "")
    with pytest.raises(Invalid, match="'url' or 'host'"):
        make("prometheus")
    with pytest.raises(Invalid, match="sample_limit"):
        make("prometheus", url="http://x/", sample_limit=0)


async def test_a_target_that_shows_new_series_every_time_costs_few_layouts():
    async with http_server(Reply()) as server:
        connector = make("prometheus", url=server.url)
        namings, held_back = [], 0.0
        for look in range(60):
            body = b"steady 1\n" + b"".join(
                b'odd{look="%d",n="%d"} 1\n' % (look, n) for n in range(5)
            )
            server.reply = lambda _, body=body: Reply(body=body, headers=TEXT)
            report = await connector.probe(a_look())
            if not any(report.bulk.naming is naming for naming in namings):
                namings.append(report.bulk.naming)
            held_back = measured(report)["scrape_samples_held_back", ""]
            assert measured(report)["steady", ""] == 1
    assert len(namings) < 30
    assert held_back == 5


async def test_the_agent_sends_a_bulk_as_it_is_or_calls_it_a_crash():
    report, _ = await scraped(Reply(body=BODY, headers=TEXT))
    assert bounded(report, frozenset()).bulk is report.bulk
    report.bulk.values[0] = math.inf
    with pytest.raises(ValueError, match="not finite"):
        bounded(report, frozenset())
    report.bulk.values.pop()
    with pytest.raises(ValueError, match="do not fit"):
        bounded(report, frozenset())
