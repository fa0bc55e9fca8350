"""Whatever a declaration holds, it becomes sound rows or one complaint that names the field."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.errors import Invalid
from vedette.fleet.model import (
    ComponentName,
    Declaration,
    DeclaredCluster,
    DeclaredService,
    DeclaredTarget,
)
from vedette.fleet.resolve import as_rows, resolve

WORDS = st.one_of(st.sampled_from(["a", "b", "EU-DE", "Orders"]), st.text(max_size=8))
MAYBE = st.none() | WORDS
SPANS = st.timedeltas(timedelta(seconds=-1), timedelta(days=2))
SERVICES = st.builds(
    DeclaredService,
    name=WORDS,
    category=MAYBE,
    regions=st.lists(WORDS, max_size=3).map(tuple),
    type=MAYBE,
    attributes=st.dictionaries(WORDS, WORDS, max_size=2),
)
TARGETS = st.builds(
    DeclaredTarget,
    name=WORDS,
    connector=WORDS,
    cluster=MAYBE,
    component=st.none() | st.builds(ComponentName, service=WORDS, region=MAYBE, type=MAYBE),
    agents=st.lists(WORDS, max_size=3).map(tuple),
    every=SPANS,
    timeout=SPANS,
    settings=st.dictionaries(WORDS, st.floats() | WORDS | st.none(), max_size=2),
)
DECLARATIONS = st.builds(
    Declaration,
    clusters=st.lists(st.builds(DeclaredCluster, name=WORDS, region=MAYBE), max_size=3).map(tuple),
    services=st.lists(SERVICES, max_size=3).map(tuple),
    targets=st.lists(TARGETS, max_size=3).map(tuple),
)


@given(DECLARATIONS)
def test_rows_are_sound_or_there_are_none(declaration):
    try:
        rows = resolve(declaration)
    except Invalid as refusal:
        assert str(refusal).startswith(("clusters", "services", "targets"))
        assert str(refusal).isprintable()
        return
    assert "\\u0000" not in json.dumps(as_rows(rows.targets) + as_rows(rows.components))
    keys = {(c.service, c.region, c.type) for c in rows.components}
    assert len(keys) == len(rows.components)
    for service, region, type_ in keys:
        assert service in rows.services
        assert region is None or region in rows.regions
        assert type_ is None or type_
    for target in rows.targets:
        assert 0 < target.timeout_ms <= target.every_ms
        assert target.service is None or (target.service, target.region, target.type) in keys
        assert target.cluster is None or target.cluster in rows.clusters


@given(DECLARATIONS)
def test_the_same_declaration_gives_the_same_rows(declaration):
    try:
        rows = resolve(declaration)
    except Invalid:
        return
    assert resolve(declaration) == rows


@pytest.mark.parametrize("word", ["category", "region", "type"])
def test_what_has_a_key_of_its_own_is_no_free_attribute(word):
    service = DeclaredService(name="Orders", attributes={word: "x"})
    with pytest.raises(Invalid, match=f"holds '{word}', which has a key of its own"):
        resolve(Declaration(services=(service,)))


def test_a_service_without_regions_is_where_its_targets_say():
    orders = DeclaredService(name="Orders")
    here = DeclaredTarget(
        name="db", connector="tcp", component=ComponentName(service="Orders", region="EU-DE")
    )
    [alone] = resolve(Declaration(services=(orders,))).components
    [found] = resolve(Declaration(services=(orders,), targets=(here,))).components
    assert (alone.region, found.region) == (None, "EU-DE")
