"""Signing in at a real provider, with an account and from the command line; and out again."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
from tests.web.browser import KEY, Browser
from tests.web.test_desk import form_key

from vedette import clock
from vedette.access.handover import challenge_of
from vedette.access.local_accounts import create_account, disable_account
from vedette.access.model import Role
from vedette.access.openid import Provider
from vedette.access.openid_options import OpenId
from vedette.access.passwords import hash_password
from vedette.access.sessions import whose
from vedette.access.tokens import create_token
from vedette.web.login import SignIn
from vedette.web.site import site

PEPPER = b"p" * 32
PASSWORD = "a horse that counts to nine"
HASH = hash_password(PASSWORD)

# The provider runs in a thread of this process, and its own libraries warn about each other.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class House:
    """The pages of one server, and browsers on them."""

    def __init__(self, lender, conn, provider):
        self.conn, self.lender = conn, lender
        self.provider = provider

    async def whose(self, secret):
        return await whose(self.conn, secret, pepper=PEPPER, now=clock.now())

    def browser(self, **more):
        pages = site(
            self.lender,
            authenticate=self.whose,
            cookie_key=KEY,
            sign_in=SignIn(PEPPER, self.provider),
        ).pages
        return Browser(pages, **more)


def house_of(lender, conn, issuer, **changed):
    options = {
        "issuer": issuer,
        "client_id": "vedette",
        "roles": {Role.OPERATOR: ("sre",)},
        "base_url": "https://status.example",
        **changed,
    }
    return House(lender, conn, Provider(OpenId(**options)))


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "client.secret"
    path.write_text("a secret between us")
    return path


@pytest.fixture
def house(lender, owner_conn, issuer, secret_file):
    return house_of(lender, owner_conn, issuer, client_secret_file=secret_file)


def at_the_provider(where, subject="u-ada", action="authorize"):
    """Do what a person does there, and return where it sends them back."""
    sent = httpx.post(where, data={"sub": subject, "action": action})
    assert sent.status_code == 302, sent.text
    return sent.headers["location"].removeprefix("https://status.example")


def shown_at_the_provider(where):
    answer = httpx.get(where)
    assert answer.status_code == 200, answer.text
    return answer.text


async def to_the_provider(browser, where="/targets"):
    begun = await browser.get(f"/login/openid?next={quote(where)}")
    assert begun.status == 303
    return begun.headers["location"]


async def sign_in(browser, subject="u-ada", where="/targets"):
    back = at_the_provider(await to_the_provider(browser, where), subject)
    return await browser.get(back)


async def test_a_person_signs_in_at_the_provider_and_comes_back_to_where_they_were(house):
    browser = house.browser()
    asked = await browser.get("/targets?state=up")
    assert asked.headers["location"] == "/login?next=%2Ftargets%3Fstate%3Dup"
    page = await browser.get(asked.headers["location"])
    [way_in] = [
        str(a["href"]) for _, a in page.tags if str(a.get("href", "")).startswith("/login/openid")
    ]
    begun = await browser.get(way_in)
    back = await browser.get(at_the_provider(begun.headers["location"]))
    assert (back.status, back.headers["location"]) == (303, "/targets?state=up")
    page = await browser.get("/targets")
    assert page.status == 200
    assert "person:ada" in page.words


async def test_the_cookie_says_nothing_and_is_no_bearer_token(house):
    browser = house.browser(scheme="https")
    back = await sign_in(browser)
    [session] = [each for each in back.cookies if each.startswith("__Host-vedette=")]
    for word in ("; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/", f"Max-Age={7 * 86_400}"):
        assert word in session
    assert "vds_" not in session
    stranger = house.browser()
    cookie = browser.cookies["__Host-vedette"]
    assert (await stranger.get("/targets", authorization=f"Bearer {cookie}")).status == 401


async def test_whoever_has_no_role_is_told_and_stays_outside(house):
    browser = house.browser()
    refused = await sign_in(browser, "u-bob")
    assert refused.status == 403
    assert "no role here" in refused.words
    assert (await browser.get("/targets")).status == 303


async def test_whoever_says_no_at_the_provider_is_told(house):
    browser = house.browser()
    where = await to_the_provider(browser)
    refused = await browser.get(f"/login/callback?error=%3Cb%3E&state={state_in(where)}")
    assert refused.status == 403
    assert "the provider did not let you in" in refused.words
    assert "<b>" not in refused.text


def state_in(where):
    return parse_qs(urlsplit(where).query)["state"][0]


async def test_a_tampered_state_another_browsers_sign_in_and_a_replayed_one_are_refused(house):
    browser = house.browser()
    back = at_the_provider(await to_the_provider(browser))
    code = parse_qs(urlsplit(back).query)["code"][0]
    for state in ("", "x", state_in(back)[:-1], "é"):
        refused = await browser.get(f"/login/callback?{urlencode({'code': code, 'state': state})}")
        assert refused.status == 403
    assert (await house.browser().get(back)).status == 403
    assert (await browser.get(back)).status == 303
    assert (await browser.get(back)).status == 403


async def test_a_replayed_code_is_refused_by_the_provider(house):
    browser = house.browser()
    back = at_the_provider(await to_the_provider(browser))
    cookies = dict(browser.cookies)
    assert (await browser.get(back)).status == 303
    thief = house.browser()
    thief.cookies = cookies
    refused = await thief.get(back)
    assert refused.status == 403
    assert "invalid_grant" in refused.words


@pytest.mark.parametrize("query", ["", "state=x", "code=x", "code=x&state="])
async def test_coming_back_from_nowhere_opens_nothing(house, query):
    refused = await house.browser().get(f"/login/callback?{query}")
    assert (refused.status, refused.cookies) == (403, [])


async def test_a_dead_provider_is_said_and_leaves_the_other_ways(lender, owner_conn):
    browser = house_of(lender, owner_conn, "http://127.0.0.1:9").browser()
    away = await browser.get("/login/openid")
    assert away.status == 503
    assert "cannot be reached" in away.words
    assert (await browser.get("/login")).status == 200


async def test_signing_in_again_is_a_new_session_and_ends_the_old_one(house):
    browser = house.browser()
    await sign_in(browser)
    before = dict(browser.cookies)
    await sign_in(browser)
    old = house.browser()
    old.cookies = before
    assert (await old.get("/targets")).status == 303
    assert (await browser.get("/targets")).status == 200


async def test_signing_out_ends_the_session_here_and_leads_to_the_provider(house):
    browser = house.browser()
    await sign_in(browser)
    before = dict(browser.cookies)
    out = await browser.post("/logout", f"form_key={form_key(await browser.get('/targets'))}")
    assert out.status == 200
    [there] = [str(a["href"]) for _, a in out.tags if "end_session" in str(a.get("href"))]
    query = parse_qs(urlsplit(there).query)
    assert query["client_id"] == ["vedette"]
    assert query["post_logout_redirect_uri"] == ["https://status.example/"]
    [hint] = query["id_token_hint"]
    claims = json.loads(urlsafe_b64decode(hint.split(".")[1] + "=="))
    assert (claims["iss"], claims["sub"]) == (house.provider.options.issuer, "u-ada")
    assert "not set" not in shown_at_the_provider(there)
    browser.cookies = before
    assert (await browser.get("/targets")).status == 303


async def test_the_id_token_is_kept_under_seal_and_in_no_cookie(house):
    browser = house.browser()
    await sign_in(browser)
    rows = await house.conn.execute("SELECT id_token FROM access.session")
    [[kept]] = await rows.fetchall()
    assert kept is not None
    assert b"eyJ" not in bytes(kept)
    assert max(len(value) for value in browser.cookies.values()) < 300
    # Sealed by another house, or not at all: it is not sent on, and signing out still works.
    await house.conn.execute("UPDATE access.session SET id_token = 'eyJ'")
    out = await browser.post("/logout", f"form_key={form_key(await browser.get('/targets'))}")
    assert (out.status, "id_token_hint" in out.text) == (200, False)


async def test_a_person_sees_and_ends_their_other_sessions(house):
    one, two, three = house.browser(), house.browser(), house.browser()
    for each in (one, two, three):
        await sign_in(each)
    page = await one.get("/sessions")
    assert "Signed in as person:ada, operator" in page.words
    assert page.words.count("this one") == 1
    others = [
        a["value"] for _, a in page.tags if a.get("name") == "session" and a["value"] != "others"
    ]
    assert len(others) == 2
    key = form_key(page)
    assert (await one.post("/sessions", f"session={others[0]}")).status == 403
    assert (await one.post("/sessions", f"form_key={key}&session={others[0]}")).status == 303
    signed_in = [(await each.get("/targets")).status for each in (one, two, three)]
    assert sorted(signed_in) == [200, 200, 303]
    assert (await one.post("/sessions", f"form_key={key}&session=others")).status == 303
    assert [(await each.get("/targets")).status for each in (one, two, three)] == [200, 303, 303]
    for wrong in ("", "x", "²", "9" * 40, "-1"):
        refused = await one.post("/sessions", f"form_key={key}&session={quote(wrong)}")
        assert refused.status == 400
    assert (await one.post("/sessions", f"form_key={key}&session=999999999")).status == 404


async def test_a_token_has_no_sessions_to_end(house):
    secret = await create_token(
        house.conn, "ci", ["read"], pepper=PEPPER, by="test", now=clock.now()
    )
    browser = house.browser()
    await browser.post("/sign-in", f"token={secret}")
    page = await browser.get("/sessions")
    assert "That is a token" in page.words
    refused = await browser.post("/sessions", f"form_key={form_key(page)}&session=others")
    assert refused.status == 403


async def with_account(browser, password=PASSWORD, **headers):
    form = urlencode({"name": "root", "password": password, "next": "/agents"})
    return await browser.post("/login", form, **headers)


async def test_an_account_for_emergencies_opens_the_door_and_every_page_says_so(house):
    browser = house.browser()
    assert "emergencies" not in (await browser.get("/login")).words
    await create_account(house.conn, "root", [Role.ADMIN], HASH, by="test", now=clock.now())
    assert "With an account for emergencies" in (await browser.get("/login")).words
    refused = await with_account(browser, "wrong")
    assert (refused.status, refused.cookies) == (403, [])
    assert "no name and password" in refused.words
    signed = await with_account(browser)
    assert (signed.status, signed.headers["location"]) == (303, "/agents")
    for path in ("/agents", "/targets", "/sessions"):
        assert "an account for emergencies" in (await browser.get(path)).words
    await disable_account(house.conn, "root", by="test", now=clock.now())
    assert (await browser.get("/agents")).status == 303


async def test_another_site_tries_no_passwords(house):
    await create_account(house.conn, "root", [Role.ADMIN], HASH, by="test", now=clock.now())
    refused = await with_account(house.browser(), **{"sec-fetch-site": "cross-site"})
    assert (refused.status, refused.cookies) == (403, [])


VERIFIER = "v" * 43
ASKED = {"challenge": challenge_of(VERIFIER), "port": "4711", "state": "s" * 24}


async def test_a_person_lets_their_command_line_in(house):
    browser = house.browser()
    where = f"/login/command-line?{urlencode(ASKED)}"
    first = await browser.get(where)
    assert first.status == 303
    signed = await sign_in(browser, where=where)
    assert signed.headers["location"] == where
    page = await browser.get(where)
    assert "Agree only if you have just started vedette login yourself" in page.words
    assert (await browser.post("/login/command-line", urlencode(ASKED))).status == 403
    agreed = await browser.post(
        "/login/command-line", urlencode({**ASKED, "form_key": form_key(page)})
    )
    [link] = [str(a["href"]) for _, a in agreed.tags if "127.0.0.1" in str(a.get("href"))]
    assert link.startswith("http://127.0.0.1:4711/?code=vdc_")
    assert parse_qs(urlsplit(link).query)["state"] == ["s" * 24]


@pytest.mark.parametrize(
    "changed",
    [
        {"challenge": "x"},
        {"challenge": ""},
        {"port": "0"},
        {"port": "65536"},
        {"port": "80@evil.example"},
        {"port": "²"},
        {"port": ""},
        {"state": ""},
        {"state": "<script>alert(1)</script>"},
    ],
)
async def test_what_no_command_line_of_ours_asks_is_refused(house, changed):
    browser = house.browser()
    await sign_in(browser)
    refused = await browser.get(f"/login/command-line?{urlencode({**ASKED, **changed})}")
    assert refused.status == 400


async def test_a_session_that_nobody_used_is_over(house):
    browser = house.browser()
    await sign_in(browser)
    await house.conn.execute(
        "UPDATE access.session SET seen_at = seen_at - %s", (timedelta(hours=12),)
    )
    assert (await browser.get("/targets")).status == 303


@pytest.mark.parametrize("host", ["", "a b", "a/b", "x" * 300, "a\\b", "é"])
async def test_a_host_that_is_none_is_not_handed_to_the_provider(lender, owner_conn, issuer, host):
    browser = house_of(lender, owner_conn, issuer, base_url=None).browser()
    assert "status.test%2Flogin%2Fcallback" in await to_the_provider(browser)
    refused = await browser.get("/login/openid", host=host or " ")
    assert refused.status == 400


@pytest.mark.parametrize("path", ["/login/openid", "/login/callback"])
async def test_without_a_provider_there_is_none(browser, path):
    assert (await browser.get(path)).status == 404


async def test_nothing_changes_by_a_link(house):
    browser = house.browser()
    await sign_in(browser)
    for path in ("/logout", "/sign-out"):
        assert (await browser.get(path)).status == 405
    await browser.get("/sessions?session=others")
    assert (await browser.get("/targets")).status == 200
