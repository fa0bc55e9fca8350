"""Pages of services, images and vulnerabilities: what they say, to whom, and what a form of theirs does."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from tests.factories import NOON, make_service
from tests.records_world import SERVICE, SLUG, fill_service
from tests.web.browser import KEY, Browser, Holder

from vedette.app.service_measures import measures_of
from vedette.incidents.availability_rules import Reporting
from vedette.records.model import (
    Advisory,
    Finding,
    Package,
    Presence,
    Scan,
    Severity,
    SloValue,
    Subject,
    SubjectKind,
)
from vedette.records.snapshots import apply
from vedette.records.store import Batch
from vedette.web.site import site

KEV, QUIET, STATED = "CVE-2023-44487", "CVE-2005-2541", "CVE-2023-2650"
HOSTILE = "<script>alert(1)</script>"
PATHS = ("/services", f"/services/{SLUG}", f"/advisories/{KEV}", "/images/1", "/find?name=x")


async def known(secret):
    scopes = {
        "vdt_reader": {"read", "records:read"},
        "vdt_desk": {"read", "incidents:write"},
        "vdt_triage": {"read", "records:write"},
        "vdt_reporter": {"component_status"},
    }
    return Holder(f"token:{secret[4:]}", frozenset(scopes[secret])) if secret in scopes else None


@pytest.fixture
def browser(lender, clock):
    clock.at = NOON
    measures = measures_of(Reporting)
    pages = site(lender, authenticate=known, cookie_key=KEY, clock=clock, measures=measures)
    return Browser(pages.pages)


def bearer(name="reader"):
    return {"authorization": f"Bearer vdt_{name}"}


@pytest.fixture
async def world(owner_conn):
    await fill_service(owner_conn, now=NOON)


@pytest.fixture
def statements(owner_conn, monkeypatch):
    """How many statements were sent since."""
    sent = []
    execute = type(owner_conn).cursor

    def cursor(self, *args, **kwargs):
        sent.append(args)
        return execute(self, *args, **kwargs)

    monkeypatch.setattr(type(owner_conn), "cursor", cursor)
    return sent


async def test_a_service_stands_on_one_page(browser, world, statements):
    page = await browser.get(f"/services/{SLUG}", **bearer())
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    words = page.words
    for said in (
        f"{SERVICE} down",
        "exploited, and it runs here",
        "likely to be exploited (EPSS 99.2 %)",
        "Nobody can pay",
        "availability steady 99.9 %",
        "Did it cause incident",
        "production",
        "of 3",
        "registry.demo.invalid/checkout/api",
    ):
        assert said in words, said
    assert words.index("exploited, and it runs here") < words.index("likely to be exploited")
    assert len(statements) <= 12


async def test_services_are_listed_in_the_order_that_is_asked_for(browser, world, owner_conn):
    await make_service(owner_conn, "Archive")
    listed = await browser.get("/services", **bearer())
    assert listed.words.index("Archive") < listed.words.index(SERVICE)
    for sort in ("state", "vulnerabilities", "slos", "deployment"):
        words = (await browser.get(f"/services?sort={sort}", **bearer())).words
        assert words.index(SERVICE) < words.index("Archive"), sort
    assert "3 are exploited" in listed.words
    narrowed = await browser.get("/services?words=arch", **bearer())
    assert SERVICE not in narrowed.words


@pytest.mark.parametrize("query", ["sort=colour", "page=0", "words=%00", "words=" + "x" * 201])
async def test_what_no_list_can_answer_is_refused(browser, query):
    assert (await browser.get(f"/services?{query}", **bearer())).status == 400


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_of_records_is_for_those_who_may_read(browser, path):
    assert (await browser.get(path)).status == 303
    assert (await browser.get(path, accept="application/json")).status == 401
    assert (await browser.get(path, **bearer("reporter"))).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/services/none",
        "/images/sha256:none",
        "/images/99999999999999999999",
        "/advisories/CVE-0000-0000",
        "/advisories/" + "x" * 600,
    ],
)
async def test_what_nobody_knows_is_missing(browser, path):
    assert (await browser.get(path, **bearer())).status == 404


async def test_a_service_of_which_nothing_is_known_says_so(browser, owner_conn):
    await make_service(owner_conn, "Quiet")
    words = (await browser.get("/services/quiet", **bearer())).words
    for said in (
        "Without a namespace nothing is known",
        "Neither KEV nor EPSS was loaded",
        "No objective of it is known",
        "Nobody has checked its workloads",
    ):
        assert said in words


async def test_objectives_of_one_name_are_told_apart_by_their_place(browser, owner_conn):
    values = [
        SloValue(name, "availability", "doc", "Quiet", "c1", namespace, 99.95, 99.9)
        for name, namespace in (("uptime", "east"), ("uptime", "west"), ("speed", "east"))
    ]
    earlier = NOON - timedelta(hours=9)
    await apply(owner_conn, "serviceslometrics", [Batch(tuple(values))], by="t", now=earlier)
    words = (await browser.get("/services/quiet", **bearer())).words
    assert "uptime c1/east steady 99.9 %" in words
    assert "uptime c1/west steady 99.9 %" in words
    assert "speed steady 99.9 %" in words


async def test_an_image_says_where_it_runs_and_who_looked(browser, world, owner_conn, statements):
    found = await owner_conn.execute(
        "SELECT digest FROM records.subject WHERE name LIKE '%%/checkout/api'"
    )
    (digest,) = await found.fetchone()
    statements.clear()
    page = await browser.get(f"/images/{digest}", **bearer())
    assert len(statements) <= 5
    for said in (digest, "quay-cso", "demo-north/checkout", SERVICE, "0.17.0", "exploited"):
        assert said in page.words, said


async def test_a_vulnerability_says_what_others_know_of_it(browser, world, owner_conn, statements):
    words = (await browser.get(f"/advisories/{KEV}", **bearer())).words
    assert len(statements) <= 8
    assert "listed by demo since 2023-10-10" in words
    assert "more than 42 % of all model v2026.03.16" in words
    assert (await browser.get(f"/advisories/{KEV.lower()}", **bearer())).words == words
    quiet = (await browser.get(f"/advisories/{QUIET}", **bearer())).words
    assert "Exploited (KEV) not listed" in quiet
    stated = (await browser.get(f"/advisories/{STATED}", **bearer())).words
    assert "No identifiers of strangers are parsed here" in stated
    assert "decided, or stated not to matter" in stated
    await owner_conn.execute("DELETE FROM records.kev")
    await owner_conn.execute("DELETE FROM records.epss")
    await owner_conn.execute("DELETE FROM records.feed")
    bare = (await browser.get(f"/advisories/{QUIET}", **bearer())).words
    assert "Exploited (KEV) not loaded EPSS not loaded" in bare


async def decided(browser, form, *, who="triage", name=KEV, **headers):
    return await browser.post(f"/advisories/{name}", urlencode(form), **bearer(who), **headers)


async def test_what_is_known_of_a_cve_is_not_of_the_others_that_an_erratum_addresses(
    browser, world, owner_conn
):
    erratum = Advisory("RHSA-2026:1", names=("CVE-2026-7", KEV, STATED))
    found = Finding(Package("nghttp2", "1.0"), erratum, Severity.HIGH, "High")
    presences = (Presence("shop", pod="shop/p1"),)
    looked = Scan(
        "trivy", Subject(SubjectKind.IMAGE, "quay.io/e", "sha256:ee"), (found,), presences
    )
    await apply(owner_conn, "trivy", [Batch((looked,), "c1")], by="t", now=NOON)
    for name, is_listed in (("CVE-2026-7", False), (KEV, True), ("RHSA-2026:1", True)):
        words = (await browser.get(f"/advisories/{name}", **bearer())).words
        assert ("listed by demo" in words, "not listed" in words) == (is_listed, not is_listed)
        assert ("Example Suppliers" in words) == (name == "RHSA-2026:1")


async def test_a_risk_is_accepted_until_a_day_and_taken_back(browser, world, owner_conn):
    assert "What is decided" not in (await browser.get(f"/advisories/{KEV}", **bearer())).words
    form = {
        "form": "decide",
        "decision": "accepted",
        "where": f"service:{SERVICE}",
        "until": "2026-12-24",
        "reason": "The load balancer caps streams.",
    }
    answer = await decided(browser, form)
    assert (answer.status, answer.headers["location"]) == (303, f"/advisories/{KEV}#decided")
    page = await browser.get(f"/advisories/{KEV}", **bearer("triage"))
    assert f"Risk accepted ({SERVICE}) until 25 Dec" in page.words
    assert "The load balancer caps streams." in page.words
    found = await owner_conn.execute("SELECT id FROM records.triage")
    (number,) = await found.fetchone()
    answer = await decided(browser, {"form": "take_back", "number": number})
    assert answer.status == 303
    page = await browser.get(f"/advisories/{KEV}", **bearer("triage"))
    assert "taken back by token:triage" in page.words


REFUSED = (
    ({"until": ""}, "accepting a risk has an end"),
    ({"until": "soon"}, "is no day"),
    ({"until": "9999-12-31"}, ""),
    ({"reason": " "}, "say why"),
    ({"decision": "perhaps"}, "choose what is decided"),
    ({"where": "service:None"}, "there is no service 'None'"),
    ({"where": "namespace:x:y"}, "there is no cluster 'x'"),
    ({"where": "service:\0"}, ""),
    ({"form": "other"}, "this page has no such form"),
    ({"form": "take_back", "number": "7"}, "there is no decision 7"),
    ({"form": "take_back", "number": "x"}, "is no number of ours"),
)
"""What is wrong with a decision, and what is said of it."""


async def test_a_decision_that_cannot_be_taken_comes_back_with_its_reason(browser, world):
    form = {"form": "decide", "decision": "accepted", "where": "", "until": "2026-12-24"}
    for change, said in REFUSED:
        answer = await decided(browser, {**form, "reason": "because of <b>", **change})
        assert 400 <= answer.status < 500, change
        assert said in answer.words, change
        assert "because of <b>" in answer.words or change.keys() & {"reason", "form"}


async def test_deciding_asks_for_the_right_scope_and_a_form_of_ours(browser, world):
    form = {"form": "decide", "decision": "false_positive", "reason": "no"}
    assert (await decided(browser, form, who="reader")).status == 403
    browser.cookies = {}
    answer = await browser.post(f"/advisories/{KEV}", urlencode(form), sec_fetch_site="cross-site")
    assert answer.status in (303, 401, 403)


async def test_a_person_says_whether_a_deployment_caused_an_incident(browser, world, owner_conn):
    found = await owner_conn.execute("SELECT incident_id, deployment_id FROM records.cause")
    incident, deployment = await found.fetchone()
    path = f"/services/{SLUG}"
    form = urlencode({"incident": incident, "deployment": deployment, "do": "confirm"})
    assert "It did not" not in (await browser.get(path, **bearer())).words
    assert "It did not" in (await browser.get(path, **bearer("desk"))).words
    assert (await browser.post(path, form, **bearer())).status == 403
    assert (await browser.post(path, form, **bearer("desk"))).status == 303
    assert f"It caused incident {incident}" in (await browser.get(path, **bearer())).words
    for wrong in ("do=confirm&incident=x&deployment=1", "do=&incident=1&deployment=1"):
        assert (await browser.post(path, wrong, **bearer("desk"))).status == 400
    other = urlencode({"incident": 999_999, "deployment": deployment, "do": "reject"})
    assert (await browser.post(path, other, **bearer("desk"))).status == 404


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("cve-2021-44228", "/advisories/CVE-2021-44228"),
        (SERVICE.upper(), f"/services/{SLUG}"),
        ("registry.demo.invalid/checkout/web", "/images/sha256%3A"),
    ],
)
async def test_what_is_called_so_is_found(browser, world, name, where):
    answer = await browser.get("/find?" + urlencode({"name": name}), **bearer())
    assert answer.status == 303
    assert answer.headers["location"].startswith(where)


async def test_what_nothing_is_called_is_told_so(browser, world):
    for name in ("nothing", "%", "'", "\N{SNOWMAN}"):
        answer = await browser.get("/find?" + urlencode({"name": name}), **bearer())
        assert "Nothing is called so" in answer.words
    assert (await browser.get("/find?name=%00", **bearer())).status == 400


async def test_what_scanners_write_stays_text(browser, owner_conn):
    advisory = Advisory(
        HOSTILE,
        title=HOSTILE,
        description=f"[x](javascript:alert(1)) {HOSTILE}",
        links=("javascript:alert(1)", "https://example.com/?a=%22><b>"),
    )
    finding = Finding(Package(HOSTILE, HOSTILE), advisory, Severity.HIGH, HOSTILE, (HOSTILE,))
    scan = Scan(
        HOSTILE,
        Subject("image", HOSTILE, "", HOSTILE),
        (finding,),
        (Presence("shop", pod=HOSTILE),),
    )
    await apply(owner_conn, "test", [Batch((scan,), HOSTILE)], by="t", now=NOON - timedelta(days=1))
    found = await owner_conn.execute("SELECT id FROM records.subject")
    (number,) = await found.fetchone()
    for path in (
        f"/images/{number}",
        "/advisories/" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/find",
    ):
        page = await browser.get(path, **bearer())
        assert "script" not in [name for name, _ in page.tags]
        hrefs = [given.get("href") or "" for _, given in page.tags]
        assert not [href for href in hrefs if href.startswith("javascript")]
