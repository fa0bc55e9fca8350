"""A provider over HTTP, well-behaved and not: what we ask of it and what we believe."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.fakes.openid import KEY, OTHER_KEY, fake_provider

from vedette import clock
from vedette.access import provider_http
from vedette.access.handover import challenge_of
from vedette.access.model import Role
from vedette.access.openid import Provider
from vedette.access.openid_options import OpenId
from vedette.access.provider_http import refuse_open_url
from vedette.errors import Denied, Invalid, Missing, Unavailable

BACK = "https://status.example/login/callback"
ROLES = {Role.OPERATOR: ("sre", "on call"), Role.ADMIN: ("root",)}


@pytest.fixture
def fake():
    with fake_provider() as server:
        yield server


class Now:
    """The real time, and whatever was added to it."""

    ahead = timedelta()

    def __call__(self):
        return clock.now() + self.ahead


@pytest.fixture
def now():
    return Now()


def provider(fake, now=clock.now, **changed):
    options = {"issuer": fake.url, "client_id": "vedette", "roles": ROLES, **changed}
    return Provider(OpenId(**options), clock=now)


async def begin(its):
    return await its.begin(BACK, next="/targets", lasts=timedelta(minutes=10))


async def come_back(fake, its, **claims):
    """Sign in as whom the provider's claims say."""
    _, flow = await begin(its)
    fake.claims = {"nonce": flow.nonce, "groups": ["sre"], **claims}
    return await its.identify("c-1", flow)


async def test_the_browser_is_sent_with_state_nonce_and_a_challenge(fake):
    url, flow = await begin(provider(fake))
    assert url.startswith(f"{fake.url}/authorize?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query == {
        "response_type": "code",
        "client_id": "vedette",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": challenge_of(flow.verifier),
        "code_challenge_method": "S256",
    }
    _, other = await begin(provider(fake))
    assert {flow.state, flow.nonce, flow.verifier}.isdisjoint(
        {other.state, other.nonce, other.verifier}
    )


async def test_groups_become_roles_and_the_code_is_redeemed_with_its_verifier(fake):
    its = provider(fake)
    identity = await come_back(fake, its, preferred_username="ada", groups=["sre", "root", 7])
    assert (identity.issuer, identity.subject, identity.name) == (fake.url, "u-1", "ada")
    assert identity.roles == (Role.OPERATOR, Role.ADMIN)
    [form] = fake.redeemed
    assert form["code"] == "c-1"
    assert form["redirect_uri"] == BACK
    assert len(form["code_verifier"]) >= 43
    assert form["client_id"] == "vedette"


async def test_a_secret_is_shown_as_the_provider_takes_it(fake, tmp_path):
    path = tmp_path / "secret"
    path.write_text("s3 cret:é\n")
    await come_back(fake, provider(fake, client_secret_file=path))
    assert fake.redeemed[-1]["basic"] == "vedette:s3 cret:é"
    fake.document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await come_back(fake, provider(fake, client_secret_file=path))
    assert fake.redeemed[-1]["client_secret"] == "s3 cret:é"
    path.write_text("")
    with pytest.raises(Missing, match="empty"):
        await come_back(fake, provider(fake, client_secret_file=path))


@pytest.mark.parametrize(
    ("claim", "said", "roles"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["root"]}}, (Role.ADMIN,)),
        ("https://x/groups", {"https://x/groups": ["on call"]}, (Role.OPERATOR,)),
        ("role", {"role": "root"}, (Role.ADMIN,)),
        ("role", {"role": {"root": 1}}, ()),
        ("role.more", {"role": "root"}, ()),
    ],
)
async def test_groups_are_found_where_the_provider_puts_them(fake, claim, said, roles):
    identity = await come_back(fake, provider(fake, groups_claim=claim), **said)
    assert identity.roles == roles


async def test_groups_may_come_by_userinfo_of_the_same_subject(fake):
    its = provider(fake, groups_claim="teams")
    fake.userinfo = {"sub": "u-1", "teams": ["root"], "iss": "https://evil.example"}
    identity = await come_back(fake, its)
    assert (identity.roles, identity.issuer) == ((Role.ADMIN,), fake.url)
    fake.userinfo = {"sub": "u-2", "teams": ["root"]}
    with pytest.raises(Denied, match="somebody else"):
        await come_back(fake, its)


async def test_without_groups_one_has_no_role_but_that_of_everybody(fake):
    assert (await come_back(fake, provider(fake), groups=None)).roles == ()
    everybody = provider(fake, roles={Role.VIEWER: ("*",)})
    assert (await come_back(fake, everybody, groups=None)).roles == (Role.VIEWER,)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "somebody"}, "audience"),
        ({"nonce": "another"}, "nonce"),
        ({"exp": 1}, "expired"),
    ],
)
async def test_a_token_that_is_not_for_this_sign_in_does_not_count(fake, claims, why):
    with pytest.raises(Denied, match=why):
        await come_back(fake, provider(fake), **claims)


