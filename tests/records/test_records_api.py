"""What is asked over REST of validations, SLO values, objectives, deployments, their measures and causes."""

from datetime import timedelta

import pytest
from tests.factories import make_component
from tests.rest_world import rest_over

from vedette import clock
from vedette.automation import causes_from_deployments
from vedette.records.model import Objective, SloValue, Validation, Validations
from vedette.records.snapshots import apply
from vedette.records.store import Batch
from vedette.rest.paging import encode_cursor

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
READ, WRITE, DESK = ("records:read",), ("records:write",), ("incidents:write",)
REPOSITORY = "https://git.example/shop/orders"


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as rest:
        yield rest


async def applied(rest, *records, cluster="c1", now=None):
    async with rest.pool.connection() as conn:
        await apply(conn, "t", [Batch(records, cluster)], by="t", now=now or clock.now())


async def listed(rest, path, **more):
    answer = await rest.get(path, **{"scopes": READ, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def slo_value(value=99.5, **rest):
    given = {"name": "uptime", "sli": "availability", "document": "d", "service": "Orders"}
    place = {"cluster": "c1", "namespace": "shop", "target": 99.0}
    return SloValue(value=value, **{**given, **place, **rest})


def deployed(app="Orders", reason="1", ago=MINUTE * 5, environment="prod", **commit):
    at = clock.now() - ago
    change = {
        "revision": reason.encode().hex().rjust(40, "0")[:40],
        "timestamp": (at - timedelta(hours=1)).isoformat(),
        "repo": REPOSITORY,
        "lttc": 3600,
        **commit,
    }
    return {
        "trigger_reason": f"https://git.example/{reason}",
        "finish_timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "app_name": app,
        "env_name": environment,
        "pipeline": "ci",
        "commits": [change],
    }


async def deploy(rest, *deployments):
    body = {"deployments": list(deployments)}
    answer = await rest.post("/api/v1/deployments", body, scopes=WRITE)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def incident(rest, *, ago=MINUTE, **given):
    body = {"title": "Orders fail", "impact": "outage", "components": ["orders@eu-de"]}
    body["starts_at"] = (clock.now() - ago).isoformat()
    answer = await rest.post("/api/v1/events", {**body, **given}, scopes=DESK)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def proposed(rest):
    async with rest.pool.connection() as conn:
        return await causes_from_deployments.run_once(conn, now=clock.now())


async def make_orders(rest):
    async with rest.pool.connection() as conn:
        await make_component(conn, "Orders", made_at=clock.now() - 10 * DAY)
        return (await (await conn.execute("SELECT slug FROM fleet.component")).fetchone())[0]


async def test_validations_are_found_by_whose_they_are_and_how_they_stand(rest):
    await applied(
        rest,
        slo_value(),
        Validations(
            "dvo",
            (
                Validation("replicas", "shop", "Deployment", "orders", passed=False),
                Validation("limits", "shop", "Deployment", "orders", passed=True),
                Validation("replicas", "bank", "Deployment", "=ledger", passed=False),
            ),
        ),
    )
    path = "/api/v1/validations"
    assert len(await listed(rest, path)) == 3
    (mine,) = await listed(rest, f"{path}?service=Orders&state=failing")
    assert (mine["namespace"], mine["name"], mine["check"]) == ("shop", "orders", "replicas")
    assert (mine["services"], mine["cluster"], mine["until"]) == (["Orders"], "c1", None)
    assert mine["looked_at"] == mine["since"]
    assert [one["failing"] for one in await listed(rest, f"{path}/checks")] == [2, 0]
    answer = await rest.get(f"{path}?format=csv&namespace=bank", scopes=READ)
    assert "'=ledger" in answer.text
    assert answer.headers["x-total-count"] == "1"


async def test_pages_of_validations_hold_each_once(rest):
    many = tuple(Validation("c", "n", "Pod", f"p{n}", passed=False) for n in range(5))
    await applied(rest, Validations("dvo", many))
    seen, path = [], "/api/v1/validations?limit=2"
    while path:
        answer = await rest.get(path, scopes=READ)
        seen += [one["name"] for one in answer.json()]
        link = answer.headers.get("link")
        path = link and link[1 : link.index(">")]
    assert sorted(seen) == [f"p{n}" for n in range(5)]


async def test_slo_values_are_served_as_history(rest):
    now = clock.now()
    for day in range(4):
        await applied(rest, slo_value(99.0 + day / 10), now=now - day * DAY)
    path = "/api/v1/slo-values"
    assert [one["value"] for one in await listed(rest, path)] == [99.0, 99.1, 99.2, 99.3]
    since = (now - 1.5 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(await listed(rest, f"{path}?from={since}&service=Orders&namespace=shop")) == 2


async def test_an_objective_says_what_is_left_and_how_fast_it_burns(rest):
    now = clock.now()
    objective = Objective("uptime", "Orders", "d", "openslo", 99.9, 30 * 86_400)
    await applied(rest, objective)
    for day in range(40):
        await applied(rest, slo_value(99.95), now=now - day * DAY)
    (one,) = await listed(rest, "/api/v1/objectives")
    own = next(each for each in one["budgets"] if each["period"] == "own")
    assert own["allowed_min"] == pytest.approx(43.2)
    assert own["lost_min"] == pytest.approx(21.6)
    assert own["consumed"] == pytest.approx(0.5)
    assert (one["burn"], one["source"], one["latest"]) == ("quiet", "openslo", 99.95)
    assert one["rules"][0] == {
        "asks": "page", "factor": 14.4, "long_s": 3600.0, "short_s": 300.0, "long": 0.5, "short": 0.5,
    }  # fmt: skip


async def test_values_without_a_document_state_an_objective_of_the_month(rest):
    await applied(rest, slo_value(50.0, target=90.0))
    await applied(rest, slo_value(name="whole", target=100.0))
    whole, one = sorted(await listed(rest, "/api/v1/objectives"), key=lambda each: each["burn"])
    assert (one["source"], one["calendar"], one["target"]) == ("", "month", 90.0)
    assert one["warnings"][0].startswith("the page rule over 1 h can never fire")
    assert (whole["burn"], whole["budgets"]) == ("", [])


async def test_the_availability_of_a_component_is_an_indicator(rest):
    slug = await make_orders(rest)
    over = (clock.now() - 2 * DAY + 36 * MINUTE).isoformat()
    await incident(rest, ago=2 * DAY, ends_at=over)
    labels = {"vedette-component": slug}
    await applied(rest, Objective("up", "Orders", "d", "openslo", 99.9, 30 * 86_400, labels=labels))
    (one,) = await listed(rest, "/api/v1/objectives")
    own = next(each for each in one["budgets"] if each["period"] == "own")
    assert one["component"] == slug
    assert own["lost_min"] == pytest.approx(36, abs=0.1)
    assert own["known_min"] == pytest.approx(10 * 1440, abs=1)
    assert one["burn"] == "quiet"


async def test_a_component_that_is_down_now_pages(rest):
    slug = await make_orders(rest)
    await incident(rest, ago=30 * MINUTE)
    labels = {"vedette-component": slug}
    await applied(rest, Objective("up", "Orders", "d", "openslo", 99.9, 30 * 86_400, labels=labels))
    (one,) = await listed(rest, "/api/v1/objectives")
    assert one["burn"] == "page"
    assert (
        "objectives.csv"
        in (await rest.get("/api/v1/objectives?format=csv", scopes=READ)).headers[
            "content-disposition"
        ]
    )


async def test_deployments_are_handed_in_once_and_listed_with_their_commits(rest):
    one = deployed(revision="a" * 40)
    entry = "app_name=Orders,env_name=prod,pipeline=ci,trigger_reason=https://git.example/1"
    assert await deploy(rest, one) == {"created": [entry], "duplicated": [], "error": []}
    assert await deploy(rest, one) == {"created": [], "duplicated": [entry], "error": []}
    (shown,) = await listed(rest, f"/api/v1/deployments?environment=prod&revision={'a' * 40}")
    assert (shown["app"], shown["commits"][0]["lead_s"]) == ("Orders", 3600)
    assert await listed(rest, "/api/v1/deployments?environment=stage") == []


NO_DEPLOYMENTS = (
    {},
    {"deployments": []},
    {"deployments": [{}]},
    {"deployments": [{**deployed(), "finish_timestamp": "2999-01-01T00:00:00Z"}]},
    {"deployments": [deployed(lttc=10**400)]},
    [],
    "x",
)


async def test_a_body_that_is_no_deployments_is_refused(rest):
    for body in NO_DEPLOYMENTS:
        answer = await rest.post("/api/v1/deployments", body, scopes=WRITE)
        assert answer.status_code in (400, 422), answer.text
    assert await listed(rest, "/api/v1/deployments") == []


async def test_a_deployment_before_an_incident_is_proposed_and_a_person_decides(rest):
    await make_orders(rest)
    await deploy(
        rest,
        deployed(reason="old", ago=DAY),
        deployed(reason="first", ago=40 * MINUTE),
        deployed(reason="last", ago=20 * MINUTE),
        deployed(app="Stock", reason="other", ago=5 * MINUTE),
        deployed(reason="after", ago=MINUTE),
    )
    number = await incident(rest, ago=10 * MINUTE)
    assert [await proposed(rest) for _ in range(2)] == [1, 0]
    (cause,) = await listed(rest, f"/api/v1/causes?incident={number}&state=proposed")
    assert cause["deployment"]["reason"] == "https://git.example/last"
    path = f"/api/v1/causes/{number}/{cause['deployment']['id']}"
    said = await rest.post(f"{path}/reject", scopes=DESK)
    assert (said.status_code, said.json()["state"]) == (200, "rejected")
    assert [await proposed(rest) for _ in range(2)] == [1, 0]
    (cause,) = await listed(rest, "/api/v1/causes?state=proposed&service=Orders")
    assert cause["deployment"]["reason"] == "https://git.example/first"
    other = f"/api/v1/causes/{number}/{cause['deployment']['id']}"
    said = await rest.post(f"{other}/confirm", scopes=DESK)
    assert said.json()["decided_by"].startswith("token:")
    assert (await rest.post(f"{path}/confirm", scopes=DESK)).status_code == 409
    assert (await rest.post(f"{other}/reject", scopes=DESK)).status_code == 200
    assert await proposed(rest) == 0
    table = (await rest.get("/api/v1/causes?format=csv", scopes=READ)).text.splitlines()
    assert table[0].startswith("incident,title,starts_at,ends_at,deployment,app,environment,")
    assert [line.split(",")[4] for line in table[1:]] == [
        str(row["deployment"]["id"]) for row in await listed(rest, "/api/v1/causes")
    ]


async def test_deciding_of_what_there_is_not_is_answered_so(rest):
    await make_orders(rest)
    number = await incident(rest)
    for path in (
        "99/1/confirm",
        f"{number}/99/reject",
        f"{number}/0/reject",
        f"{10**20}/1/confirm",
    ):
        answer = await rest.post(f"/api/v1/causes/{path}", scopes=DESK)
        assert answer.status_code in (400, 404), answer.text
    assert (await rest.post(f"/api/v1/causes/{number}/1/confirm", scopes=WRITE)).status_code == 403


async def test_causes_of_drafts_are_for_those_who_write_incidents(rest):
    await make_orders(rest)
    await deploy(rest, deployed())
    await incident(rest, draft=True)
    assert await proposed(rest) == 1
    assert await listed(rest, "/api/v1/causes") == []
    assert len(await listed(rest, "/api/v1/causes", scopes=(*READ, *DESK))) == 1


async def test_all_five_measures_of_delivery(rest):
    await make_orders(rest)
    await deploy(
        rest,
        deployed(reason="good", ago=3 * DAY),
        deployed(reason="bad", ago=60 * MINUTE),
        deployed(reason="mend", ago=30 * MINUTE),
        deployed(reason="stage", ago=30 * MINUTE, environment="stage"),
    )
    over = (clock.now() - 20 * MINUTE).isoformat()
    number = await incident(rest, ago=50 * MINUTE, ends_at=over)
    bad = next(
        one for one in await listed(rest, "/api/v1/deployments") if one["reason"].endswith("bad")
    )
    await rest.post(f"/api/v1/causes/{number}/{bad['id']}/confirm", scopes=DESK)
    prod, stage = await listed(rest, "/api/v1/dora?service=Orders&trend=month")
    measures = prod["measures"]
    assert (prod["service"], prod["environment"]) == ("Orders", "prod")
    assert (measures["deployments"], measures["per_day"]) == (3, 0.1)
    assert measures["lead_time"] == {"count": 3, "median_s": 3600.0, "p90_s": 3600.0}
    assert measures["fail_rate"] == measures["rework_rate"] == pytest.approx(1 / 3, abs=1e-6)
    assert measures["recovery"]["median_s"] == pytest.approx(1800, abs=1)
    assert sum(month["deployments"] for month in prod["trend"]) == 3
    assert (stage["measures"]["fail_rate"], stage["measures"]["recovery"]) == (0, None)


async def test_a_commit_that_went_out_before_counts_once(rest):
    same = {"revision": "b" * 40}
    await deploy(rest, deployed(reason="a", ago=2 * DAY, **same), deployed(reason="b", **same))
    since = (clock.now() - DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    (line,) = await listed(rest, f"/api/v1/dora?from={since}&by=environment")
    assert (line["service"], line["measures"]["lead_time"]) == ("", None)


NO_QUESTIONS = (
    "dora?from=2026-01-01T00:00:00",
    "dora?to=0001-01-01T00:00:00Z",
    "dora?to=9999-12-31T00:00:00Z&trend=month",
    "dora?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
    "dora?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    "dora?trend=decade",
    "slo-values?from=tomorrow",
    "slo-values?cursor=AAAA",
    "validations?state=sad",
    "validations?format=xml",
    "validations?chek=x",
    "objectives?cursor=W10",
    "validations?name=%00",
    "objectives?service=a%00",
    f"objectives?cursor={encode_cursor(chr(0) * 3)}",
    f"objectives?cursor={encode_cursor([chr(0), 'a', 1])}",
    f"objectives?cursor={encode_cursor(['a', 'a', 2**31])}",
    f"pods?cursor={encode_cursor([chr(0), 'a', 'b'])}",
    f"validations?cursor={encode_cursor([1, 2])}",
    f"validations?cursor={encode_cursor(['2026-11-22T00:00:00', 2])}",
    f"deployments?cursor={encode_cursor(['2026-11-22T00:00:00Z', 2**63])}",
    f"slo-values?cursor={encode_cursor(['2026-11-22T00:00:00', 2])}",
    f"causes?cursor={encode_cursor(['2026-11-22T00:00:00Z', 2**31, 1])}",
    "causes?incident=99999999999999999999",
    "deployments?limit=0",
)


async def test_a_question_that_is_none_is_refused(rest):
    for query in NO_QUESTIONS:
        answer = await rest.get(f"/api/v1/{query}", scopes=READ)
        assert answer.status_code == 400, (query, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_an_objective_of_a_component_agrees_with_its_availability(rest):
    slug = await make_orders(rest)
    now = clock.now()
    for hours, minutes, impact in ((70, 60, "outage"), (40, 300, "major"), (38, 90, "outage")):
        begins = now - timedelta(hours=hours)
        over = (begins + minutes * MINUTE).isoformat()
        await incident(rest, ago=now - begins, ends_at=over, impact=impact)
    labels = {"vedette-component": slug}
    await applied(rest, Objective("up", "Orders", "d", "openslo", 99.0, 30 * 86_400, labels=labels))
    (one,) = await listed(rest, "/api/v1/objectives")
    month = next(each for each in one["budgets"] if each["period"] == "month")
    (item,) = (await rest.get(f"/api/v1/availability?component={slug}&months=1")).json()["items"]
    (told,) = item["months"]
    assert told["lost_s"] == pytest.approx(month["lost_min"] * 60, abs=1)
    assert float(told["percent"]) == pytest.approx(month["attained"], abs=0.001)
