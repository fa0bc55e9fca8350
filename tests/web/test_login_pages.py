"""The pages of signing in, in a real browser: narrow and wide, light and dark, without a script."""

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from tests.web import inspect_page
from tests.web.browser import KEY
from tests.web.chromium import looked_at, served

from vedette import clock
from vedette.access.handover import challenge_of
from vedette.access.local_accounts import LOCAL, create_account
from vedette.access.model import Role
from vedette.access.openid import Provider
from vedette.access.openid_options import OpenId
from vedette.access.sessions import begin_session, whose
from vedette.app.front import front
from vedette.db.pool import open_pool
from vedette.web.login import SignIn
from vedette.web.site import site

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]

PEPPER = b"p" * 32
COMMAND_LINE = f"/login/command-line?challenge={challenge_of('v' * 43)}"
PAGES = ("/login?next=/agents", "/sessions", COMMAND_LINE, "/agents")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def _elsewhere(scope, receive, send):
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def in_three_places(conn):
    """Sign the account `root` in thrice; return the secret of one session."""
    made = {"pepper": PEPPER, "now": clock.now(), "by": f"{LOCAL}:root", "rules": ""}
    await create_account(conn, "root", [Role.ADMIN], "$argon2id$", by="test", now=clock.now())
    row = await (await conn.execute("SELECT id FROM access.person")).fetchone()
    for kind, client in (("browser", FIREFOX), ("command line", "vedette/0.1.0")):
        await begin_session(
            conn, row[0], kind=kind, address="2001:db8::1234:5678:9abc", client=client, **made
        )
    return await begin_session(conn, row[0], kind="browser", client=FIREFOX, **made)


@pytest.fixture
async def look(fresh_app_url, chrome):
    """Look at a page as the account `root`, which has three sessions."""
    pool = await open_pool(fresh_app_url, max_size=4)
    provider = Provider(
        OpenId(issuer="https://id.example", client_id="vedette", roles={Role.VIEWER: ("*",)})
    )

    async def known(secret):
        async with pool.connection() as conn:
            return await whose(conn, secret, pepper=PEPPER, now=clock.now())

    pages = site(pool, authenticate=known, cookie_key=KEY, sign_in=SignIn(PEPPER, provider)).pages
    try:
        async with pool.connection() as conn:
            secret = await in_three_places(conn)
        async with served(front(pages, _elsewhere)) as address:

            async def at(path, **view):
                return await looked_at(chrome, address + path, width=390, token=secret, **view)

            yield at
    finally:
        await pool.close()


async def test_the_pages_can_be_read_and_touched_and_axe_finds_nothing(look):
    for path in PAGES:
        looked = await look(path, scripts=True)
        assert looked.status == 200, path
        for width, scheme in ((390, "light"), (390, "dark"), (1440, "light")):
            await looked.page.set_viewport_size({"width": width, "height": 900})
            await looked.page.emulate_media(color_scheme=scheme)
            assert await inspect_page.faults(looked.page) == [], (path, width, scheme)
        await looked.page.evaluate(AXE_FILE_PATH.read_text())
        assert await inspect_page.axe_violations(looked.page) == [], path
        assert looked.complaints == []
        await looked.page.context.close()
