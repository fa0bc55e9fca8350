"""Slugs, selectors and the lineage of runs, for every input one can think of."""

import re
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vedette.errors import Invalid
from vedette.fleet.rules import (
    Lineage,
    checked_selector,
    component_slug,
    free_slug,
    slugify,
    succeed,
)

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FIRST, SECOND, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)


@given(st.text())
def test_a_slug_is_plain_short_and_always_the_same(text):
    slug = slugify(text)
    assert SLUG.fullmatch(slug)
    assert len(slug) <= 80
    assert slugify(text) == slug
    assert slugify(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Orders", "orders"),
        ("EU-DE", "eu-de"),
        ("Straße & Söhne", "strasse-sohne"),
        ("  CI/CD  ", "ci-cd"),
        ("<script>alert(1)</script>", "script-alert-1-script"),
        ("../../etc/passwd\0", "etc-passwd"),
    ],
)
def test_a_slug_keeps_what_a_reader_recognises(text, slug):
    assert slugify(text) == slug


def test_texts_of_other_scripts_have_slugs_of_their_own():
    assert slugify("注文") != slugify("支払い")


@given(st.lists(st.sampled_from(["a", "b", "a-2"]), max_size=12))
def test_no_two_get_the_same_slug(wishes):
    taken = set()
    for wish in wishes:
        slug = free_slug(wish, taken)
        assert slug not in taken
        taken.add(slug)


def test_a_components_slug_is_service_region_and_type():
    assert component_slug("Orders", "EU-DE", "api") == "orders-eu-de-api"
    assert component_slug("Orders", None, None) == "orders"


@pytest.mark.parametrize("text", ["*", "local", "edge-7.example.org", "tag:role=edge", "tag:a=b=c"])
def test_a_selector_is_a_name_a_tag_or_everyone(text):
    assert checked_selector(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "**", "tag:", "tag:role", "tag:=x", "tag:role=", "a\n", "*\n", "local\0", "a..b", "-x",
     "tag:role=a\nb", "tag:ro le=a", "x" * 65, "name' OR true --", "' || '", None, 7],
)  # fmt: skip
def test_anything_else_is_refused_by_the_name_of_its_field(text):
    with pytest.raises(Invalid, match="agents"):
        checked_selector(text)


@given(st.text(max_size=100))
def test_a_selector_that_passes_is_one_printable_line_and_means_itself(text):
    try:
        selector = checked_selector(text)
    except Invalid:
        return
    assert selector.isprintable()
    assert checked_selector(selector) == selector


@pytest.mark.parametrize(
    ("stored", "run", "welcomed", "after"),
    [
        # The first stream ever.
        (Lineage(), FIRST, None, Lineage(FIRST)),
        # The same run reconnects, and stays confirmed.
        (Lineage(SECOND, FIRST, True), SECOND, SECOND, Lineage(SECOND, FIRST, True)),
        (Lineage(SECOND, FIRST, True), SECOND, FIRST, Lineage(SECOND, FIRST, True)),
        # A restart that knows the last welcomed run.
        (Lineage(FIRST, None, True), SECOND, FIRST, Lineage(SECOND, FIRST, False)),
        # The Welcome was lost and the agent restarted: it knows only the run before.
        (Lineage(SECOND, FIRST, False), THIRD, FIRST, Lineage(THIRD, FIRST, False)),
        (Lineage(FIRST, None, False), SECOND, None, Lineage(SECOND, None, False)),
        # A clone: once the run is confirmed, nobody may know only the run before it.
        (Lineage(SECOND, FIRST, True), THIRD, FIRST, None),
        (Lineage(FIRST, None, True), SECOND, None, None),
        (Lineage(SECOND, FIRST, False), THIRD, UUID(int=9), None),
    ],
)
def test_who_may_follow_a_run(stored, run, welcomed, after):
    assert succeed(stored, run, welcomed) == after


class AnAgentAndItsServer(RuleBasedStateMachine):
    """However messages get lost and an agent restarts, it is never taken for its own clone."""

    def __init__(self):
        super().__init__()
        self.server = Lineage()
        self.run = uuid4()
        self.kept_on_disk = None
        self.connected = False

    @rule(welcome_arrives=st.booleans())
    def connect(self, welcome_arrives):
        after = succeed(self.server, self.run, self.kept_on_disk)
        assert after is not None
        self.server = after
        self.connected = welcome_arrives
        if welcome_arrives:
            self.kept_on_disk = self.run

    @precondition(lambda self: self.connected)
    @rule()
    def heartbeat(self):
        self.server = Lineage(self.server.run_id, self.server.previous_run_id, confirmed=True)

    @rule()
    def restart(self):
        self.run, self.connected = uuid4(), False

    @rule()
    def lose_the_stream(self):
        self.connected = False

    @invariant()
    def a_copy_of_a_disk_that_has_moved_on_is_found_out(self):
        if self.server.confirmed:
            assert succeed(self.server, uuid4(), uuid4()) is None
            assert succeed(self.server, uuid4(), None) is None


TestAnAgentAndItsServer = AnAgentAndItsServer.TestCase
