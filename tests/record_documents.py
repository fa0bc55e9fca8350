"""What the tests of the kinds share: reading a value as a kind does, fixtures where they are, spoiled documents."""

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from vedette import plugins
from vedette.errors import Invalid
from vedette.records.documents import Document, read_documents
from vedette.records.kinds import GROUP, Context
from vedette.records.model import Record

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "shared" / "fixtures"
ODD: list[Any] = [
    None, True, -1, 0, 1e999, 10**30, 0.5, "", "x", "x" * 300_000, "9999-12-31T23:59:59-01:00", "\n", [], [[]], {}, [{}],
]  # fmt: skip
"""What no program writes where something else is expected."""


def read(kind: str, value: Any, **said: str) -> list[Record]:
    """The records of that value, called `it`."""
    return list(plugins.load(GROUP, kind)().read(Document(value, "it"), Context(NOW, **said)))


def recognised(value: Any) -> list[str]:
    """The kinds that take it for theirs."""
    document = Document(value, "it")
    names = plugins.names(GROUP)
    return [name for name in names if plugins.load(GROUP, name)().recognises(document)]


def refusal_of(kind: str, value: Any) -> str:
    """The one line that refuses that value."""
    with pytest.raises(Invalid) as refused:
        read(kind, value)
    line = str(refused.value)
    assert line.startswith("it")
    assert "\n" not in line
    assert len(line) < 1_500
    return line


def fixture(path: str) -> list[Document]:
    """The documents of that real file; skips where this machine does not have it."""
    file = FIXTURES / path
    if not file.is_file():
        pytest.skip(f"{path} of the shared fixtures is not on this machine")
    return read_documents(file.read_bytes(), source=file.name)


def places_of(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a document but its root, as the keys that lead there."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    found = []
    for key, part in inner:
        found += [(*above, key), *places_of(part, (*above, key))]
    return found


def spoilt(value: Any, place: tuple[Any, ...], odd: Any = ...) -> Any:
    """The document with that place gone, or with something else in it."""
    document = copy.deepcopy(value)
    part = document
    for key in place[:-1]:
        part = part[key]
    if odd is ...:
        del part[place[-1]]
    else:
        part[place[-1]] = odd
    return document


@st.composite
def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """That document with one to three random places deleted or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        places = places_of(value)
        if places:
            odd = draw(st.sampled_from([..., *ODD]))
            value = spoilt(value, draw(st.sampled_from(places)), odd)
    return value


def assert_read_or_refused(kind: str, value: Any) -> None:
    """Whatever it is, it is read whole or refused in one line."""
    try:
        read(kind, value)
    except Invalid as refused:
        assert str(refused).startswith("it")
        assert "\n" not in str(refused)
