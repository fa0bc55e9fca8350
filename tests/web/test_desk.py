"""The operators' pages: who may see them and what they show."""

import re
from datetime import timedelta

import pytest
from tests import factories as make
from tests.factories import NOON, at
from tests.web import world
from tests.web.browser import KEY, Browser, Clock, authenticate

from vedette.web.site import site

READER = "Bearer vdt_reader"


async def test_a_stranger_is_sent_to_sign_in_and_back(browser):
    sent = await browser.get("/targets/orders%20db?since=6h")
    assert sent.status == 303
    assert sent.headers["location"] == "/login?next=%2Ftargets%2Forders%2520db%3Fsince%3D6h"


async def test_a_token_of_the_right_scope_reads(browser):
    for token in ("vdt_reader", "vdt_admin"):
        assert (await browser.get("/targets", authorization=f"Bearer {token}")).status == 200


async def test_a_token_of_another_scope_or_nobodys_does_not(browser):
    for token, status in (("vdt_records", 403), ("vdt_stolen", 401), ("", 401)):
        refused = await browser.get("/targets", authorization=f"Bearer {token}")
        assert refused.status == status


async def test_a_program_without_a_token_is_told_to_bring_one(browser):
    for path in ("/targets", "/targets/orders-db"):
        refused = await browser.get(path, accept="application/json")
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == "Bearer"


async def test_targets_are_listed_the_gravest_first(owner_conn, browser):
    await make.make_target(owner_conn, "alpha", state="up")
    await make.make_target(owner_conn, "beta", state="down", reason="refused by 10.1.2.3")
    await make.make_target(owner_conn, "gamma")
    words = (await browser.get("/targets", authorization=READER)).words
    assert words.index("beta") < words.index("gamma") < words.index("alpha")
    assert "refused by 10.1.2.3" in words


async def test_a_target_shows_what_it_measures_who_sees_it_and_its_past(owner_conn, browser):
    await world.fill_target(owner_conn, now=NOON)
    page = await browser.get("/targets/orders-db", authorization=READER)
    assert page.status == 200
    for said in (
        "orders-db up",
        "Since 11:38 UTC, for 22 min.",
        "every 10 s, within 5 s",
        "PostgreSQL 18.1",
        "Client connections now open",
        "replica eu-2",
        "edge-frankfurt-2 Silent",
        "Down 11:31 UTC · for 7 min",
        "connection refused by 10.1.2.3:5432",
    ):
        assert said in page.words, said


async def test_each_measurement_has_a_chart_that_can_be_heard(owner_conn, browser):
    await world.fill_target(owner_conn, now=NOON)
    page = await browser.get("/targets/orders-db", authorization=READER)
    charts = [a["aria-label"] for tag, a in page.tags if tag == "svg" and a.get("role") == "img"]
    assert len(charts) == 8
    assert any("max connections. Over the last 1 h: least 200, greatest 200." in c for c in charts)


async def test_a_name_does_not_repeat_what_the_unit_says(owner_conn, browser):
    target_id = await make.make_target(owner_conn, "vm", state="up")
    agent_id = await make.make_agent(owner_conn)
    layout_id = await make.make_layout(
        owner_conn,
        ["read_bytes_per_s", "uptime_s", "load_per_cpu"],
        units=["bytes_per_second", "seconds", "ratio"],
    )
    await make.make_observation(
        owner_conn, target_id, agent_id, layout_id=layout_id, values=[2_048, 90, 0.5]
    )
    words = (await browser.get("/targets/vm", authorization=READER)).words
    for said in ("read bytes Now 2 KiB/s", "uptime Now 90 s", "load per cpu Now 50 %"):
        assert said in words


async def test_the_range_of_the_charts_is_chosen_by_a_link(owner_conn, browser):
    await world.fill_target(owner_conn, now=NOON)
    for since in ("1h", "6h", "24h"):
        page = await browser.get(f"/targets/orders-db?since={since}", authorization=READER)
        current = [a["href"] for tag, a in page.tags if a.get("aria-current") and tag == "a"]
        assert current == ["/targets", f"?since={since}"]


@pytest.mark.parametrize("since", ["", "2h", "-1h", "99999999d", "%FF", "1h&since=x"])
async def test_another_range_is_refused_with_what_there_is(owner_conn, browser, since):
    await make.make_target(owner_conn, "orders-db")
    refused = await browser.get(f"/targets/orders-db?since={since}", authorization=READER)
    assert refused.status == 400
    assert "one of 1h, 6h, 24h" in refused.words


