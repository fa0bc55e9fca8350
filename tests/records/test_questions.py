"""What is asked of what stands open: what to mend first, where something is, what changed, as REST answers it."""

from datetime import timedelta

import msgspec
import pytest
from tests.factories import make_component
from tests.records.test_exposures import finding, scan
from tests.records.test_knowledge import epss, kev, vex
from tests.rest_world import rest_over

from vedette import clock
from vedette.fleet.places import settle_places
from vedette.records import exposures
from vedette.records.model import Presence, Scan, Severity, Subject, SubjectKind, VexStatus
from vedette.records.snapshots import apply
from vedette.records.store import Batch

DAY = timedelta(days=1)


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        yield rest


async def tell(rest, *records, at=None, kind="trivy"):
    now = at or clock.now()
    async with rest.pool.connection() as conn:
        await apply(conn, kind, [Batch(records, "c1", b"")], by="t", now=now)
        await exposures.run_once(conn, now=now)


async def names(rest, path):
    answer = await rest.get(path)
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()]


async def five_ranks(rest):
    await tell(
        rest,
        scan(
            finding("CVE-2026-5"),
            finding("CVE-2026-4", Severity.CRITICAL),
            finding("CVE-2026-3", Severity.LOW),
            finding("CVE-2026-1", Severity.LOW, fix=""),
            finding("CVE-2026-6", Severity.CRITICAL, fix=""),
        ),
        scan(finding("CVE-2026-2"), pods=(), digest="sha256:bb", name="quay.io/shop/old"),
        at=clock.now() - 2 * DAY,
    )
    await tell(rest, kev("CVE-2026-1", "CVE-2026-2"), epss(21, CVE_2026_3=0.97))


async def test_top_is_in_the_order_of_mending_and_says_why(rest):
    await five_ranks(rest)
    answer = (await rest.get("/api/v1/top", scopes=("records:read",))).json()
    assert [(row["rank"], row["name"]) for row in answer] == [
        (1, "CVE-2026-1"),
        (2, "CVE-2026-2"),
        (3, "CVE-2026-3"),
        (4, "CVE-2026-4"),
        (5, "CVE-2026-6"),
        (5, "CVE-2026-5"),
    ]
    first = answer[0]
    assert first["why"] == "exploited, and runs here"
    assert first["listed"][0]["catalog"] == "cisa"
    assert first["places"][0]["namespace"] == "shop"
    assert (answer[2]["percentile"], answer[2]["epss_of"]) == (0.97, "2026-11-21")
    assert answer[3]["fixes"] == [{"package": "openssl", "version": "1.0", "fixed_in": "1.1"}]
    assert await names(rest, "/api/v1/top?namespace=shop&limit=1") == ["CVE-2026-1"]


async def test_top_comes_in_pages_and_as_csv(rest):
    await five_ranks(rest)
    seen, path = [], "/api/v1/top?limit=2"
    while path:
        answer = await rest.get(path)
        seen += [row["rank"] for row in answer.json()]
        link = answer.headers.get("link", "")
        path = link.partition("<")[2].partition(">")[0]
    assert seen == [1, 2, 3, 4, 5, 5]
    text = (await rest.get("/api/v1/top?format=csv")).text
    assert text.splitlines()[1].startswith('1,"exploited, and runs here",CVE-2026-1')


async def test_top_of_a_place_is_what_stands_there_however_much_stands_before_it_elsewhere(rest):
    elsewhere = [finding(f"CVE-2030-{n}", Severity.CRITICAL) for n in range(120)]
    here = [finding(f"CVE-2026-{n}") for n in range(1, 8)]
    common = finding("CVE-2029-1", Severity.CRITICAL)
    cart = Presence("cart", pod="cart/p1")
    await tell(
        rest,
        scan(common, *here),
        Scan(
            "trivy",
            Subject(SubjectKind.IMAGE, "quay.io/shop/cart", "sha256:cc"),
            (common, *elsewhere),
            (cart,),
        ),
    )
    shop = ["CVE-2029-1", *(f"CVE-2026-{n}" for n in range(1, 8))]
    assert await names(rest, "/api/v1/top?namespace=shop") == shop
    assert await names(rest, "/api/v1/top?namespace=shop&limit=3") == shop[:3]
    assert await names(rest, "/api/v1/top?namespace=cart&limit=3") == [
        "CVE-2029-1",
        "CVE-2030-0",
        "CVE-2030-1",
    ]
    seen, path = [], "/api/v1/top?namespace=shop&limit=2"
    while path:
        answer = await rest.get(path)
        seen += [row["name"] for row in answer.json()]
        path = answer.headers.get("link", "").partition("<")[2].partition(">")[0]
    assert seen == shop


