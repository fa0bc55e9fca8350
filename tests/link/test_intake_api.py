"""What a sender is told: the exact status, headers and body each protocol wants."""

import asyncio
import gzip
import json
import struct
import time

import cramjam
import pytest

from rest_world import rest_over
from vedette import clock
from vedette.health.intake import Intake
from vedette.link import intake_pb2 as pb

WRITE = "/api/v1/prometheus/write"
OTLP = "/v1/metrics"
ONE = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
TWO = {**ONE, "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
WRITTEN = "x-prometheus-remote-write-samples-written"
HISTOGRAMS = "x-prometheus-remote-write-histograms-written"
EXEMPLARS = "x-prometheus-remote-write-exemplars-written"


def now_ms():
    return round(clock.now().timestamp() * 1000)


def field(number, content):
    """A length-delimited field, written by hand: the numbers are the protocol's, not our file's."""
    head, size = number << 3 | 2, len(content)
    assert head < 128
    assert size < 128
    return bytes([head, size]) + content


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def a_sample(value, ms):
    return b"\x09" + struct.pack("<d", value) + b"\x10" + varint(ms)


def one(*series):
    """A remote write 1.0 message of (labels, value, ms)."""
    message = b""
    for labels, value, ms in series:
        pairs = b"".join(
            field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in labels.items()
        )
        message += field(1, pairs + field(2, a_sample(value, ms)))
    return cramjam.snappy.compress_raw(message)


def two(*series, histograms=0, refs=None):
    symbols, body = [""], b""
    for labels, value, ms in series:
        numbers = []
        for word in (w for pair in labels.items() for w in pair):
            if word not in symbols:
                symbols.append(word)
            numbers.append(symbols.index(word))
        body += field(5, field(1, bytes(refs or numbers)) + field(2, a_sample(value, ms)))
    for _ in range(histograms):
        body += field(5, field(1, bytes([1, 2])) + field(3, b""))
    return cramjam.snappy.compress_raw(b"".join(field(4, s.encode()) for s in symbols) + body)


def up(instance="a:9100", **more):
    return {"__name__": "up", "job": "node", "instance": instance, **more}


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        yield rest


async def push(rest, path, content, headers, scopes=("reports:write",)):
    content = bytes(content)
    return await rest.ask("POST", path, scopes=scopes, content=content, headers=headers)


async def test_remote_write_1_is_answered_204_with_nothing_in_it(rest):
    answer = await push(rest, WRITE, one((up(), 1.0, now_ms())), ONE)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[WRITTEN] == "1"


async def test_remote_write_2_is_told_how_much_was_written(rest):
    ms = now_ms()
    body = two((up(), 1.0, ms), (up("b:9100"), 0.0, ms))
    answer = await push(rest, WRITE, body, TWO)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [answer.headers[name] for name in (WRITTEN, HISTOGRAMS, EXEMPLARS)] == ["2", "0", "0"]


@pytest.mark.parametrize("headers", [ONE, TWO])
async def test_a_part_that_is_not_kept_makes_the_answer_no_success(rest, headers):
    ms = now_ms()
    body = (one if headers is ONE else two)((up(), 1.0, ms), (up(), 1.0, ms - 30 * 86_400_000))
    answer = await push(rest, WRITE, body, headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert "older than 7 days" in answer.text
    assert answer.headers[WRITTEN] == "1"


async def test_native_histograms_are_not_kept_and_that_is_said(rest):
    answer = await push(rest, WRITE, two((up(), 1.0, now_ms()), histograms=2), TWO)
    assert answer.status_code == 400
    assert "native histograms" in answer.text
    assert (answer.headers[WRITTEN], answer.headers[HISTOGRAMS]) == ("1", "0")


async def test_labels_that_are_no_pairs_of_symbols_are_refused(rest):
    answer = await push(rest, WRITE, two((up(), 1.0, now_ms()), refs=[1, 2, 99, 3]), TWO)
    assert answer.status_code == 400
    assert answer.headers[WRITTEN] == "0"


@pytest.mark.parametrize(
    "labels", [{"job": "node"}, {"__name__": "", "job": "node"}, {"__name__": "up", "": "x"}]
)
async def test_a_series_without_a_name_is_refused(rest, labels):
    answer = await push(rest, WRITE, one((labels, 1.0, now_ms())), ONE)
    assert (answer.status_code, answer.headers[WRITTEN]) == (400, "0")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (WRITE, {**ONE, "content-type": "application/json"}),
        (WRITE, {**ONE, "content-type": "application/x-protobuf;proto=io.prometheus.write.v9"}),
        (WRITE, {**ONE, "content-encoding": "gzip"}),
        (WRITE, {"content-type": "application/x-protobuf"}),
        (OTLP, {"content-type": "text/plain"}),
        (OTLP, {"content-type": "application/x-protobuf", "content-encoding": "zstd"}),
    ],
)
async def test_what_we_cannot_read_is_415(rest, path, headers):
    assert (await push(rest, path, b"", headers)).status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xff\xff\xff\xff\xff",
        b"no snappy",
        b"\x80\x80\x80\x80\x04",
        cramjam.snappy.compress_raw(b"\x0a\xff"),
    ],
)
async def test_what_is_no_message_is_400_and_so_never_sent_again(rest, body):
    answer = await push(rest, WRITE, body, ONE)
    assert answer.status_code == 400
    assert answer.text


