"""Nothing a person reads stands in a page without gettext: looked for in the templates, and on the pages."""

import re
from html.parser import HTMLParser

import pytest
from jinja2 import Environment, nodes
from psycopg.types.json import Jsonb
from tests.factories import NOON, make_component, make_target
from tests.web import actions_pages_world, crowd, world
from tests.web.browser import KEY, Browser
from tests.web.test_desk_incidents import Operator, known, opened, signed_in
from tests.web.test_desk_lists import CATALOGUE

from signing_world import needs_ssh
from vedette.web import reader
from vedette.web.languages import Language, languages
from vedette.web.site import OUR_OWN, site
from vedette.web.templates import HERE

NAMES = re.compile(
    r"Vedette|Markdown|vdt_…|\d+ \* \* \*|Atom|RSS|JSON|CSV|CVSS|EPSS|CWE|CVE-2021-44228"
)
"""What is called the same everywhere."""
READ = ("aria-label", "placeholder", "title", "alt")
"""Attributes that are read out or shown."""
ATTRIBUTES = re.compile(
    r"\A(open|front|broad)\Z|aria-invalid=\S+|autofocus|aria-describedby=\"[^\"]*\"", re.DOTALL
)
"""Pieces of HTML that stand by themselves in a macro or a block."""
CODE = ("code", "pre", "style", "script")
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
WORD = re.compile(r"[A-Za-z]{2,}")


class Words(HTMLParser):
    """Collects what a person would read."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.said, self._within, self._lang = [], [], 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.said += [given[name] for name in READ if given.get(name)]
        if tag in (*CODE, "time") or (given.get("lang") == "en" and tag != "html"):
            self._within.append(tag)

    def handle_endtag(self, tag):
        if self._within and tag == self._within[-1]:
            self._within.pop()

    def handle_data(self, text):
        if not self._within:
            self.said.append(text)


def bare(html):
    """Return the words of this HTML that stand there as they are."""
    parser = Words()
    parser.feed(html)
    parser.close()
    said = (re.sub(r"[·\n]+", "\n", NAMES.sub("", text)).strip() for text in parser.said)
    return [text for text in said if WORD.search(ATTRIBUTES.sub("", text))]


def literals(node, *, told=False):
    """Yield the strings of a template's expressions that would be shown and that gettext has not seen."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        told = told or node.node.name in ("_", "gettext", "ngettext")
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and not told:
        # A word that only machines read has no space and no capital: a path, a tone, the name of a form.
        plain = NAMES.sub("", node.value)
        if re.search(r"[A-Z]|[a-z] [a-z]", re.sub(r"<[^>]*>", "", plain)):
            yield node.value
    for child in node.iter_child_nodes():
        yield from literals(child, told=told)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_but_through_gettext(path):
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    tree = environment.parse(path.read_text())
    html = "".join(
        "".join(part.data if isinstance(part, nodes.TemplateData) else "·" for part in output.nodes)
        for output in tree.find_all(nodes.Output)
    )
    assert bare(html) == []
    assert list(literals(tree)) == []


class Loud(Language):
    """Says every message in brackets, so that what is not in them was never asked for."""

    def gettext(self, message):
        return f"\N{LEFT CEILING}{message}\N{RIGHT CEILING}"

    def ngettext(self, one, many, number):
        return self.gettext(one if number == 1 else many)


SAID = re.compile("\N{LEFT CEILING}[^\N{LEFT CEILING}\N{RIGHT CEILING}]*\N{RIGHT CEILING}")
THEIRS = re.compile(
    r"Orders|EU-DE|Shop|Ada wrote this|slow|person:ada|incidents:write|read|UTC|Europe|min\b"
)
"""What operators wrote, and names."""
CROWD = r"edge-[\w.-]+|(new|old)-host[\w.-]*|copy-of-zurich|linux|host-1|KiB"
"""Names of the crowd of targets and agents."""
TARGET = (
    r"orders-db|database in|(max )?connections|cache hit ratio|database size bytes|replay lag|written bytes|"
    r"unseen|postgres|shop-eu|local|edge-frankfurt-2|replica eu-\d|[kMGT]iB|\b\d+ h\b|\bms\b"
)
"""Names of a target and of what is beneath it, and units."""
ACTIONS = (
    r"https:\S+|person:ivy|find (stray|lost) keys|a laptop was lost|TI-7|high|Ada|ada|bob|all\b|file(info)?|linux(-\d)?|host-1|copy|keys|"
    r"/\S+|size|mode|-rw[-r]+|crashed|\d+ h"
)
"""What authors, hosts and a trust bundle say."""


@pytest.fixture
def loud(monkeypatch, lender, clock):
    """A browser that reads a language of which every message is known by its brackets."""
    both = {**languages(), "zz": Loud("zz", "zz")}
    monkeypatch.setattr(reader, "languages", lambda: both)
    reader._reader_of.cache_clear()
    pages = site(lender, authenticate=known, cookie_key=KEY, clock=clock, catalogue=CATALOGUE).pages
    yield signed_in(Browser(pages), "vds_ada", clock)
    reader._reader_of.cache_clear()