async def test_a_new_key_is_fetched_but_strangers_cannot_make_us_ask_again_and_again(fake, now):
    its = provider(fake, now)
    await come_back(fake, its)
    fake.key = OTHER_KEY
    now.ahead = timedelta(seconds=31)
    for _ in range(3):
        with pytest.raises(Denied, match="no key"):
            await come_back(fake, its)
    assert fake.asked.count("/keys") == 2
    fake.keys = [KEY, OTHER_KEY]
    now.ahead = timedelta(seconds=62)
    with pytest.raises(Denied, match="just now"):
        # Our clock runs ahead of the provider's by more than the leeway: the key was found.
        await come_back(fake, its, iat=0)
    assert fake.asked.count("/keys") == 3


async def test_a_code_the_provider_knows_no_more_is_refused(fake):
    fake.answers["/token"] = (400, b'{"error": "invalid_grant"}')
    with pytest.raises(Denied, match="invalid_grant"):
        await come_back(fake, provider(fake))


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (500, b"")),
        ("/.well-known/openid-configuration", (302, b"")),
        ("/.well-known/openid-configuration", (200, b"[]")),
        ("/.well-known/openid-configuration", (200, b"[" * 100_000)),
        ("/.well-known/openid-configuration", (200, b'{"issuer": "https://evil.example"}')),
        ("/.well-known/openid-configuration", (200, b" " * 300_000)),
        ("/token", (500, b"{}")),
        ("/token", (302, b"{}")),
        ("/token", (200, b"\xff")),
        ("/keys", (503, b"")),
        ("/userinfo", (500, b"")),
    ],
)
async def test_a_provider_that_answers_nonsense_is_away_and_nobody_comes_in(fake, path, answer):
    fake.answers[path] = answer
    with pytest.raises(Unavailable):
        await come_back(fake, provider(fake, groups_claim="teams"))
    assert "/elsewhere" not in fake.asked


async def test_a_token_endpoint_without_an_id_token_lets_nobody_in(fake):
    for said in (b"{}", b'{"id_token": 7}'):
        fake.answers["/token"] = (200, said)
        with pytest.raises(Denied, match="no ID token"):
            await come_back(fake, provider(fake))


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", [None, 7, "http://id.example/x", "file:///etc/passwd", "", "//x"])
async def test_an_endpoint_without_tls_is_refused(fake, name, url):
    fake.document[name] = url
    with pytest.raises(Unavailable, match="of no use"):
        await begin(provider(fake))


async def test_a_slow_provider_and_a_dead_one_are_given_up(fake, monkeypatch):
    monkeypatch.setattr(provider_http, "PATIENCE_S", 0.3)
    fake.silent_s = 1.0
    with pytest.raises(Unavailable, match="does not answer in time"):
        await begin(provider(fake))
    dead = Provider(OpenId(issuer="http://127.0.0.1:9", client_id="vedette", roles=ROLES))
    with pytest.raises(Unavailable, match="cannot be reached"):
        await begin(dead)
    assert await dead.end_session_url("https://status.example/") is None


async def test_signing_out_there_names_us_and_the_way_back(fake):
    url = await provider(fake).end_session_url("https://status.example/")
    assert url == (
        f"{fake.url}/logout?a=1&client_id=vedette"
        "&post_logout_redirect_uri=https%3A%2F%2Fstatus.example%2F"
    )
    del fake.document["end_session_endpoint"]
    assert await provider(fake).end_session_url("https://status.example/") is None


async def test_discovery_is_asked_once_an_hour(fake, now):
    its = provider(fake, now)
    for _ in range(3):
        await begin(its)
    assert len(fake.asked) == 1
    now.ahead = timedelta(minutes=61)
    await begin(its)
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example",
        "ftp://id.example",
        "https://",
        "https://a@b",
        "https://a/#b",
        "https://[",
        "https://a:x",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "",
    ],
)
def test_an_address_without_tls_is_only_for_this_machine(url):
    with pytest.raises(Invalid):
        refuse_open_url(url, "the issuer")


@pytest.mark.parametrize(
    "url",
    ["https://id.example/realm", "http://127.0.0.1:8", "http://[::1]:8", "http://localhost:8"],
)
def test_an_address_under_tls_or_on_this_machine_is_taken(url):
    refuse_open_url(url, "the issuer")


def test_the_mark_changes_with_whatever_decides_about_roles():
    one = OpenId(issuer="https://a", client_id="b", roles=ROLES)
    assert one.mark == OpenId(issuer="https://a", client_id="b", roles=ROLES, scopes=()).mark
    others = [
        OpenId(issuer="https://b", client_id="b", roles=ROLES),
        OpenId(issuer="https://a", client_id="c", roles=ROLES),
        OpenId(issuer="https://a", client_id="b", roles=ROLES, groups_claim="x"),
        OpenId(issuer="https://a", client_id="b", roles={Role.ADMIN: ("sre",)}),
    ]
    assert len({one.mark, *(each.mark for each in others)}) == 5
