"""What holds for every kind of records, ours and others'."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette import plugins
from vedette.errors import Invalid
from vedette.records.documents import Document
from vedette.records.kinds import GROUP, Context, Family, Kind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KINDS = plugins.names(GROUP)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=20,
)


def kind_of(name: str) -> Kind:
    found: Kind = plugins.load(GROUP, name)()
    return found


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_says_what_it_is(name: str) -> None:
    kind = kind_of(name)
    assert isinstance(kind, Kind)
    assert kind.name == name
    assert kind.description
    assert "\n" not in kind.description
    assert kind.family in {word for key, word in vars(Family).items() if key.isupper()}


@given(value=JSON)
def test_any_json_is_read_or_refused_by_every_kind_and_recognised_by_one_at_most(
    value: Any,
) -> None:
    document = Document(value, "it")
    assert sum(kind_of(name).recognises(document) for name in KINDS) <= 1
    for name in KINDS:
        try:
            list(kind_of(name).read(document, Context(NOW, cluster="c1")))
        except Invalid as refusal:
            assert str(refusal).startswith("it")
