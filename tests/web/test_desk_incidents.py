"""The operators' forms for incidents: who may, what they do, and that nothing typed is lost."""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from tests.factories import NOON, at, make_component
from tests.web.browser import KEY, Browser, Holder

from vedette.incidents.close import close_incident
from vedette.incidents.model import Impact, Status
from vedette.incidents.plan import Plan, plan
from vedette.incidents.reads import affected, incident, updates
from vedette.incidents.series import change_series, series
from vedette.incidents.update import note, update_incident
from vedette.rest.paging import encode_cursor
from vedette.web.desk_incidents import OVER_SHOWN
from vedette.web.site import site

SCRIPT = "<script>alert(1)</script>"
BOB = {"by": "person:bob", "now": NOON}


async def known(secret: str) -> Holder | None:
    scopes = {
        "vds_ada": Holder("person:ada", frozenset({"read", "incidents:write"})),
        "vds_ivy": Holder(
            "person:ivy", frozenset({"read", "incidents:write", "actions:read", "actions:write"})
        ),
        "vds_eve": Holder("person:eve", frozenset({"read"})),
        "vds_root": Holder("person:root", frozenset({"read", "agents:write"})),
    }
    return scopes.get(secret)


@dataclass
class Operator:
    """Ada's browser: she looks at a page and sends one of its forms."""

    browser: Browser
    form_key: str = ""

    async def get(self, path: str):
        page = await self.browser.get(path)
        if found := re.search(r'name="form_key" value="(\w+)"', page.text):
            self.form_key = found[1]
        return page

    async def send(self, path: str, form: str, *, do: str = "send", **fields):
        """Send the form as the page shows it, with these fields in place of its own."""
        page = await self.get(path)
        given = {
            **hidden(page, form),
            "do": do,
            **{k.replace("was_", "was."): v for k, v in fields.items()},
        }
        return await self.browser.post(path.partition("?")[0], urlencode(given, doseq=True))


def hidden(page, form: str) -> dict[str, list[str]]:
    """Return the hidden fields of one form of a page."""
    forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
    own = next(text for text in forms if f'name="form" value="{form}"' in text)
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", own):
        named, valued = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if 'type="hidden"' in tag and named and valued:
            found.setdefault(named[1], []).append(valued[1])
    return found


@pytest.fixture
def ada(lender, clock) -> Operator:
    pages = site(lender, authenticate=known, cookie_key=KEY, clock=clock).pages
    browser = Browser(pages)
    return Operator(signed_in(browser, "vds_ada", clock))


def signed_in(browser: Browser, secret: str, clock) -> Browser:
    """Give the browser the cookie of a session."""
    from vedette.web.answers import Request
    from vedette.web.session import Sessions

    request = Request({"headers": [], "scheme": "http"}, None)
    _, header = Sessions(KEY).cookie(request, secret, now=clock())
    name, _, value = header.decode().partition(";")[0].partition("=")
    browser.cookies[name] = value
    return browser


async def slug_of(conn, component_id: int) -> str:
    row = await conn.execute("SELECT slug FROM fleet.component WHERE id = %s", (component_id,))
    return (await row.fetchone())[0]


async def opened(ada, conn, *components: int, **fields) -> int:
    """Open an incident by the form; return its number."""
    slugs = [await slug_of(conn, one) for one in components]
    given = {"title": "Orders are slow", "kind": "incident", "component": slugs, **fields}
    sent = await ada.send("/desk/open", "new", do=given.pop("do", "publish"), **given)
    assert sent.status == 303, sent.words
    return int(sent.headers["location"].rpartition("/")[2])


async def planned(conn, *components: int, **given) -> int:
    wish = Plan(
        title="New disks",
        starts_at=given.get("starts_at", NOON + timedelta(hours=1)),
        ends_at=NOON + timedelta(hours=3),
        components=components,
    )
    return await plan(conn, wish, **BOB)