async def test_what_can_be_mended_in_one_place_need_not_be_in_another(rest):
    there = scan(finding("CVE-2026-1"), namespace="pay", digest="sha256:bb", name="quay.io/pay")
    await tell(rest, scan(finding("CVE-2026-1", fix="")), there)
    for place, fixable in (("shop", False), ("pay", True)):
        for asked in (False, True):
            query = f"namespace={place}&fixable={str(asked).lower()}"
            found = await names(rest, f"/api/v1/top?{query}")
            assert found == (["CVE-2026-1"] if asked is fixable else [])
    assert await names(rest, "/api/v1/top?fixable=true") == ["CVE-2026-1"]


async def test_not_listed_differs_from_not_loaded(rest):
    await tell(rest, scan(finding("CVE-2026-1")))
    (row,) = (await rest.get("/api/v1/top")).json()
    assert (row["exploited"], row["epss_of"], row["percentile"]) == (None, None, None)
    assert (await rest.get("/api/v1/find?name=CVE-2026-1")).json()["exploited"] is None
    await tell(rest, kev("CVE-2026-9"))
    (row,) = (await rest.get("/api/v1/top")).json()
    assert row["exploited"] is False
    (feed,) = (await rest.get("/api/v1/knowledge")).json()
    assert (feed["name"], feed["loaded_by"]) == ("kev:cisa", "t")


async def test_an_erratum_is_listed_where_one_of_its_cves_is_and_another_cve_is_not(rest):
    erratum = finding("RHSA-2026:1", names=("CVE-2026-1", "CVE-2026-2"))
    await tell(rest, scan(erratum, finding("CVE-2026-3")))
    await tell(rest, kev("CVE-2026-2"), epss(22, CVE_2026_1=0.96, CVE_2026_2=0.5))
    first, second = (await rest.get("/api/v1/top")).json()
    assert (first["name"], first["exploited"], second["exploited"]) == ("RHSA-2026:1", True, False)
    assert (first["listed"][0]["catalog"], first["percentile"]) == ("cisa", pytest.approx(0.96))
    assert await names(rest, "/api/v1/vulnerabilities?kev=true") == ["RHSA-2026:1"]
    assert await names(rest, "/api/v1/vulnerabilities?kev=false") == ["CVE-2026-3"]
    for path in ("vulnerabilities", "changes"):
        said = {row["name"]: row["exploited"] for row in (await rest.get(f"/api/v1/{path}")).json()}
        assert said == {"RHSA-2026:1": True, "CVE-2026-3": False}
    for name, is_listed in (("RHSA-2026:1", True), ("CVE-2026-1", False), ("CVE-2026-2", True)):
        assert (await rest.get(f"/api/v1/find?name={name}")).json()["exploited"] is is_listed


async def test_what_is_accepted_leaves_top_and_find_says_by_whom_and_until_when(rest):
    await tell(rest, scan(finding("CVE-2026-1")))
    until = (clock.now() + DAY).isoformat()
    wish = {"name": "CVE-2026-1", "decision": "accepted", "reason": "a proxy", "until": until}
    made = await rest.post("/api/v1/triage", wish, scopes=("records:write",))
    assert made.status_code == 201, made.text
    async with rest.pool.connection() as conn:
        await exposures.run_once(conn, now=clock.now())
    assert await names(rest, "/api/v1/top") == []
    assert await names(rest, "/api/v1/top?covered=true") == ["CVE-2026-1"]
    found = (await rest.get("/api/v1/find?name=CVE-2026-1")).json()
    assert found["places"][0]["covered"] is True
    decision = found["items"][0]["decision"]
    assert decision.startswith("accepted by token:test-")
    assert decision.endswith(f"until {until[:10]}: a proxy")
    assert await names(rest, "/api/v1/triage?name=CVE-2026-1") == ["CVE-2026-1"]
    number = made.json()["number"]
    gone = await rest.delete(f"/api/v1/triage/{number}", scopes=("records:write",))
    assert gone.status_code == 204
    assert await names(rest, "/api/v1/triage") == []
    assert await names(rest, "/api/v1/triage?state=ended") == ["CVE-2026-1"]