async def test_a_target_without_a_report_says_so(owner_conn, browser):
    await make.make_target(owner_conn, "orders-db")
    words = (await browser.get("/targets/orders-db", authorization=READER)).words
    assert "orders-db unknown" in words
    assert "Nobody has looked at it yet." in words
    assert "No report has come yet." in words


async def test_a_report_without_answer_or_values_draws_what_there_is(owner_conn, browser):
    target_id = await make.make_target(owner_conn, "orders-db", state="down")
    agent_id = await make.make_agent(owner_conn)
    layout_id = await make.make_layout(owner_conn, ["connections", "lag"])
    await make.make_partition(owner_conn)
    for minute, values in ((50, []), (51, [float("nan"), float("inf")]), (52, [3.0, 4.0])):
        await make.make_report(
            owner_conn,
            target_id,
            agent_id,
            at=at(f"11:{minute}"),
            layout_id=layout_id,
            values=values,
            rtt_s=None,
        )
    await make.make_observation(
        owner_conn, target_id, agent_id, state="down", rtt_s=None, layout_id=layout_id
    )
    page = await browser.get("/targets/orders-db", authorization=READER)
    assert page.status == 200
    assert not re.search(r"\bnan\b", page.text.lower())
    assert "least 3, greatest 3" in page.text


async def test_what_a_target_itself_calls_rtt_is_charted_alone(owner_conn, browser):
    target_id = await make.make_target(owner_conn, "orders-db", state="up")
    agent_id = await make.make_agent(owner_conn)
    layout_id = await make.make_layout(owner_conn, ["rtt"], units=["seconds"])
    await make.make_partition(owner_conn)
    for minute, layout, values in ((50, layout_id, [3.0]), (51, 0, [])):
        await make.make_report(
            owner_conn,
            target_id,
            agent_id,
            at=at(f"11:{minute}"),
            layout_id=layout,
            values=values,
            rtt_s=0.25,
        )
    page = await browser.get("/targets/orders-db", authorization=READER)
    assert "least 3 s, greatest 3 s" in page.text


@pytest.mark.parametrize(
    "name", ["none", "..", "a" * 5_000, "%25", "';--", "%FF", "<b>", "orders-db\n"]
)
async def test_an_unknown_target_is_404_and_its_name_is_only_text(owner_conn, browser, name):
    await make.make_target(owner_conn, "orders-db")
    missing = await browser.get(f"/targets/{name}", authorization=READER)
    assert missing.status == 404
    assert "<b>" not in missing.text


async def test_a_name_with_a_slash_is_reached_by_its_slug(owner_conn, browser):
    await make.make_target(owner_conn, "shop/orders", state="up")
    page = await browser.get("/targets", authorization=READER)
    [link] = [
        a["href"] for _, a in page.tags if str(a.get("href", "")).startswith("/targets/shop-orders")
    ]
    assert "shop/orders up" in (await browser.get(link, authorization=READER)).words


async def test_charts_that_take_too_long_are_left_out(owner_conn, browser, monkeypatch):
    monkeypatch.setattr("vedette.web.desk.CHARTS_LIMIT_MS", 1)
    await make.make_partition(owner_conn)
    await owner_conn.execute(
        """
        INSERT INTO health.report
        SELECT '2026-11-21 11:30+00', 1, 1, 0, 0, 0, 0, array_fill(1.0::float8, ARRAY[50])
        FROM generate_series(1, 20000)"""
    )
    target_id = await make.make_target(owner_conn, "orders-db", state="up")
    await owner_conn.execute("UPDATE health.report SET target_id = %s", (target_id,))
    page = await browser.get("/targets/orders-db", authorization=READER)
    assert page.status == 200
    assert "Reading the charts took too long" in page.words


def form_key(page) -> str:
    """Return what the forms of this page carry."""
    [key, *_] = [a["value"] for tag, a in page.tags if a.get("name") == "form_key"]
    return key


async def sign_in(browser: Browser, token: str = "vdt_reader", **headers: str):
    return await browser.post("/sign-in", f"token={token}&next=/targets", **headers)


async def test_signing_in_opens_the_desk_to_that_browser(browser):
    signed = await sign_in(browser)
    assert (signed.status, signed.headers["location"]) == (303, "/targets")
    [cookie] = signed.cookies
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "vdt_" not in cookie
    assert (await browser.get("/targets")).status == 200