async def test_strangers_sign_in_first_and_readers_may_not(lender, clock):
    pages = site(lender, authenticate=known, cookie_key=KEY, clock=clock).pages
    for path in (
        "/desk", "/desk/open", "/desk/plan", "/desk/incidents/1", "/desk/incidents/x",
        "/desk/series", "/desk/series/x", "/desk/templates",
    ):  # fmt: skip
        stranger = await Browser(pages).get(path)
        assert (stranger.status, stranger.headers["location"][:12]) == (303, "/login?next=")
        eve = signed_in(Browser(pages), "vds_eve", clock)
        assert (await eve.get(path)).status == 403
    assert 'href="/desk"' not in (await eve.get("/agents")).text


async def test_a_form_without_the_key_of_the_session_does_nothing(ada, owner_conn):
    slug = await slug_of(owner_conn, await make_component(owner_conn))
    fields = {"form": "new", "do": "publish", "title": "x", "component": slug}
    for extra in ({}, {"form_key": "0" * 32}):
        sent = await ada.browser.post("/desk/open", urlencode({**fields, **extra}))
        assert sent.status == 403
    assert "Nothing stands open" in (await ada.get("/desk")).words


async def test_an_incident_from_its_first_word_to_the_last_and_back(ada, owner_conn, clock):
    orders = await make_component(owner_conn)
    number = await opened(
        ada, owner_conn, orders, text="We **look**.", starts_at="2026-11-21 11:00"
    )
    path = f"/desk/incidents/{number}"
    held = await incident(owner_conn, number)
    assert (held.starts_at, held.impact, held.made_by) == (at("11:00"), Impact.MINOR, "person:ada")
    await ada.send(path, "say", status="fixing", impact="outage", text="A disk.")
    held = await incident(owner_conn, number)
    assert (held.status, held.impact) == (Status.FIXING, Impact.OUTAGE)
    await ada.send(path, "say", status="resolved", text="New disk.")
    assert (await incident(owner_conn, number)).ends_at == NOON
    await ada.send(path, "correct", ends_at="2026-11-21 11:30")
    assert (await incident(owner_conn, number)).ends_at == at("11:30")
    await ada.send(path, "reopen", text="Slow again.")
    assert (await incident(owner_conn, number)).is_open
    page = await ada.get(path)
    assert "<strong>look</strong>" in page.text
    assert "person:ada, reopen" in page.words
    assert "Orders are slow" in (await ada.get("/desk")).words


async def test_a_preview_says_nothing_to_anybody_and_keeps_what_was_typed(ada, owner_conn):
    slug = await slug_of(owner_conn, await make_component(owner_conn))
    given = {
        "title": "Orders & stock",
        "text": "It is *slow*.",
        "component": slug,
        "impact": "major",
    }
    page = await ada.send("/desk/open", "new", do="preview", **given)
    assert page.status == 200
    assert "<em>slow</em>" in page.text
    assert 'value="Orders &amp; stock"' in page.text
    assert f'value="{slug}" checked' in page.text
    assert '<option value="major" selected>Major</option>' in page.text
    assert "Nothing stands open" in (await ada.get("/desk")).words


async def test_what_is_refused_comes_back_with_the_reason_and_with_all_that_was_typed(ada):
    given = {"title": "Orders are slow", "text": "Since noon.", "starts_at": "soon"}
    page = await ada.send("/desk/open", "new", do="publish", **given)
    assert page.status == 400
    assert "is not a time" in page.words
    for typed in ("Orders are slow", "Since noon.", 'value="soon"'):
        assert typed in page.text
    page = await ada.send("/desk/open", "new", do="publish", title="x")
    assert "whom does it affect" in page.words


async def test_the_list_of_components_is_narrowed_and_keeps_those_that_are_picked(ada, owner_conn):
    orders, stock = [await make_component(owner_conn, name) for name in ("Orders", "Stock")]
    await make_component(owner_conn, "Payments")
    slugs = [await slug_of(owner_conn, one) for one in (orders, stock)]
    page = await ada.send("/desk/open", "new", do="find", find="stock", component=slugs[0])
    assert f'value="{slugs[0]}" checked' in page.text
    assert f'value="{slugs[1]}"' in page.text
    assert "Payments" not in page.words


