"""Conditions in Gatus' words, and patterns that cannot run away."""

import time

import pytest

from vedette.agent.connectors.http_conditions import Seen, condition
from vedette.agent.connectors.http_patterns import found, pattern
from vedette.errors import Invalid

BODY = b"""{"status": "UP", "load": 0.5, "ok": true, "none": null, "name": "john doe",
 "items": [{"id": 7}, {"id": 8}], "version": "1.2.3"}"""


def seen(**changes) -> Seen:
    settings = {
        "status": 200,
        "response_ms": 120.0,
        "body": BODY,
        "address": "10.0.0.7",
        "certificate_s": 49 * 3600.0,
    }
    return Seen(**(settings | changes))


@pytest.mark.parametrize(
    "text",
    [
        "[STATUS] == 200",
        "[STATUS] != 404",
        "[STATUS] < 300",
        "[STATUS] >= 200",
        "[STATUS] == any(200, 429)",
        "[RESPONSE_TIME] < 300",
        "[RESPONSE_TIME] < 1s",
        "[RESPONSE_TIME] > 100ms",
        "[CERTIFICATE_EXPIRATION] > 48h",
        "[IP] == 10.0.0.7",
        "[IP] == pat(10.0.*)",
        "[CONNECTED] == true",
        "[BODY].status == UP",
        '[BODY].status == "UP"',
        "[BODY].status == any(UP, OK)",
        "[BODY].status != DOWN",
        "[BODY].load <= 0.5",
        "[BODY].load == 0.50",
        "[BODY].ok == true",
        "[BODY].none == null",
        "[BODY].name == john doe",
        "[BODY].name == pat(john*)",
        "[BODY].items[1].id == 8",
        "[BODY].version == 1.2.3",
        "len([BODY].items) == 2",
        "len([BODY].name) > 3",
        "has([BODY].items) == true",
        "has([BODY].errors) == false",
        "[BODY].errors != 5",
        "[BODY] == pat(*john doe*)",
        "300 > [RESPONSE_TIME]",
    ],
)
def test_it_holds(text):
    assert condition(text).holds(seen())


@pytest.mark.parametrize(
    "text",
    [
        "[STATUS] == 201",
        "[STATUS] == any(201, 204)",
        "[RESPONSE_TIME] < 100",
        "[CERTIFICATE_EXPIRATION] > 50h",
        "[BODY].status == DOWN",
        "[BODY].missing == UP",
        "[BODY].missing < 5",
        "[BODY].items[9].id == 8",
        "[BODY].name < 5",
        "[BODY].status.deeper == UP",
        "len([BODY].ok) == 1",
    ],
)
def test_it_does_not_hold(text):
    assert not condition(text).holds(seen())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff\xfe", b"5"])
def test_a_body_that_is_no_json_has_no_fields(body):
    assert not condition("[BODY].status == UP").holds(seen(body=body))
    assert condition("has([BODY].status) == false").holds(seen(body=body))


def test_without_tls_there_is_no_expiration():
    assert not condition("[CERTIFICATE_EXPIRATION] > 1h").holds(seen(certificate_s=None))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fine",
        "[STATUS]",
        "[STATUS] = 200",
        "[STATE] == 200",
        "1 == 1",
        "[BODY]..a == 1",
        "[BODY].a[x] == 1",
        "[STATUS] == " + "x" * 400,
    ],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(Invalid):
        condition(text)


@pytest.mark.parametrize("text", [r"^\d{4}-\d{2}-\d{2}$", "a.*b", "(up|ok)", "[*+{]+", r"\(a\)+"])
def test_plain_patterns_are_taken(text):
    assert pattern(text)


@pytest.mark.parametrize(
    "text", ["(a+)+$", "(a|aa)*b", r"(a)\1", "a*b*c*", "(x{2,3}){4,5}", "[", "x" * 300]
)
def test_patterns_that_could_run_away_are_refused(text):
    with pytest.raises(Invalid):
        pattern(text)


def test_the_worst_body_for_the_worst_pattern_ends_soon():
    begun = time.process_time()
    assert not found(pattern("a*a*b"), b"\n".join([b"a" * 600] * 200))
    assert time.process_time() - begun < 2.0


def test_a_pattern_is_matched_line_by_line():
    assert found(pattern("^up$"), b"first\nup\nlast")
    assert not found(pattern("first.last"), b"first\nlast")