async def test_find_goes_by_any_name_and_says_where_since_when_and_where_it_was_mended(rest):
    begun = clock.now() - 3 * DAY
    ghsa = finding("GHSA-1", names=("CVE-2026-1",))
    host = scan(ghsa, kind=SubjectKind.HOST, name="web-1", digest="", pods=())
    await tell(rest, scan(ghsa, pods=("p1", "p2")), host, at=begun)
    await tell(rest, vex("doc-7", VexStatus.NOT_AFFECTED, products=("quay.io/shop/orders",)))
    for name in ("GHSA-1", "CVE-2026-1"):
        answer = (await rest.get(f"/api/v1/find?name={name}")).json()
        assert answer["names"] == ["CVE-2026-1"]
        assert answer["count"] == 2
        image, machine = answer["items"]
        assert image["places"] == [
            {
                "cluster": "c1",
                "namespace": "shop",
                "pods": ["shop/p1", "shop/p2"],
                "workloads": None,
                "services": [],
            }
        ]
        assert image["decision"] == "not_affected by vendor, document doc-7"
        assert (machine["subject"], machine["image"]) == ("host", "web-1")
    await tell(rest, scan(pods=("p1",)))
    fixed = (await rest.get("/api/v1/find?name=CVE-2026-1&state=fixed")).json()
    assert [row["image"] for row in fixed["items"]] == ["quay.io/shop/orders"]
    assert fixed["items"][0]["fixed_at"] is not None
    assert fixed["places"] == []


async def test_find_pages_through_what_it_found(rest):
    packages = [finding("CVE-2026-1", package=f"p{n}") for n in range(5)]
    await tell(rest, scan(*packages), scan(*packages, digest="sha256:bb"))
    seen, path = [], "/api/v1/find?name=CVE-2026-1&limit=3"
    while path:
        answer = await rest.get(path)
        assert answer.status_code == 200, answer.text
        seen += [(row["digest"], row["package"]) for row in answer.json()["items"]]
        path = answer.headers.get("link", "").partition("<")[2].partition(">")[0]
    assert len(seen) == len(set(seen)) == 10


async def test_a_score_is_told_as_it_was_found(rest):
    graded = msgspec.structs.replace(finding("CVE-2026-1"), score=9.8)
    await tell(rest, scan(graded))
    for path in ("vulnerabilities", "top"):
        (row,) = (await rest.get(f"/api/v1/{path}")).json()
        assert row["score"] == 9.8, path


async def test_a_name_may_be_typed_in_small_letters(rest):
    await tell(rest, scan(finding("CVE-2026-1"), finding("GHSA-aaaa-bbbb-cccc")))
    assert (await rest.get("/api/v1/find?name=cve-2026-1")).json()["name"] == "CVE-2026-1"
    assert (await rest.get("/api/v1/find?name=ghsa-AAAA-bbbb-cccc")).status_code == 200
    assert await names(rest, "/api/v1/vulnerabilities?name=cve-2026-1") == ["CVE-2026-1"]
    wish = {"name": "cve-2026-1", "decision": "false_positive", "reason": "not called"}
    assert (await rest.post("/api/v1/triage", wish)).json()["name"] == "CVE-2026-1"
    assert await names(rest, "/api/v1/triage?name=cve-2026-1") == ["CVE-2026-1"]
    asked = {"cve": "cve-2026-1"}
    assert (await rest.post("/api/v1/agents/beneath", asked)).status_code == 200


async def test_changes_say_what_came_went_and_became_graver(rest):
    now = clock.now()
    await tell(rest, scan(finding("CVE-2026-1"), finding("CVE-2026-2")), at=now - 30 * DAY)
    graver = finding("CVE-2026-1", Severity.CRITICAL)
    await tell(rest, scan(graver, finding("CVE-2026-3")), at=now - DAY)
    answer = (await rest.get("/api/v1/changes")).json()
    said = {(row["change"], row["name"], row["was"], row["severity"]) for row in answer}
    assert said == {
        ("new", "CVE-2026-3", None, "High"),
        ("fixed", "CVE-2026-2", None, "High"),
        ("severity", "CVE-2026-1", "High", "Critical"),
    }
    assert await names(rest, "/api/v1/changes?change=new&kind=trivy") == ["CVE-2026-3"]
    assert await names(rest, "/api/v1/changes?kind=grype") == []
    history = await rest.get("/api/v1/exposures/history?name=c1")
    assert {(row["severity"], row["opened"]) for row in history.json()} >= {("High", 2)}


