"""The desk in a real browser, without a script: handled by the keyboard alone, read by axe, narrow and wide."""

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.factories import make_component
from tests.web import inspect_page
from tests.web.browser import KEY
from tests.web.chromium import looked_at, served

from vedette import clock
from vedette.access.local_accounts import create_account
from vedette.access.model import Role
from vedette.access.openid import Provider
from vedette.access.openid_options import OpenId
from vedette.access.passwords import hash_password
from vedette.access.sessions import whose
from vedette.app.front import front
from vedette.db.pool import open_pool
from vedette.web.login import SignIn
from vedette.web.site import site

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.slow,
    # The provider runs in a thread of this process, and its own libraries warn about each other.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

PEPPER = b"p" * 32
PASSWORD = "a horse that counts to nine"
NEXT_YEAR = clock.now().year + 1


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def look(fresh_app_url, chrome, issuer, tmp_path):
    """Look at a page of a house with a provider and an account; two regions have components."""
    pool = await open_pool(fresh_app_url, max_size=4)
    secret = tmp_path / "client.secret"
    secret.write_text("a secret between us")
    roles = {Role.OPERATOR: ("sre",)}
    provider = Provider(
        OpenId(issuer=issuer, client_id="vedette", client_secret_file=secret, roles=roles)
    )

    async def known(secret):
        async with pool.connection() as conn:
            return await whose(conn, secret, pepper=PEPPER, now=clock.now())

    try:
        async with pool.connection() as conn:
            for region in ("EU-DE", "Helsinki 2"):
                for service in ("Orders", "Stock"):
                    await make_component(conn, service, region=region)
            hashed = hash_password(PASSWORD)
            await create_account(conn, "root", [Role.ADMIN], hashed, by="test", now=clock.now())
        sign_in = SignIn(PEPPER, provider)
        pages = site(pool, authenticate=known, cookie_key=KEY, sign_in=sign_in).pages
        async with served(front(pages, _elsewhere)) as address:

            async def at(path, **view):
                # What glides into view is not there yet when it is asked about.
                return await looked_at(chrome, address + path, reduced_motion="reduce", **view)

            yield at
    finally:
        await pool.close()


HERE = """() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
  return { name: (e.labels && e.labels.length ? e.labels[0].textContent : e.textContent).trim(), outline: s.outline, top: b.top, bottom: b.bottom,
    is_seen: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 && b.top < innerHeight && b.bottom > 0,
    is_ours: location.hostname === '127.0.0.1' && e !== document.body }; }"""


async def reach(page, name: str, *, at_most: int = 120) -> None:
    """Press Tab until what has the keyboard is called so; whatever has it on the way can be seen to."""
    for _ in range(at_most):
        await page.keyboard.press("Tab")
        here = await page.evaluate(HERE)
        assert here["is_seen"] or not here["is_ours"], f"has the keyboard unseen: {here}"
        if here["name"].startswith(name):
            return
    raise AssertionError(f"the keyboard reaches nothing that is called {name}")


async def press(page, name: str) -> None:
    """Press a button or a link by the keyboard, and wait for the page it leads to."""
    await reach(page, name)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def typed(page, name: str, text: str) -> None:
    """Type into a field in place of what stands there."""
    await reach(page, name)
    await page.keyboard.press("Control+a")
    await page.keyboard.type(text)


async def unfold(page, name: str) -> None:
    await reach(page, name)
    await page.keyboard.press("Enter")


async def tick(page, name: str) -> None:
    await reach(page, name)
    await page.keyboard.press("Space")


async def verdict(page) -> str:
    return await page.inner_text(".verdict")


async def signed_in_at_the_provider(look, path, **view):
    looked = await look(path, **view)
    assert "/login?next=" in looked.page.url
    await press(looked.page, "Sign in at")
    await press(looked.page, "u-ada")
    assert looked.page.url.endswith(path), await looked.page.inner_text("main")
    # The provider's own page is none of ours.
    looked.complaints.clear()
    return looked


