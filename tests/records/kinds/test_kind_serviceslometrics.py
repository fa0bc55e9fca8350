"""One value of a service level indicator, as Dash.DB's collector posts it."""

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

from vedette.records.model import SloValue

KIND = "serviceslometrics"
VALUE: dict[str, Any] = {
    "name": "orders-availability",
    "SLIType": "availability",
    "SLODoc": {"name": "shop-slos"},
    "namespace": {"name": "shop"},
    "cluster": {"name": "c1"},
    "service": {"name": "orders"},
    "value": 99.95,
    "target": 99,
}


def test_all_eight_keys_are_read() -> None:
    assert recognised(VALUE) == [KIND]
    assert read(KIND, VALUE) == [
        SloValue(
            "orders-availability", "availability", "shop-slos", "orders", "c1", "shop", 99.95, 99.0
        )
    ]


@pytest.mark.parametrize("word", ["correcteness", "durability", "what nobody thought of"])
def test_any_word_is_an_sli_type(word: str) -> None:
    [found] = read(KIND, VALUE | {"SLIType": word})
    assert isinstance(found, SloValue)
    assert found.sli == word


@pytest.mark.parametrize("place", places_of(VALUE))
def test_each_key_is_required(place: tuple[Any, ...]) -> None:
    assert str(place[-1]) in refusal_of(KIND, spoilt(VALUE, place))


@pytest.mark.parametrize("odd", ["99.9", True, None, 1e999, -1e999, 10**400, [99]])
def test_a_number_is_a_finite_number(odd: Any) -> None:
    for key in ("value", "target"):
        assert f"$.{key}" in refusal_of(KIND, VALUE | {key: odd})


@pytest.mark.parametrize("odd", ["", "x" * 1_001, 7, None])
def test_a_name_is_a_short_text(odd: Any) -> None:
    for place in (("name",), ("SLIType",), ("cluster", "name")):
        refusal_of(KIND, spoilt(VALUE, place, odd))


def test_a_document_of_another_kind_is_refused() -> None:
    refusal_of(KIND, {"deployments": []})
    refusal_of(KIND, [VALUE])


def test_the_real_value() -> None:
    [document] = fixture("dashdotdb/serviceslometrics.json")
    assert read(KIND, document.value) == [
        SloValue(
            "policy-engine-latency",
            "latency",
            "cincinnati-slo-doc",
            "cincinnati",
            "app-sre-prod-04",
            "cincinnati-production",
            66.0,
            99.0,
        )
    ]


@given(value=spoiled(VALUE))
@settings(max_examples=50)
def test_a_spoiled_value_is_read_or_refused(value: Any) -> None:
    assert_read_or_refused(KIND, value)