UNKNOWN = (
    ("/api/v1/top?cluster=C1", "there is no cluster 'C1'", "did you mean 'c1'?"),
    ("/api/v1/top?namespace=shpo", "there is no namespace 'shpo'", "did you mean 'shop'?"),
    (
        "/api/v1/top?cluster=c1&namespace=mine",
        "there is no namespace 'mine' in c1",
        "known: shop, pay",
    ),
    (
        "/api/v1/top?cluster=d9&namespace=pay",
        "there is no namespace 'pay' in d9",
        "there is one in c1",
    ),
    ("/api/v1/top?service=chekcout", "there is no service 'chekcout'", "did you mean 'Checkout'?"),
    ("/api/v1/top?cluster=North", "there is no cluster 'North'", "known: prod-eu-north, c1, d9"),
    ("/api/v1/top?team=money", "there is no team 'money'", "none is known yet"),
    ("/api/v1/changes?cluster=zz", "there is no cluster 'zz'", "known: c1, d9, prod-eu-north"),
    (
        "/api/v1/vulnerabilities?cluster=c2",
        "there is no cluster 'c2'",
        "known: c1, d9, prod-eu-north",
    ),
    ("/api/v1/vulnerabilities?service=pay", "there is no service 'pay'", "known: Checkout"),
    (
        "/api/v1/vulnerabilities?image=quay.io/shop/carts",
        "nobody told us of an image 'quay.io/shop/carts'",
        "its whole name without a tag, as in quay.io/app-sre/centos, or its digest",
    ),
    ("/api/v1/validations?namespace=shpo", "there is no namespace 'shpo'", "did you mean 'shop'?"),
    (
        "/api/v1/validations/checks?cluster=zz",
        "there is no cluster 'zz'",
        "known: c1, d9, prod-eu-north",
    ),
    ("/api/v1/slo-values?cluster=zz", "there is no cluster 'zz'", "known: c1, d9, prod-eu-north"),
    ("/api/v1/objectives?service=zz", "there is no service 'zz'", "known: Checkout"),
    ("/api/v1/deployments?service=zz", "there is no service 'zz'", "known: Checkout"),
    ("/api/v1/dora?service=zz", "there is no service 'zz'", "known: Checkout"),
    ("/api/v1/dora?team=zz", "there is no team 'zz'", "none is known yet"),
    ("/api/v1/causes?service=zz", "there is no service 'zz'", "known: Checkout"),
    (
        "/api/v1/exposures/history?name=c2",
        "there is no cluster 'c2'",
        "known: c1, d9, prod-eu-north",
    ),
)
"""Questions that name what nobody knows; what is said, and the way out."""


async def test_what_nobody_knows_is_not_told_as_if_all_were_well(rest):
    await tell(
        rest, scan(finding("CVE-2026-1")), scan(namespace="pay", digest="sha256:bb", name="x")
    )
    async with rest.pool.connection() as conn:
        await make_component(conn, "Checkout")
        await settle_places(conn, [("d9", ""), ("prod-eu-north", "")])
    for path, said, hint in UNKNOWN:
        answer = await rest.get(path)
        problem = answer.json()
        assert answer.status_code == 404, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (problem["detail"], problem.get("hint")) == (said, hint), path
    assert (await rest.get("/api/v1/vulnerabilities?kind=tryvi")).status_code == 404
    assert (await rest.get("/api/v1/changes?kind=tryvi")).status_code == 404
    assert (await rest.get("/api/v1/exposures/history?scope=namespace&name=pay")).status_code == 400
    # Known, and nothing is found there.
    for path in (
        "top?cluster=d9",
        "top?service=Checkout",
        "vulnerabilities?namespace=pay",
        "changes?namespace=pay",
        "deployments?service=Checkout",
    ):
        assert (await rest.get(f"/api/v1/{path}")).json() == [], path


REFUSED = (
    ("/api/v1/find?name=CVE-none", 404),
    ("/api/v1/find?name=", 400),
    ("/api/v1/find", 400),
    ("/api/v1/top?cursor=x", 400),
    ("/api/v1/top?cursor=WzEsMiwwLjUsdHJ1ZSwiXHUwMDAwIl0", 400),
    (
        "/api/v1/find?name=CVE-2026-1&cursor=Wzk5OTk5OTk5OTk5LDEsMSwiMjAyNi0xMS0yMlQwMDowMDowMFoiXQ",
        400,
    ),
    ("/api/v1/changes?from=2026-11-22T00:00:00", 400),
    ("/api/v1/changes?change=worse", 400),
    ("/api/v1/exposures/history?name=nobody", 404),
    ("/api/v1/exposures/history?name=c1&from=2026-02-01&to=2026-01-01", 400),
    ("/api/v1/triage?cursor=x", 400),
    ("/api/v1/knowledge/notices?cursor=x", 400),
)
BODIES = (
    {},
    {"name": "CVE-1", "decision": "ignored", "reason": "x"},
    {"name": "CVE-1", "decision": "accepted", "reason": "x"},
    {"name": "CVE-1", "decision": "accepted", "reason": "x", "until": "2027-01-01T00:00:00"},
    {"name": "CVE-1", "decision": "not_affected", "reason": "\0"},
    {"name": "CVE-1", "decision": "not_affected", "reason": "x", "extra": 1},
    {"name": "CVE-1", "decision": "not_affected", "reason": "x", "package": "\0"},
)


async def test_what_cannot_be_asked_or_decided_is_refused(rest):
    await tell(rest, scan(finding("CVE-2026-1")))
    for path, code in REFUSED:
        answer = await rest.get(path)
        assert answer.status_code == code, (path, answer.text)
    for body in BODIES:
        answer = await rest.post("/api/v1/triage", body)
        assert answer.status_code == 400, (body, answer.text)
