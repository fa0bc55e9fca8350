"""The identifiers of a link are the same however they are found."""

from hypothesis import given
from hypothesis import strategies as st

from vedette.records.kinds._shapes import identifiers
from vedette.records.kinds.imagemanifestvuln import _linked

PIECES = (
    "CVE-2026-1234",
    "cve-2026-12345",
    "GHSA-jfh8-c2jp-5v3q",
    "RHSA-2026:1234",
    "DSA-1-2",
    "/",
    "-",
    "1",
    "a",
    ".",
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@given(TEXTS, TEXTS.filter(bool))
def test_what_a_link_names_beside_its_end_is_what_all_of_it_names(start: str, name: str) -> None:
    own = identifiers(name)
    known = own[0] if own else name
    link = f"https://feed.example/{start}/{known}"
    found = [other for other in _linked(link, known) if other != known]
    assert found == [other for other in identifiers(link) if other != known]


@given(TEXTS)
def test_a_text_names_the_same_alone_as_among_words(text: str) -> None:
    assert identifiers(text) == identifiers(f"see {text} there") == identifiers(text, "")