def of_ours(looked) -> list[str]:
    """Return what the browser complained of, but for the forms we had refused."""
    return [said for said in looked.complaints if "a status of 400" not in said]


async def test_an_operator_does_all_of_it_by_the_keyboard_alone(look):
    looked = await signed_in_at_the_provider(look, "/desk", width=390)
    page = looked.page
    await _an_incident(page)
    await _a_maintenance(page)
    await _a_series(page)
    assert of_ours(looked) == []
    async with page.expect_navigation(url="**/end_session?*"):
        await press(page, "Sign out")
    # The provider knows of whom it is reminded: it would say that the hint is not set.
    assert "not set" not in await page.inner_text("body")
    await press(page, "End session")
    assert "/login" not in page.url
    await page.context.close()


async def test_an_incident_is_told_on_a_wide_and_dark_screen_too(look):
    # The order of the keyboard is that of the document, which is one at every width.
    looked = await signed_in_at_the_provider(look, "/desk", width=1440, dark=True)
    await _an_incident(looked.page)
    assert of_ours(looked) == []
    await looked.page.context.close()


async def _an_incident(page) -> None:
    await press(page, "Open an incident")
    await typed(page, "Title", "Orders are slow")
    await typed(page, "The first words", "We **look**.")
    await tick(page, "Orders")
    await tick(page, "Stock")
    await press(page, "Preview")
    assert await page.inner_text(".preview strong") == "look"
    assert await page.locator("input:checked[name=component]").count() == 2
    await press(page, "Publish")
    number = page.url.partition("#")[0].rpartition("/")[2]
    await reach(page, "Analysing")
    await page.keyboard.press("ArrowDown")
    await typed(page, "What to say", "A disk is being replaced.")
    await press(page, "Say it")
    assert "Fixing" in await verdict(page)
    await unfold(page, "Separate components")
    await tick(page, "Stock (EU-DE)")
    await press(page, "Separate them")
    assert await page.inner_text("h1") == "Orders are slow (Stock)"
    await unfold(page, "Merge into another")
    await typed(page, "Number of the incident", number)
    await press(page, "Merge them")
    assert page.url.partition("#")[0].endswith(f"/{number}")
    assert "Stock" in await verdict(page)
    await reach(page, "Fixing")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await press(page, "Say it")
    assert "Resolved" in await verdict(page)
    began = await page.input_value("#correct-starts_at")
    await unfold(page, "Correct the times")
    await typed(page, "Began", "2020-01-01 10:00")
    await typed(page, "Ended", "2020-01-01 noon")
    await press(page, "Correct the times")
    # Told beside its field; what was typed still stands.
    assert "is not a time" in await page.inner_text("#correct-ends_at-fault")
    described = await page.get_attribute("#correct-ends_at", "aria-describedby")
    assert described.split() == ["correct-ends_at-fault", "correct-ends_at-help"]
    assert await page.input_value("#correct-starts_at") == "2020-01-01 10:00" != began
    await typed(page, "Ended", "2020-01-01 10:30")
    await press(page, "Correct the times")
    assert "1 Jan 2020, 10:30 UTC" in await verdict(page)
    await unfold(page, "Post-mortem")
    await typed(page, "What happened, why", "The disk was **old**.")
    await press(page, "Publish")
    await press(page, "What everyone reads")
    assert await page.inner_text("[aria-labelledby=after] strong") == "old"
    await page.go_back()


async def _a_maintenance(page) -> None:
    await press(page, "Incidents")
    await press(page, "Plan a maintenance")
    await typed(page, "Title", "New disks")
    await tick(page, "Everything in EU-DE")
    await typed(page, "Begins", f"{NEXT_YEAR}-01-01 02:00")
    await typed(page, "Or how long it lasts", "long")
    # Enter in a field says nothing to anybody: it shows the preview.
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await press(page, "Publish")
    assert await page.get_attribute("#new-lasts", "aria-invalid") == "true"
    assert (await page.evaluate(HERE))["name"].startswith("Or how long")
    await page.keyboard.press("Control+a")
    await page.keyboard.type("2h")
    await press(page, "Publish")
    assert "Planned" in await verdict(page)
    await unfold(page, "Cancel")
    await typed(page, "What to say", "No disks came.")
    await press(page, "Cancel this maintenance")
    assert "Cancelled" in await verdict(page)


