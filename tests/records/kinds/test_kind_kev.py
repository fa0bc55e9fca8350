"""Catalogues of vulnerabilities that are known to be exploited."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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

from vedette.records.model import Exploited, ExploitedList

KIND = "kev"
AMERICAN: dict[str, Any] = {
    "title": "Catalogue",
    "catalogVersion": "2026.11.20",
    "dateReleased": "2026-11-20T15:00:00.0000Z",
    "count": 2,
    "vulnerabilities": [
        {
            "cveID": "CVE-2026-11111",
            "vendorProject": "Acme",
            "product": "Gate",
            "vulnerabilityName": "Acme Gate Path Traversal",
            "dateAdded": "2026-11-20",
            "shortDescription": "Files can be read.",
            "requiredAction": "Mend it.",
            "dueDate": "2026-12-11",
            "knownRansomwareCampaignUse": "Known",
            "notes": "https://acme.example/1",
            "cwes": ["CWE-22"],
        },
        {
            "cveID": "CVE-2025-22222",
            "vendorProject": "Acme",
            "product": "Wall",
            "vulnerabilityName": "Acme Wall",
            "dateAdded": "2026-11-01",
            "shortDescription": "It falls.",
            "requiredAction": "Mend it.",
            "dueDate": "2026-11-22",
            "knownRansomwareCampaignUse": "Unknown",
        },
    ],
}
EUROPEAN: list[dict[str, Any]] = [
    {
        "cveID": "CVE-2026-33333",
        "euvdID": "EUVD-2026-1234",
        "vendorProject": "Acme",
        "product": "Gate",
        "dateReported": "2026/11/19",
        "patchedSince": "2026/11/02",
        "originSource": "CNW",
        "shortDescription": "Files can be written.",
        "exploitationType": ["APT", "ransomware"],
        "cwes": ["CWE-22"],
    },
    {
        "cveID": "CVE-2026-44444",
        "euvdID": "EUVD-2026-1235",
        "vendorProject": "Acme",
        "product": "Wall",
        "vulnerabilityName": "Falling Wall",
        "dateReported": "2026/11/03",
        "originSource": "ENISA",
        "shortDescription": "It falls.",
        "exploitationType": "unknown",
    },
]


def only(value: Any) -> ExploitedList:
    [found] = read(KIND, value)
    assert isinstance(found, ExploitedList)
    return found


def test_cisas_catalogue_is_read_with_its_version_and_day() -> None:
    found = only(AMERICAN)
    assert (found.catalog, found.version) == ("cisa", "2026.11.20")
    assert found.released_at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert found.entries[0] == Exploited(
        "CVE-2026-11111",
        added_on="2026-11-20",
        due_on="2026-12-11",
        ransomware=True,
        vendor="Acme",
        product="Gate",
        title="Acme Gate Path Traversal",
        action="Mend it.",
        notes="https://acme.example/1",
    )
    assert not found.entries[1].ransomware
    assert recognised(AMERICAN) == [KIND]


def test_enisas_list_is_read_and_its_newest_day_is_its_version() -> None:
    found = only(EUROPEAN)
    assert (found.catalog, found.version, found.released_at) == ("enisa", "2026-11-19", None)
    assert [(e.cve, e.added_on, e.ransomware, e.title) for e in found.entries] == [
        ("CVE-2026-33333", "2026-11-19", True, "Files can be written."),
        ("CVE-2026-44444", "2026-11-03", False, "Falling Wall"),
    ]
    assert recognised(EUROPEAN) == [KIND]


def test_a_cve_that_is_listed_again_has_been_exploited_since_the_first_time() -> None:
    again = EUROPEAN[0] | {"dateReported": "2025/01/02"}
    assert [e.added_on for e in only([*EUROPEAN, again]).entries] == ["2025-01-02", "2026-11-03"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (spoilt(AMERICAN, ("count",), 3), "it counts 3 vulnerabilities and lists 2"),
        (spoilt(AMERICAN, ("vulnerabilities", 1)), "it counts 2 vulnerabilities and lists 1"),
        (AMERICAN | {"vulnerabilities": [], "count": 0}, "it lists no vulnerabilities"),
        (spoilt(AMERICAN, ("vulnerabilities", 0, "cveID"), "x"), "$.vulnerabilities[0].cveID"),
        (
            spoilt(AMERICAN, ("vulnerabilities", 0, "dateAdded"), "2026-02-30"),
            "CVE-2026-11111: '2026-02-30' is no day",
        ),
        (spoilt(EUROPEAN, (0, "dateReported")), "CVE-2026-33333: '' is no day"),
        (spoilt(EUROPEAN, (1, "euvdID")), "something else than ENISA's"),
        ([], "it lists no vulnerabilities"),
        ({}, "it is no catalogue"),
        ("cve", "it is no catalogue"),
    ],
)
def test_what_is_cut_off_or_no_catalogue_is_refused(value: Any, why: str) -> None:
    assert why in refusal_of(KIND, value)


@pytest.mark.parametrize("whole", [AMERICAN, EUROPEAN])
@settings(max_examples=40)
@given(data=st.data())
def test_a_spoiled_catalogue_is_read_or_refused(whole: Any, data: st.DataObject) -> None:
    assert_read_or_refused(KIND, data.draw(spoiled(whole)))


@pytest.mark.parametrize("whole", [AMERICAN, EUROPEAN])
def test_a_wrong_type_anywhere_is_read_or_refused(whole: Any) -> None:
    for place in places_of(whole):
        for odd in (..., None, 7, "x", [1], {"a": []}):
            assert_read_or_refused(KIND, spoilt(whole, place, odd))


def test_cisas_real_catalogue() -> None:
    [document] = fixture("vuln/kev/known_exploited_vulnerabilities.json")
    found = only(document.value)
    assert (found.version, len(found.entries)) == ("2025.08.25", 1404)
    by_cve = {entry.cve: entry for entry in found.entries}
    log4shell = by_cve["CVE-2021-44228"]
    assert (log4shell.added_on, log4shell.due_on, log4shell.ransomware) == (
        "2021-12-10",
        "2021-12-24",
        True,
    )


def test_the_catalogues_schema_is_no_catalogue() -> None:
    [document] = fixture("vuln/kev/known_exploited_vulnerabilities_schema.json")
    assert recognised(document.value) == []
    assert "no catalogue" in refusal_of(KIND, document.value)