async def test_all_of_a_region_is_one_box(ada, owner_conn):
    orders, stock = [await make_component(owner_conn, name) for name in ("Orders", "Stock")]
    await make_component(owner_conn, "Orders", region="Helsinki 2")
    number = await opened(ada, owner_conn, region="eu-de")
    assert {one.component_id for one in (await affected(owner_conn, [number]))[number]} == {
        orders,
        stock,
    }


async def test_a_form_that_is_sent_twice_opens_one(ada, owner_conn):
    orders = await make_component(owner_conn)
    assert await opened(ada, owner_conn, orders) == await opened(ada, owner_conn, orders)
    assert await opened(ada, owner_conn, orders, title="Another") > 0


async def test_a_draft_is_nobodys_business_until_it_is_published(ada, owner_conn):
    number = await opened(ada, owner_conn, await make_component(owner_conn), do="draft")
    assert (await ada.browser.get(f"/incidents/{number}")).status == 404
    assert "Drafts" in (await ada.get("/desk")).words
    await ada.send(f"/desk/incidents/{number}", "publish")
    assert (await ada.browser.get(f"/incidents/{number}")).status == 200


async def test_who_was_overtaken_sees_both_and_loses_nothing(ada, owner_conn):
    number = await opened(ada, owner_conn, await make_component(owner_conn))
    path = f"/desk/incidents/{number}"
    shown = hidden(await ada.get(path), "say")
    await update_incident(owner_conn, number, **BOB, status=Status.FIXING, title="Orders are down")
    mine = {**shown, "do": "send", "title": "Orders are slow", "status": "observing", "text": "Mine.",
            "impact": "minor"}  # fmt: skip
    page = await ada.browser.post(path, urlencode(mine, doseq=True))
    assert page.status == 409
    for said in ("changed meanwhile", "person:bob, told more", "Status Fixing Observing"):
        assert said in page.words
    assert "Mine.</textarea>" in page.text
    assert 'name="title" maxlength="300" autocomplete="off" value="Orders are down"' in page.text
    again = {**mine, **hidden(page, "say"), "title": "Orders are down"}
    assert (await ada.browser.post(path, urlencode(again, doseq=True))).status == 303
    held = await incident(owner_conn, number)
    assert (held.title, held.status) == ("Orders are down", Status.OBSERVING)


async def test_an_update_is_edited_where_it_stands(ada, owner_conn):
    number = await opened(ada, owner_conn, await make_component(owner_conn), text="The rong words.")
    (said,) = (await updates(owner_conn, [number]))[number]
    path = f"/desk/incidents/{number}?edit={said.id}"
    assert "The rong words.</textarea>" in (await ada.get(path)).text
    await ada.send(path, "edit", text="The right words.")
    (said,) = (await updates(owner_conn, [number]))[number]
    assert (said.text, said.edited_by) == ("The right words.", "person:ada")


async def test_notes_are_for_the_desk_alone(ada, owner_conn):
    number = await opened(ada, owner_conn, await make_component(owner_conn))
    await ada.send(f"/desk/incidents/{number}", "note", text="Bob has the spare disk.")
    assert "spare disk" in (await ada.get(f"/desk/incidents/{number}")).words
    assert "spare disk" not in (await ada.browser.get(f"/incidents/{number}")).words


async def test_components_are_separated_and_merged_again(ada, owner_conn):
    orders, stock = [await make_component(owner_conn, name) for name in ("Orders", "Stock")]
    number = await opened(ada, owner_conn, orders, stock)
    sent = await ada.send(
        f"/desk/incidents/{number}", "separate", component=await slug_of(owner_conn, stock)
    )
    new = int(sent.headers["location"].rpartition("/")[2])
    assert [one.component_id for one in (await affected(owner_conn, [new]))[new]] == [stock]
    sent = await ada.send(f"/desk/incidents/{new}", "merge", into=str(number))
    assert sent.headers["location"] == f"/desk/incidents/{number}"
    assert (await incident(owner_conn, new)).merged_into == number


