"""Scores are computed out of vectors; what is no vector has none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.records.kinds._cvss import score_of, scored

V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V40 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        (V31, 9.8),
        (V31.replace("3.1", "3.0"), 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0.0),
        (V31 + "/E:U/RL:O/RC:C", 9.8),  # the base score, whatever the day's threat
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
        ("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", 7.5),
        ("CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P", 7.5),
        (V40, 9.3),
        (f" {V31}\n", 9.8),
    ],
)
def test_the_base_score_is_the_specifications(vector: str, score: float) -> None:
    assert score_of(vector) == score


@pytest.mark.parametrize(
    "vector",
    [
        "",
        "9.8",
        "CVSS:3.1",
        "CVSS:3.1/AV:N",
        "CVSS:5.0/AV:N/AC:L",
        V31 + "/AV:L",
        V31.replace("AC:L", "AC:?"),
        V31 + "/" + "E:U/" * 1_000,
    ],
)
def test_what_is_no_vector_has_no_score(vector: str) -> None:
    assert score_of(vector) is None


@given(st.text(alphabet="CVSS:234.10/AVNLPHRUIX\0\n", max_size=80) | st.text(max_size=40))
@settings(max_examples=50)
def test_no_text_raises(vector: str) -> None:
    score = score_of(V31[:20] + vector)
    assert score is None or 0 <= score <= 10


def test_a_vector_is_believed_more_than_the_number_beside_it() -> None:
    assert scored(V31, 1.0) == (9.8, V31)
    assert scored("", 7.1) == (7.1, "")
    assert scored("nonsense", 7.1) == (7.1, "")
    assert scored("", 0.0) == (None, "")
    assert scored("", 11.0) == (None, "")