async def test_over_tls_the_cookie_is_bound_to_it_and_to_the_host(lender, clock):
    pages = site(lender, authenticate=authenticate, cookie_key=KEY, clock=clock).pages
    signed = await sign_in(Browser(pages, scheme="https"))
    assert signed.cookies[0].startswith("__Host-vedette=")
    assert "; Secure" in signed.cookies[0]


async def test_signing_out_closes_it(browser):
    await sign_in(browser)
    page = await browser.get("/targets")
    signed_out = await browser.post("/logout", f"form_key={form_key(page)}")
    assert (signed_out.status, signed_out.headers["location"]) == (303, "/")
    assert (await browser.get("/targets")).status == 303


async def test_a_form_of_another_session_changes_nothing_and_says_so(browser, lender, clock):
    await sign_in(browser)
    other = Browser(site(lender, authenticate=authenticate, cookie_key=KEY, clock=clock).pages)
    await sign_in(other, "vdt_admin")
    for key in ("", form_key(await other.get("/targets")), "é"):
        refused = await browser.post("/logout", f"form_key={key}")
        assert refused.status == 403
        assert "nothing was changed" in refused.words
    # A token that is none makes no program of a browser: its cookie still counts, and so does the key.
    assert (await browser.post("/logout", "", authorization="Bearer ")).status == 403
    assert (await browser.get("/targets")).status == 200


async def test_signing_out_is_a_form_not_a_link(browser):
    assert (await browser.get("/sign-out")).status == 405


async def test_a_wrong_token_and_one_of_another_scope_are_refused(browser):
    for token, said in (("vdt_stolen", "is not known here"), ("vdt_records", "lacks the scope")):
        refused = await sign_in(browser, token)
        assert (refused.status, refused.cookies) == (403, [])
        assert said in refused.words


async def test_a_session_ends_after_half_a_day(browser, clock: Clock):
    await sign_in(browser)
    clock.at += timedelta(hours=12)
    assert (await browser.get("/targets")).status == 303


async def test_a_revoked_token_ends_its_sessions(lender, clock):
    living = {"vdt_reader"}

    async def whose(secret):
        return await authenticate(secret) if secret in living else None

    browser = Browser(site(lender, authenticate=whose, cookie_key=KEY, clock=clock).pages)
    await sign_in(browser)
    assert (await browser.get("/targets")).status == 200
    living.clear()
    assert (await browser.get("/targets")).status == 303


@pytest.mark.parametrize(
    "cookie", ["x", "", "AAAA", "é", "=", "A" * 10_000, '"; HttpOnly', "\u0000"]
)
async def test_a_forged_cookie_opens_nothing(browser, cookie):
    browser.cookies = {"vedette": cookie}
    assert (await browser.get("/targets")).status == 303


async def test_a_cookie_of_another_house_opens_nothing(lender, browser, clock):
    other = Browser(
        site(lender, authenticate=authenticate, cookie_key=b"o" * 32, clock=clock).pages
    )
    await sign_in(other)
    browser.cookies = other.cookies
    assert (await browser.get("/targets")).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "", "origin": "https://evil.test"},
        {"sec_fetch_site": "", "origin": "null"},
        {"sec_fetch_site": ""},
    ],
)
async def test_a_form_of_another_site_signs_nobody_in_or_out(browser, headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    for path in ("/sign-in", "/sign-out"):
        refused = await browser.post(path, "token=vdt_reader", **headers)
        assert (refused.status, refused.cookies) == (403, [])


async def test_a_browser_that_says_only_its_origin_signs_in(browser):
    signed = await browser.post(
        "/sign-in", "token=vdt_reader", **{"sec-fetch-site": "", "origin": "http://status.test"}
    )
    assert signed.status == 303


@pytest.mark.parametrize(
    "where",
    ["//evil.test", "https://evil.test", "/\\evil.test", "/targetsx", "/targets/%0d%0aX:1\r\nX: 1"],
)
async def test_after_signing_in_nobody_is_sent_elsewhere(browser, where):
    signed = await browser.post("/sign-in", f"token=vdt_reader&next={where}")
    assert signed.headers["location"] == "/targets"


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("token=" + "x" * 9_000, "application/x-www-form-urlencoded"),
        ("&".join(f"f{n}=1" for n in range(50)), "application/x-www-form-urlencoded"),
        ('{"token": "vdt_reader"}', "application/json"),
    ],
)
async def test_what_is_no_form_is_refused(browser, form, kind):
    assert (await browser.post("/sign-in", form, **{"content-type": kind})).status == 400


async def test_bytes_that_are_no_text_are_only_a_wrong_token(browser):
    assert (await browser.post("/sign-in", "token=%FF%FE%00")).status == 403