async def test_a_post_mortem_is_kept_and_published(ada, owner_conn):
    number = await opened(ada, owner_conn, await make_component(owner_conn))
    path = f"/desk/incidents/{number}"
    page = await ada.send(path, "postmortem", do="preview", postmortem="A *disk* was old.")
    assert "<em>disk</em>" in page.text
    assert (await incident(owner_conn, number)).postmortem == ""
    await ada.send(path, "postmortem", do="keep", postmortem="A *disk* was old.")
    assert (await incident(owner_conn, number)).postmortem_at is None
    await ada.send(path, "say", status="resolved")
    await ada.send(path, "postmortem", do="publish", postmortem="A *disk* was old.")
    assert "<em>disk</em>" in (await ada.browser.get(f"/incidents/{number}")).text


async def test_a_maintenance_is_planned_begun_and_finished(ada, owner_conn, clock):
    slug = await slug_of(owner_conn, await make_component(owner_conn))
    given = {
        "title": "New disks",
        "component": slug,
        "starts_at": "2026-11-21 13:00",
        "lasts": "2h",
    }
    sent = await ada.send("/desk/plan", "new", do="publish", **given)
    path = sent.headers["location"]
    number = int(path.rpartition("/")[2])
    held = await incident(owner_conn, number)
    assert (held.starts_at, held.ends_at, held.status) == (at("13:00"), at("15:00"), Status.PLANNED)
    await ada.send(path, "begin")
    assert (await incident(owner_conn, number)).status is Status.IN_PROGRESS
    clock.at = at("12:30")
    await ada.send(path, "say", text="Half of it is done.")
    await ada.send(path, "finish", text="All disks are new.")
    held = await incident(owner_conn, number)
    assert (held.status, held.ends_at) == (Status.COMPLETED, at("12:30"))


async def test_a_maintenance_is_moved_and_cancelled(ada, owner_conn):
    orders, stock = [await make_component(owner_conn, name) for name in ("Orders", "Stock")]
    number = await planned(owner_conn, orders)
    path = f"/desk/incidents/{number}"
    slugs = [await slug_of(owner_conn, one) for one in (orders, stock)]
    await ada.send(path, "change", title="New disks", component=slugs, starts_at="2026-11-21 14:00")
    held = await incident(owner_conn, number)
    assert (held.starts_at, held.ends_at) == (at("14:00"), at("16:00"))
    assert len((await affected(owner_conn, [number]))[number]) == 2
    await ada.send(path, "cancel", text="Not today.")
    assert (await incident(owner_conn, number)).status is Status.CANCELLED


async def test_times_are_read_on_the_clock_they_were_shown_on(ada, owner_conn):
    ada.browser.cookies["vedette_tz"] = "Europe/Berlin"
    number = await opened(
        ada, owner_conn, await make_component(owner_conn), starts_at="2026-11-21 12:15"
    )
    assert (await incident(owner_conn, number)).starts_at == at("11:15")
    page = await ada.get(f"/desk/incidents/{number}")
    assert 'value="2026-11-21 12:15"' in page.text
    assert "on the clock of Europe/Berlin" in page.words


async def test_a_time_nobody_touched_keeps_its_seconds(ada, owner_conn, clock):
    clock.at = NOON + timedelta(seconds=42)
    number = await opened(ada, owner_conn, await make_component(owner_conn))
    clock.at = NOON + timedelta(minutes=20)
    await ada.send(f"/desk/incidents/{number}", "say", status="resolved")
    shown = hidden(await ada.get(f"/desk/incidents/{number}"), "correct")
    await ada.send(
        f"/desk/incidents/{number}",
        "correct",
        starts_at=shown["was.starts_at"][0],
        ends_at="2026-11-21 12:10",
    )
    assert (await incident(owner_conn, number)).starts_at == NOON + timedelta(seconds=42)