async def _a_series(page) -> None:
    await press(page, "Incidents")
    await press(page, "Maintenances that come again")
    await typed(page, "Title", "Patches")
    await tick(page, "Orders")
    await typed(page, "When", "0 2 * * SUN")
    await typed(page, "How long it lasts", "1h")
    await press(page, "Begin it")
    assert "Next:" in await page.inner_text("main")
    await press(page, "Incidents")
    await press(page, "Patches")
    await unfold(page, "Cancel")
    await press(page, "Cancel this maintenance")
    assert "Cancelled" in await verdict(page)
    await press(page, "Incidents")
    await press(page, "Maintenances that come again")
    await press(page, "Patches")
    await press(page, "End this series")
    assert "It has ended" in await page.inner_text("main")


async def test_an_account_for_emergencies_gets_in_by_the_keyboard_and_is_told_what_it_is(look):
    looked = await look("/desk", width=390)
    page = looked.page
    await typed(page, "Name", "root")
    await typed(page, "Password", "wrong")
    await press(page, "Sign in with the account")
    assert await page.get_attribute("#password", "aria-describedby") == "account-refusal"
    await typed(page, "Name", "root")
    await typed(page, "Password", PASSWORD)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert page.url.endswith("/desk")
    assert "an account for emergencies" in await page.inner_text("[role=status]")
    await page.context.close()


async def test_who_was_overtaken_keeps_what_they_typed(look):
    first = await signed_in_at_the_provider(look, "/desk/open", width=1440)
    page = first.page
    await typed(page, "Title", "Orders are slow")
    await tick(page, "Orders")
    await press(page, "Publish")
    other = await page.context.new_page()
    await other.goto(page.url)
    await typed(other, "What to say", "It is the disk.")
    await press(other, "Say it")
    await typed(page, "What to say", "We look at the network.")
    await press(page, "Say it")
    assert "Changed meanwhile" in await page.inner_text(".meanwhile")
    assert await page.input_value("#say-text") == "We look at the network."
    await press(page, "Say it")
    assert "We look at the network." in await page.inner_text(".timeline-list")
    await page.context.close()


async def test_every_page_of_the_desk_can_be_read_and_touched_and_axe_finds_nothing(look):
    first = await signed_in_at_the_provider(look, "/desk/open", width=1440)
    page = first.page
    await page.fill("[name=title]", "Orders are slow")
    for box in await page.locator("[name=region]").all():
        await box.check()
    async with page.expect_navigation():
        await page.click("text=Publish")
    number = page.url.partition("#")[0].rpartition("/")[2]
    kept = await page.context.storage_state()
    await page.context.close()
    for path in (
        "/desk", "/desk/open", "/desk/plan", "/desk/series", "/desk/templates",
        f"/desk/incidents/{number}", f"/desk/incidents/{number}?lang=de",
    ):  # fmt: skip
        looked = await look(path, width=390, scripts=True, storage_state=kept)
        await looked.page.evaluate(
            "document.querySelectorAll('details').forEach((e) => e.open = true)"
        )
        for width, scheme in ((390, "light"), (390, "dark"), (1440, "light")):
            await looked.page.set_viewport_size({"width": width, "height": 900})
            await looked.page.emulate_media(color_scheme=scheme)
            assert await inspect_page.faults(looked.page) == [], (path, width, scheme)
        await looked.page.evaluate(AXE_FILE_PATH.read_text())
        assert await inspect_page.axe_violations(looked.page) == [], path
        assert looked.complaints == []
        await looked.page.context.close()
