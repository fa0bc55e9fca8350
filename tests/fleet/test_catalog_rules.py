"""What a catalogue asks: the plan, its idempotence, and the contradictions it is refused for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.errors import Conflict, Invalid
from vedette.fleet.catalog_rules import CATALOG, Entry, Known, plan

NAMES = st.sampled_from(("Compute", "Storage", "Mail"))
REGIONS = st.sampled_from((None, "North", "South"))


def entry(name, region=None, was=None, **attributes):
    return Entry(name=name, attributes=attributes | ({"region": region} if region else {}), was=was)


def known(id_, name, region=None, *, origin=CATALOG, lives=True, watched=False, **attributes):
    return Known(
        id=id_,
        service=name,
        region=region,
        type=attributes.get("type"),
        attributes=attributes | ({"region": region} if region else {}),
        origin=origin,
        lives=lives,
        watched=watched,
    )


def changes(entries, there):
    return [(step.change, step.key[0]) for step in plan(entries, there)]


def after(entries, there):
    """Do a plan in memory."""
    rows = {each.id: each for each in there}
    number = max(rows, default=0)
    for step in plan(entries, there):
        if step.change in ("add", "change", "rename", "return"):
            number += step.change == "add"
            held = rows.get(step.component_id)
            rows[step.component_id or number] = known(
                step.component_id or number,
                step.key[0],
                step.key[1],
                origin=held.origin if held and held.lives else CATALOG,
                **{k: v for k, v in step.attributes.items() if k != "region"},
            )
        elif step.change == "retire":
            old = rows[step.component_id]
            rows[old.id] = known(old.id, old.service, old.region, lives=False)
    return list(rows.values())


@pytest.mark.parametrize(
    ("entries", "there", "asked"),
    [
        ([entry("A")], [], [("add", "A")]),
        ([entry("A")], [known(1, "A")], []),
        ([entry("A", category="X")], [known(1, "A")], [("change", "A")]),
        ([entry("A")], [known(1, "A", lives=False)], [("return", "A")]),
        ([], [known(1, "A")], [("retire", "A")]),
        ([], [known(1, "A", watched=True)], [("stay", "A")]),
        ([], [known(1, "A", origin="settings")], []),
        ([entry("B", was="A")], [known(1, "A")], [("rename", "B")]),
        ([entry("B", was="A")], [known(1, "B")], []),
        ([entry("B", was="A")], [], [("add", "B")]),
        (
            [entry("B", "N", was="A"), entry("A", "S")],
            [known(1, "A", "N"), known(2, "A", "S")],
            [("rename", "B")],
        ),
        ([entry("A", category="X")], [known(1, "A", origin="settings")], [("change", "A")]),
    ],
)
def test_the_plan_is_what_differs(entries, there, asked):
    assert changes(entries, there) == asked


@pytest.mark.parametrize(
    ("entries", "there", "error"),
    [
        ([entry("A"), entry("A", category="X")], [], Invalid),
        ([entry("B", was="A"), entry("A")], [], Invalid),
        ([entry("B", was="A"), entry("C", was="A")], [known(1, "A")], Invalid),
        ([entry("B", was="A")], [known(1, "A"), known(2, "B")], Conflict),
        ([entry("B", was="A")], [known(1, "A", origin="settings")], Conflict),
        (
            [entry("A", category="X")],
            [known(1, "A", origin="settings", category="Y")],
            Conflict,
        ),
    ],
)
def test_a_contradiction_is_refused(entries, there, error):
    with pytest.raises(error):
        plan(entries, there)


def test_what_another_origin_knows_is_added_to_and_not_taken_away():
    [step] = plan([entry("A", category="X")], [known(1, "A", origin="settings", owner="us")])
    assert step.attributes == {"owner": "us", "category": "X"}
    assert step.detail == "category: none → X"


@given(
    st.lists(st.tuples(NAMES, REGIONS), unique=True),
    st.lists(st.tuples(NAMES, REGIONS, st.booleans()), unique_by=lambda each: each[:2]),
)
def test_done_once_there_is_nothing_left_to_do(names, held):
    entries = [entry(name, region, category="X") for name, region in names]
    there = [
        known(number, name, region, lives=lives)
        for number, (name, region, lives) in enumerate(held, 1)
    ]
    assert plan(entries, after(entries, there)) == []
