"""What is private to operators, or a draft, or an internal note, stands at no public address."""

import re

import pytest
from tests.factories import NOON, make_component, make_transition
from tests.rest_world import rest_over
from tests.web.browser import KEY, Browser, authenticate
from tests.web.feeds_world import BY, plan, private, tell

from vedette import clock
from vedette.app.urls import URLS
from vedette.db.pool import connect
from vedette.incidents.model import Impact
from vedette.incidents.update import note
from vedette.rest.guard import PUBLIC
from vedette.web.site import site

HIDDEN = re.compile("ledger|vault|whisper|unready", re.IGNORECASE)
OF_THE_SERVER = {"/livez", "/readyz", "/metrics", "/openapi.json"}
ASKED = (
    "",
    "?mt=HQ&srv=Ledger",
    "?name=Ledger&attribute_name=region&attribute_value=HQ",
    "?component=ledger-hq",
    "?region=HQ",
)


def public_paths() -> list[str]:
    return sorted(
        {
            url.path
            for url in URLS
            if (url.method, url.permission) == ("GET", PUBLIC) and url.path not in OF_THE_SERVER
        }
    )


async def fill(conn) -> dict[str, list]:
    """A house with public, private and unready things; return what may stand in an address."""
    orders = await make_component(conn, "Orders", state="up")
    ledger = await make_component(conn, "Ledger", region="HQ", category="Vault", state="down")
    await make_transition(conn, "down", at=NOON, component_id=ledger, reason="whisper")
    await private(conn, ledger)
    shown = await tell(conn, orders, title="Everyone knows")
    mixed = await tell(conn, orders, ledger, title="Together", impact=Impact.MAJOR)
    hidden = await tell(conn, ledger, title="Whispered trouble")
    draft = await tell(conn, orders, title="An unready word", published_at=None)
    await plan(conn, ledger, title="Whispered disks")
    await plan(conn, orders, title="Announced disks")
    await plan(conn, orders, title="Unready disks", published_at=None)
    await note(conn, shown, "a whisper among us", **BY)
    return {
        "name": [
            "orders-eu-de",
            "ledger-hq",
            "eu-de",
            "hq",
            *map(str, (shown, mixed, hidden, draft)),
        ],
        "component_id": [orders, ledger],
        "event_id": [shown, mixed, hidden, draft],
        "fingerprint": ["A" * 40, "ledger-hq"],
    }


def addresses(path: str, known: dict[str, list]) -> list[str]:
    found = [path]
    for hole in re.findall(r"\{(\w+)\}", path):
        found = [each.replace(f"{{{hole}}}", str(word)) for each in found for word in known[hole]]
    return [each + asked for each in found for asked in ASKED]


@pytest.fixture
async def world(fresh_database_url, fresh_app_url):
    """Everything this server answers to strangers, over one database."""
    async with await connect(fresh_database_url) as conn:
        known = await fill(conn)
    async with rest_over(fresh_app_url) as rest:
        pages = site(rest.pool, authenticate=authenticate, cookie_key=KEY, clock=clock.now).pages
        yield known, Browser(pages), rest


async def test_no_public_address_tells_what_is_private_or_unready(world):
    known, browser, rest = world
    seen, leaks = set(), {}
    for path in public_paths():
        for address in addresses(path, known):
            page = await browser.get(address)
            status, text = page.status, page.text
            if status == 404 and not text:  # no page: the REST interface's
                answer = await rest.http.get(address)
                status, text = answer.status_code, answer.text
            assert status < 500, address
            told = unasked(text, address)
            if found := HIDDEN.search(told):
                leaks[address] = told[max(0, found.start() - 100) : found.end() + 40]
            seen.update(re.findall("Orders|Everyone knows|Together|Announced", text))
    assert leaks == {}
    # The walk has seen what is public, so it would have seen the rest.
    assert seen == {"Orders", "Everyone knows", "Together", "Announced"}


def unasked(text: str, address: str) -> str:
    """The text without the words of the address: who asks for a name may be told it again."""
    for word in re.findall(r"\w+", address):
        text = text.replace(word, "")
    return text
