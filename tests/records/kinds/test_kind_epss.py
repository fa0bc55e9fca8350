"""FIRST's scores of a day."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.record_documents import assert_read_or_refused, fixture, read, recognised, refusal_of

from vedette.records.model import Probabilities

KIND = "epss"
COMMENT = "#model_version:v2026.06.15,score_date:2026-11-20T12:55:00Z"
HEADING = "cve,epss,percentile"
DAY = f"{COMMENT}\n{HEADING}\nCVE-2021-44228,0.94358,0.99957\nCVE-1999-0001,1e-05,0\n"


def only(value: str) -> Probabilities:
    [found] = read(KIND, value)
    assert isinstance(found, Probabilities)
    return found


def test_a_day_of_scores_has_its_model_and_its_date() -> None:
    found = only(DAY)
    assert (found.model_version, found.scored_on) == ("v2026.06.15", "2026-11-20")
    assert found.cves == ("CVE-2021-44228", "CVE-1999-0001")
    assert found.scores == (0.94358, 0.00001)
    assert found.percentiles == (0.99957, 0.0)
    assert recognised(DAY) == [KIND]


def test_without_the_comment_the_day_is_the_one_it_came_on() -> None:
    found = only(DAY.partition("\n")[2].replace("\n", "\r\n").rstrip())
    assert (found.model_version, found.scored_on) == ("", "2026-11-22")
    assert len(found.cves) == 2


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"cve": []}, "it is no CSV"),
        (COMMENT, "line 2 is not `cve,epss,percentile`"),
        ("cve,epss\n", "line 1 is not"),
        ("#model_version:v1,score_date:2026-02-30\n" + HEADING, "line 1 is not `#model_version"),
        (f"{COMMENT}\n{HEADING}\n", "it lists no scores"),
        (DAY + "CVE-2020-1234,0.5", "line 5 is not CVE,score,percentile: 'CVE-2020-1234,0.5'"),
        (DAY + "CVE-2020-1234,1.5,0.5", "line 5"),
        (DAY + "CVE-2020-1234,-0.5,0.5", "line 5"),
        (DAY + "CVE-2020-1234,nan,0.5", "line 5"),
        (DAY + "CVE-2020-1234,1_0,0.5", "line 5"),
        (DAY + "CVE-2020-1234,0.5,0.5,0.5", "line 5"),
        (DAY + "GHSA-1,0.5,0.5", "line 5"),
        (DAY + "CVE-2020-1234,٠,0.5", "line 5"),
        (DAY.replace("CVE-1999", "\nCVE-1999"), "line 4"),
        (DAY + "CVE-2021-44228,0.1,0.1", "CVE-2021-44228 stands twice"),
        (DAY + "x" * 1_000_000, "line 5"),
    ],
)
def test_what_is_not_right_is_refused_with_its_line(value: object, why: str) -> None:
    assert why in refusal_of(KIND, value)


@settings(max_examples=50)
@given(at=st.integers(0, len(DAY)), length=st.integers(0, 9), put=st.text(max_size=6))
def test_a_spoiled_file_is_read_or_refused(at: int, length: int, put: str) -> None:
    assert_read_or_refused(KIND, DAY[:at] + put + DAY[at + length :])


def test_a_real_files_columns() -> None:
    [document] = fixture("vuln/epss/epss_sample_derived_from_grype.csv")
    found = only(document.value)
    assert (found.model_version, found.scored_on) == ("v2025.03.14", "2025-07-20")
    assert (len(found.cves), len(found.scores), len(found.percentiles)) == (16, 16, 16)
    best = max(zip(found.scores, found.cves, found.percentiles, strict=True))
    assert best == (0.0719, "CVE-2022-28391", 0.91123)