async def test_what_the_desk_and_the_sign_in_say_has_gone_through_gettext(loud, owner_conn):
    number = await opened(
        Operator(loud),
        owner_conn,
        await make_component(owner_conn),
        text="Ada wrote this",
        title="Orders slow",
    )
    paths = ("/desk", "/desk/open", "/desk/plan", "/desk/series", "/desk/templates", "/login",
             "/sessions", "/targets", "/agents", "/targets/none", f"/desk/incidents/{number}")  # fmt: skip
    for path in paths:
        page = await loud.get(f"{path}?lang=zz&tz=UTC")
        assert 'lang="zz"' in page.text, path
        html = re.sub(
            r"<option[^>]*>[A-Z]\w+/[^<]*</option>|<option[^>]*>(UTC|GMT)</option>", "", page.text
        )
        assert unsaid(html, THEIRS) == [], path


async def test_what_the_lists_of_targets_and_agents_say_has_gone_through_gettext(loud, owner_conn):
    theirs = re.compile(
        f"{THEIRS.pattern}|{'|'.join((*crowd.CONNECTORS, *crowd.CLUSTERS))}|{CROWD}"
    )
    await crowd.fill_targets(owner_conn, now=NOON, targets=120)
    await crowd.fill_agents(owner_conn, now=NOON)
    for path in ("/targets", "/targets?words=nothing-is-called-so", "/agents"):
        page = await loud.get(f"{path}{'&' if '?' in path else '?'}lang=zz&tz=UTC")
        assert 'lang="zz"' in page.text, path
        assert unsaid(page.text, theirs) == [], path


async def test_what_the_page_of_a_target_says_has_gone_through_gettext(loud, owner_conn):
    target = await world.fill_target(owner_conn, now=NOON)
    limits = {
        "connections": {"enter": 10, "leave": 5},
        "replay_lag_s": {"enter": 9, "when": "below"},
    }
    await owner_conn.execute(
        "UPDATE fleet.target SET thresholds = %s WHERE id = %s", (Jsonb(limits), target)
    )
    await make_target(owner_conn, "unseen")
    theirs = re.compile(rf"{THEIRS.pattern}|{TARGET}")
    for name in ("orders-db", "unseen"):
        page = await loud.get(f"/targets/{name}?lang=zz&tz=UTC")
        assert (page.status, 'lang="zz"' in page.text) == (200, True), name
        assert unsaid(page.text, theirs) == [], name


async def test_the_page_of_a_target_speaks_german_to_whoever_reads_it(loud, owner_conn):
    await world.fill_target(owner_conn, now=NOON)
    words = (await loud.get("/targets/orders-db?lang=de&tz=Europe/Berlin")).words
    for said in ("orders-db in Betrieb", "Gesehen von", "Agent Er sagt Letzte Meldung", "vor 4 s"):
        assert said in words, said
    assert (
        "In den letzten 1 h: kleinster Wert" in (await loud.get("/targets/orders-db?lang=de")).text
    )


@needs_ssh
async def test_what_the_pages_of_actions_and_agents_say_has_gone_through_gettext(
    loud, owner_conn, clock
):
    clock.at = actions_pages_world.ACTIONS_AT
    signed_in(loud, "vds_ivy", clock)
    ids = await actions_pages_world.fill(owner_conn)
    await actions_pages_world.double(owner_conn)
    theirs = re.compile(rf"{THEIRS.pattern}|{ACTIONS}")
    paths = ("/actions", f"/actions/{ids['waits']}", f"/actions/{ids['runs']}", "/agents/linux-1")
    for path in paths:
        page = await loud.get(f"{path}?lang=zz&tz=UTC")
        assert (page.status, 'lang="zz"' in page.text) == (200, True), path
        assert unsaid(page.text, theirs) == [], path


async def test_the_lists_of_targets_and_agents_speak_german_to_whoever_reads_it(loud, owner_conn):
    await crowd.fill_agents(owner_conn, now=NOON)
    words = (await loud.get("/agents?lang=de&tz=Europe/Berlin")).words
    for said in (
        "2 getrennt 2 verbunden 1 widerrufen",
        "12 480 Berichte, 743.4 KiB",
        "abgewiesen: copy-of-zurich unter 192.0.2.7, 3 Versuche, zuletzt 12:51 CET.",
        "Alle Zeiten in Europe/Berlin.",
    ):
        assert said in words, said
    assert "Kein Ziel ist erklärt." in (await loud.get("/targets?lang=de")).words


def unsaid(html, theirs):
    """Return the words of a page that are in no brackets and are not theirs."""
    found = [theirs.sub("", text) for text in html_words(unbracketed(html))]
    return [text for text in found if WORD.search(NAMES.sub("", text))]


def unbracketed(text):
    """Return what stands outside the brackets; a message may have filled another's hole."""
    while (without := SAID.sub("", text)) != text:
        text = without
    return text


def html_words(html):
    """Return what a person would read, but for the house's own name."""
    parser = Words()
    parser.feed(html)
    return [text.strip() for text in parser.said if text.strip("· ") != OUR_OWN.title]