async def test_whatever_is_written_is_text_on_every_page_of_the_desk(ada, owner_conn):
    orders = await make_component(owner_conn, f"Orders {SCRIPT}")
    number = await opened(
        ada, owner_conn, orders, title=f"T {SCRIPT}", text=f"U {SCRIPT} [x](javascript:alert)"
    )
    path = f"/desk/incidents/{number}"
    await note(owner_conn, number, f'N "><img src=x onerror=alert(1)> {SCRIPT}', **BOB)
    await ada.send(path, "postmortem", do="keep", postmortem=f"</textarea>{SCRIPT}")
    (_, said) = (await updates(owner_conn, [number], internal=True))[number]
    hostile = {"title": f'"><b>{SCRIPT}', "text": f"</textarea>{SCRIPT}", "at": f'"{SCRIPT}'}
    for page in (
        await ada.get("/desk"),
        await ada.get("/desk/open"),
        await ada.get(f"{path}?edit={said.id}"),
        await ada.send(path, "say", **hostile),
        await ada.send(path, "say", do="preview", **hostile),
        await ada.send("/desk/open", "new", do="preview", find=f'"{SCRIPT}', **hostile),
        await ada.get("/desk?words=" + SCRIPT),
    ):
        assert "script" not in {tag for tag, _ in page.tags}, page.text
        assert "img" not in {tag for tag, _ in page.tags}
        assert not any(name.startswith("on") for _, given in page.tags for name in given)
        assert not any("javascript:" in (given.get("href") or "") for _, given in page.tags)


@pytest.mark.parametrize(
    "fields",
    [
        {"form": "nonsense"}, {"form": "say"}, {"form": "say", "version": "x" * 50}, {"form": "merge", "version": "1", "into": "٣"},
        {"form": "begin", "version": "1"}, {"form": "edit", "version": "1", "update": "99999999999"},
        {"form": "say", "version": "1", "status": "purple"}, {"form": "say", "version": "1", "impact": "9"},
        {"form": "say", "version": "1", "at": "2026-11-21 12:00", "zone": "../../etc/passwd"},
    ],
)  # fmt: skip
async def test_a_form_no_page_of_ours_has_is_refused_in_words(ada, owner_conn, fields):
    number = await opened(ada, owner_conn, await make_component(owner_conn))
    await ada.get("/desk/open")
    sent = await ada.browser.post(
        f"/desk/incidents/{number}", urlencode({**fields, "form_key": ada.form_key, "text": "x"})
    )
    assert sent.status == 400
    assert "Nothing was changed" in sent.words
    assert (await incident(owner_conn, number)).version == 1


async def test_who_writes_of_what_was_closed_meanwhile_reads_why_and_what_they_wrote(
    ada, owner_conn
):
    number = await opened(ada, owner_conn, await make_component(owner_conn))
    path = f"/desk/incidents/{number}"
    mine = {**hidden(await ada.get(path), "say"), "do": "send", "text": "It is the disk."}
    await close_incident(owner_conn, number, **BOB)
    page = await ada.browser.post(path, urlencode(mine, doseq=True))
    assert page.status == 409
    for said in ("Nothing was changed", "person:bob, closed", "It is the disk."):
        assert said in page.words


async def test_a_maintenance_comes_again_until_it_is_ended(ada, owner_conn):
    slug = await slug_of(owner_conn, await make_component(owner_conn))
    given = {
        "title": "Patches",
        "component": slug,
        "schedule": "0 2 * * WED",
        "zone": "Europe/Berlin",
        "lasts": "2h",
    }
    sent = await ada.send("/desk/series", "series", **given)
    path = sent.headers["location"]
    page = await ada.get(path)
    assert "0 2 * * WED on the clock of Europe/Berlin, for 2h" in page.words
    assert page.words.count("UTC") >= 3
    refused = await ada.send(path, "series", **given | {"schedule": "every day"})
    assert refused.status == 400
    assert "is no schedule" in refused.words
    assert 'value="every day"' in refused.text
    await ada.send(path, "series", **given | {"schedule": "0 3 * * WED"})
    held = await series(owner_conn, int(path.rpartition("/")[2]))
    assert (held.schedule, held.title, held.slugs) == ("0 3 * * WED", "Patches", [slug])
    assert (
        await ada.send("/desk/series", "series", do="preview", **given, text="*x*")
    ).status == 200
    await ada.send(path, "end")
    assert "It has ended." in (await ada.get(path)).words


