"""Deployments and their commits, as Dash.DB's collector posts them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from tests.record_documents import (
    assert_read_or_refused,
    fixture,
    places_of,
    read,
    recognised,
    refusal_of,
    spoiled,
    spoilt,
)

from vedette.records.model import Commit, Deployment

KIND = "dora"
SHA = "0123456789abcdef0123456789abcdef01234567"
BODY: dict[str, Any] = {
    "deployments": [
        {
            "trigger_reason": f"https://git.example.org/service/shop/commit/{SHA}",
            "finish_timestamp": "2026-11-20 10:18:28.769103",
            "app_name": "orders",
            "env_name": "production",
            "pipeline": "saas/orders.yaml",
            "commits": [
                {
                    "revision": SHA,
                    "timestamp": "2026-11-19T11:11:20+02:00",
                    "repo": "https://github.com/shop/orders",
                    "lttc": 90_428,
                }
            ],
        }
    ]
}
FIRST = ("deployments", 0)
COMMIT = (*FIRST, "commits", 0)


def test_a_deployment_is_read_with_its_commits() -> None:
    assert recognised(BODY) == [KIND]
    assert read(KIND, BODY) == [
        Deployment(
            "orders",
            "production",
            "saas/orders.yaml",
            f"https://git.example.org/service/shop/commit/{SHA}",
            datetime(2026, 11, 20, 10, 18, 28, 769103, tzinfo=UTC),
            (
                Commit(
                    SHA,
                    "https://github.com/shop/orders",
                    datetime(2026, 11, 19, 9, 11, 20, tzinfo=UTC),
                    90_428,
                ),
            ),
        )
    ]


@pytest.mark.parametrize(
    ("place", "odd"),
    [
        ((*FIRST, "trigger_reason"), "https://gitlab.example/a/commit/b [auto-promotion]"),
        ((*FIRST, "trigger_reason"), "http://10.0.0.1:8080"),
        ((*FIRST, "finish_timestamp"), "2026-11-20T10:18:28Z"),
        ((*FIRST, "commits"), []),
        ((*COMMIT, "lttc"), -3_600),
        ((*COMMIT, "repo"), "https://git.example.org/group/sub/project.git"),
        ((*COMMIT, "revert"), True),
    ],
)
def test_what_collectors_also_send_is_read(place: tuple[Any, ...], odd: Any) -> None:
    [found] = read(KIND, spoilt(BODY, place, odd))
    assert isinstance(found, Deployment)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-20 10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00.5+05:30", datetime(2026, 11, 20, 4, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123456789Z", datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_a_finish_time_without_a_zone_is_utc(text: str, at: datetime) -> None:
    [found] = read(KIND, spoilt(BODY, (*FIRST, "finish_timestamp"), text))
    assert isinstance(found, Deployment)
    assert found.finished_at == at


@pytest.mark.parametrize(
    ("place", "odd", "why"),
    [
        (("deployments",), [], "$.deployments"),
        ((*FIRST, "trigger_reason"), "ftp://host/a", "$.deployments[0].trigger_reason"),
        ((*FIRST, "trigger_reason"), "javascript:alert(1)", "trigger_reason"),
        ((*FIRST, "trigger_reason"), "https://h/a\nb", "trigger_reason"),
        ((*FIRST, "finish_timestamp"), "20 November 2026", "finish_timestamp"),
        ((*FIRST, "finish_timestamp"), "2026-02-30T10:00:00Z", "no time since 1970"),
        ((*FIRST, "finish_timestamp"), "9999-12-31T23:59:59-01:00", "no time since 1970"),
        ((*FIRST, "finish_timestamp"), "2027-01-01T00:00:00Z", "is to come"),
        ((*FIRST, "finish_timestamp"), 1_790_000_000, "finish_timestamp"),
        ((*FIRST, "commits"), None, "$.deployments[0].commits"),
        ((*COMMIT, "revision"), "main", "$.deployments[0].commits[0].revision"),
        ((*COMMIT, "revision"), SHA + "0", "revision"),
        ((*COMMIT, "revision"), SHA + "\n", "revision"),
        ((*COMMIT, "timestamp"), "1969-12-31T23:59:59Z", "deployments[0].commits[0].timestamp"),
        ((*COMMIT, "repo"), "git@github.com:shop/orders", "repo"),
        ((*COMMIT, "lttc"), "90428", "$.deployments[0].commits[0].lttc"),
        ((*COMMIT, "lttc"), 1.5, "lttc"),
        ((*COMMIT, "lttc"), 10**12, "lttc"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    place: tuple[Any, ...], odd: Any, why: str
) -> None:
    assert why in refusal_of(KIND, spoilt(BODY, place, odd))


@pytest.mark.parametrize("place", places_of(BODY))
def test_each_key_is_required(place: tuple[Any, ...]) -> None:
    if place != COMMIT:
        refusal_of(KIND, spoilt(BODY, place))


def test_the_real_deployments() -> None:
    [document] = fixture("dashdotdb/dora.json")
    found = [one for one in read(KIND, document.value) if isinstance(one, Deployment)]
    assert [len(one.commits) for one in found] == [1, 1, 11]
    assert {(one.app, one.environment) for one in found} == {("quayio-py3", "quay-production")}
    assert found[0].finished_at == datetime(2023, 8, 30, 12, 18, 28, 769103, tzinfo=UTC)
    assert {commit.lead_s for one in found for commit in one.commits} == {1234}


@given(value=spoiled(BODY))
@settings(max_examples=50)
def test_a_spoiled_body_is_read_or_refused(value: Any) -> None:
    assert_read_or_refused(KIND, value)