async def test_what_says_it_would_be_huge_is_not_unpacked(rest):
    bomb = varint(1 << 31) + b"\x00"
    answer = await push(rest, WRITE, bomb, ONE)
    assert (answer.status_code, "are the limit" in answer.text) == (400, True)


@pytest.mark.parametrize("path", [WRITE, OTLP, "/api/v1/otlp/v1/metrics"])
async def test_pushing_needs_its_own_scope(rest, path):
    assert (await push(rest, path, b"", ONE, scopes=("read",))).status_code == 403
    assert (await rest.http.post(path)).status_code == 401


def otlp(*points, name="http.server.active", kind="gauge", temporality=2, resource=None):
    given = resource or {"service.name": "shop", "service.instance.id": "shop-1"}
    data = {"dataPoints": list(points)}
    if kind in ("sum", "histogram"):
        data["aggregationTemporality"] = temporality
    return {
        "resourceMetrics": [
            {
                "resource": {
                    "attributes": [
                        {"key": k, "value": {"stringValue": v}} for k, v in given.items()
                    ]
                },
                "scopeMetrics": [{"metrics": [{"name": name, "unit": "1", kind: data}]}],
                "schemaUrl": "unknown fields are skipped",
            }
        ]
    }


def point(value, **more):
    return {"asDouble": value, "timeUnixNano": str(now_ms() * 1_000_000), **more}


JSON = {"content-type": "application/json"}


async def test_otlp_in_json_is_answered_200_in_json(rest):
    answer = await push(rest, OTLP, json.dumps(otlp(point(3.0))).encode(), JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"


async def test_otlp_in_protobuf_and_gzip_is_answered_200_in_protobuf(rest):
    message = pb.ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(as_int=3, time_unix_nano=now_ms() * 1_000_000)
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    answer = await push(
        rest, "/api/v1/otlp/v1/metrics", gzip.compress(message.SerializeToString()), headers
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"


async def test_a_part_that_otlp_cannot_keep_is_told_with_200(rest):
    body = otlp(point(1.0), point(2.0, timeUnixNano="1"))
    answer = await push(rest, OTLP, json.dumps(body).encode(), JSON)
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedDataPoints"] == "1"
    assert "older than 7 days" in partial["errorMessage"]


async def test_delta_temporality_is_refused_with_200(rest):
    body = otlp(point(1.0), kind="sum", temporality=1)
    answer = await push(rest, OTLP, json.dumps(body).encode(), JSON)
    assert answer.status_code == 200
    assert "delta" in answer.json()["partialSuccess"]["errorMessage"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"resourceMetrics": 7}', b"[" * 100_000, b"\xff"])
async def test_what_is_no_otlp_is_400_with_a_status(rest, body):
    answer = await push(rest, OTLP, body, JSON)
    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert answer.json()["message"]


async def test_a_gzip_bomb_is_400(rest):
    bomb = gzip.compress(b"\x00" * (65 << 20))
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    answer = await push(rest, OTLP, bomb, headers)
    assert answer.status_code == 400
    assert pb.Status.FromString(answer.content).code == 3


NOTHINGS = 600_000
"""Messages without content, of two bytes each."""


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        (WRITE, ONE, cramjam.snappy.compress_raw(b"\x0a\x00" * 2 * NOTHINGS)),
        (WRITE, ONE, cramjam.snappy.compress_raw(b"\x0a\x04\x12\x00\x12\x00" * NOTHINGS)),
        (WRITE, TWO, cramjam.snappy.compress_raw(b"\x22\x00" + b"\x2a\x00" * 2 * NOTHINGS)),
        (OTLP, {"content-type": "application/x-protobuf"}, b"\x0a\x00" * 2 * NOTHINGS),
        (OTLP, JSON, b'{"resourceMetrics":[' + b"{}," * 2 * NOTHINGS + b"{}]}"),
    ],
    ids=["series", "samples", "version 2", "otlp", "json"],
)
async def test_a_push_of_a_million_nothings_is_400_and_nobody_waits_for_it(
    rest, path, headers, body
):
    longest, before = 0.0, time.monotonic()

    async def watch():
        nonlocal longest, before
        while True:
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    answer = await push(rest, path, body, headers)
    watching.cancel()
    assert (answer.status_code, "parts" in answer.text) == (400, True)
    assert longest < 3.0


async def test_large_pushes_beyond_a_few_come_again(fresh_app_url):
    intake, body = Intake(), one(*((up(), 1.0, now_ms() - n) for n in range(4_000)))
    async with rest_over(fresh_app_url, intake=intake) as rest:
        with intake.reading(at_most=9), intake.reading(at_most=9), intake.reading(at_most=9):
            answer = await push(rest, WRITE, body, ONE)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert (await push(rest, WRITE, body, ONE)).status_code == 204


async def test_who_pushes_too_much_is_told_to_come_back(rest, monkeypatch):
    monkeypatch.setattr("vedette.health.intake.WAITING_PUSHES", 0)
    answer = await push(rest, WRITE, one((up(), 1.0, now_ms())), ONE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    answer = await push(rest, OTLP, json.dumps(otlp(point(1.0))).encode(), JSON)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["code"] == 14