async def test_who_changes_a_series_that_was_changed_is_told_so(ada, owner_conn):
    slug = await slug_of(owner_conn, await make_component(owner_conn))
    given = {
        "title": "Patches",
        "component": slug,
        "schedule": "0 2 * * WED",
        "zone": "UTC",
        "lasts": "2h",
    }
    path = (await ada.send("/desk/series", "series", **given)).headers["location"]
    mine = {**given, **hidden(await ada.get(path), "series"), "do": "send", "title": "Updates"}
    await change_series(owner_conn, int(path.rpartition("/")[2]), **BOB, title="Fixes")
    page = await ada.browser.post(path, urlencode(mine, doseq=True))
    assert page.status == 409
    assert "was changed meanwhile" in page.words
    assert 'value="Updates"' in page.text


async def test_templates_are_kept_used_and_forgotten(ada, owner_conn):
    given = {
        "name": "roll back",
        "kind": "incident",
        "title": "A release is rolled back",
        "impact": "major",
        "text": SCRIPT,
    }
    await ada.send("/desk/templates", "template", do="keep", **given)
    page = await ada.send("/desk/open", "new", do="template", template="roll back")
    assert 'value="A release is rolled back"' in page.text
    assert '<option value="major" selected>Major</option>' in page.text
    assert "script" not in {tag for tag, _ in page.tags}
    page = await ada.send("/desk/templates", "template", do="keep", **given | {"version": "0"})
    assert page.status == 409
    assert "changed meanwhile" in page.words
    page = await ada.send("/desk/open", "new", do="template", template="nobody's", title="Kept")
    assert page.status == 404
    assert 'value="Kept"' in page.text
    path = "/desk/templates?name=roll%20back"
    assert "A release is rolled back" in (await ada.get(path)).words
    await ada.send(path, "template", do="forget", name="roll back")
    assert "None is kept" in (await ada.get("/desk/templates")).words


async def test_no_byte_in_any_field_breaks_a_form(ada, owner_conn):
    number = await opened(ada, owner_conn, await make_component(owner_conn))
    names = ("title", "text", "find", "component", "region", "template", "name", "into", "at", "starts_at", "ends_at",
             "publish_at", "lasts", "schedule", "zone", "status", "impact", "kind", "update", "postmortem")  # fmt: skip
    for path, form, buttons in (
        ("/desk/open", "new", ("publish", "find", "template")),
        ("/desk/plan", "new", ("publish", "template")),
        (f"/desk/incidents/{number}", "say", ("send", "preview")),
        (f"/desk/incidents/{number}", "separate", ("send",)),
        ("/desk/series", "series", ("send", "find")),
        ("/desk/templates", "template", ("keep", "forget")),
    ):
        await ada.get(path)
        for do in buttons:
            fields = "&".join(f"{name}=%00%ff%ed%a0%80\N{PILE OF POO}" for name in names)
            sent = await ada.browser.post(
                path, f"form={form}&do={do}&form_key={ada.form_key}&version=1&{fields}"
            )
            assert sent.status in {200, 400, 404, 409}, (path, do, sent.words)


async def test_a_list_goes_on_and_what_is_no_place_in_it_is_refused(ada, owner_conn):
    orders = await make_component(owner_conn)
    for nth in range(OVER_SHOWN + 1):
        await opened(
            ada,
            owner_conn,
            orders,
            title=f"Number {nth}",
            ends_at="2026-11-21 11:59",
            starts_at="2026-11-21 11:00",
        )
    page = await ada.get("/desk")
    (onward,) = re.findall(r'href="(/desk\?after=[^"]+)#over"', page.text)
    assert (await ada.get(onward)).words.count("Number ") == 1
    for cursor in ("x", encode_cursor((NOON, 2**40)), encode_cursor((NOON, -1))):
        assert (await ada.get(f"/desk?after={cursor}")).status == 400
