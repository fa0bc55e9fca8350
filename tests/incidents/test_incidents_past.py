"""Publish, correct, separate, merge: the past is put right, and nothing of it is lost or told twice."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import at, make_component
from tests.incidents.test_incidents_verbs import ADA, NOW, broken, words

from vedette.errors import Conflict, Invalid
from vedette.incidents.close import close_incident, reopen_incident
from vedette.incidents.correct import correct_incident
from vedette.incidents.edit import edit_update
from vedette.incidents.merge import merge_incidents
from vedette.incidents.merge_rules import Course, together
from vedette.incidents.model import Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.postmortem import write_postmortem
from vedette.incidents.publish import publish_incident
from vedette.incidents.reads import affected, incident, updates
from vedette.incidents.separate import separate_components
from vedette.incidents.update import update_incident

BEFORE = {"by": "person:ada", "now": at("10:00")}


async def told(conn) -> list[tuple]:
    """What was told of each component, whichever incident told it."""
    rows = await conn.execute(
        "SELECT component_id, impact, from_at, to_at FROM incidents.span ORDER BY 1, 3, 2"
    )
    return await rows.fetchall()


async def test_a_draft_is_told_to_nobody_until_it_is_published(conn):
    orders = await make_component(conn)
    machine = await open_incident(conn, broken(orders, system=True), **ADA)
    draft = await open_incident(conn, broken(orders, published_at=None), **ADA)
    assert [one[0] for one in await told(conn)] == [orders]
    assert (await incident(conn, machine)).is_open
    await publish_incident(conn, draft, **ADA)
    assert not (await incident(conn, machine)).is_open
    with pytest.raises(Conflict, match="public already"):
        await publish_incident(conn, draft, **ADA)


async def test_a_machines_draft_takes_nobody_out_of_what_a_person_wrote(conn):
    orders = await make_component(conn)
    persons = await open_incident(conn, broken(orders), **ADA)
    draft = await open_incident(conn, broken(orders, system=True, published_at=None), **ADA)
    await publish_incident(conn, draft, by="server", now=NOW, taken=False)
    assert (await incident(conn, persons)).is_open
    assert (await affected(conn, [persons]))[persons][0].left_at is None
    assert (await incident(conn, draft)).system


async def test_two_drafts_of_machines_go_out_one_after_the_other(conn):
    orders = await make_component(conn)
    first = await open_incident(conn, broken(orders, system=True), **ADA)
    draft = await open_incident(conn, broken(orders, system=True, published_at=None), **ADA)
    await publish_incident(conn, draft, by="server", now=NOW, taken=False)
    assert (await incident(conn, first)).status is Status.RESOLVED


async def test_what_is_told_when_it_is_over_says_that_the_past_was_changed(conn):
    number = await open_incident(
        conn, broken(await make_component(conn), ends_at=at("11:00")), **ADA
    )
    held = await incident(conn, number)
    assert (held.status, held.is_open, held.revised_at) == (Status.RESOLVED, False, NOW)


@pytest.mark.parametrize(
    ("status", "starts_at", "last"),
    [
        (Status.ACTIVE, at("10:00"), (Status.COMPLETED, NOW)),
        (Status.PLANNED, at("13:00"), (Status.CANCELLED, None)),
    ],
)
async def test_a_note_ends_too_and_one_ahead_is_called_off(conn, status, starts_at, last):
    given = {"kind": Kind.INFO, "impact": Impact.MAINTENANCE, "status": status}
    number = await open_incident(conn, broken(starts_at=starts_at, **given), **ADA)
    await close_incident(conn, number, **ADA)
    held = await incident(conn, number)
    assert (held.status, held.ends_at, held.is_open) == (*last, False)


async def test_the_end_is_corrected_and_the_change_is_visible(conn):
    orders = await make_component(conn)
    number = await open_incident(conn, broken(orders), **ADA)
    await close_incident(conn, number, **ADA)
    await correct_incident(conn, number, **ADA, starts_at=at("09:00"), ends_at=at("11:00"))
    assert await told(conn) == [(orders, 1, at("09:00"), at("11:00"))]
    assert (await incident(conn, number)).revised_at == NOW
    assert "changed" in await words(conn, number)
    for wrong in (
        {"ends_at": at("08:00")},
        {"starts_at": at("11:30")},
        {"ends_at": NOW + timedelta(minutes=1)},
        {"ends_at": at("11:00")},
        {},
    ):
        with pytest.raises(Invalid):
            await correct_incident(conn, number, **ADA, **wrong)


async def test_an_open_incident_has_a_start_to_correct_and_no_end(conn):
    orders = await make_component(conn)
    number = await open_incident(conn, broken(orders), **ADA)
    with pytest.raises(Conflict, match="close it at that time"):
        await correct_incident(conn, number, **ADA, ends_at=at("11:00"))
    await correct_incident(conn, number, **ADA, starts_at=at("09:30"))
    assert await told(conn) == [(orders, 1, at("09:30"), None)]


async def test_to_separate_changes_nothing_of_what_was_told(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    number = await open_incident(conn, broken(orders, stock), **BEFORE)
    await update_incident(conn, number, **ADA, impact=Impact.OUTAGE, at=at("11:00"))
    before = await told(conn)
    new = await separate_components(conn, number, [stock], **ADA)
    assert await told(conn) == before
    held = await incident(conn, new)
    assert (held.title, held.impact) == ("Orders are slow (Stock)", Impact.OUTAGE)
    assert [one.component_id for one in (await affected(conn, [number]))[number]] == [orders]
    for one, other in ((number, new), (new, number)):
        assert f"](/incidents/{other})" in (await updates(conn, [one]))[one][0].text
    with pytest.raises(Invalid, match="nobody would be left"):
        await separate_components(conn, number, [orders], **ADA)
    with pytest.raises(Invalid, match="does not affect all"):
        await separate_components(conn, number, [orders, stock], **ADA)


async def test_to_separate_and_to_merge_again_is_as_before(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    number = await open_incident(conn, broken(orders, stock), **BEFORE)
    await update_incident(conn, number, **ADA, impact=Impact.MAJOR, at=at("11:00"))
    before = await told(conn)
    new = await separate_components(conn, number, [stock], **ADA)
    await merge_incidents(conn, new, number, **ADA)
    assert await told(conn) == before


async def test_two_become_one_with_their_times_and_their_words(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    early = await open_incident(conn, broken(orders), **BEFORE, text="Slow.")
    late = await open_incident(conn, broken(stock, starts_at=at("11:00"), impact=Impact.OUTAGE, title="Stock"), **ADA)  # fmt: skip
    await close_incident(conn, early, **ADA, at=at("11:30"))
    await merge_incidents(conn, early, late, **ADA)
    assert await told(conn) == [
        (orders, 1, at("10:00"), at("11:00")),
        (orders, 3, at("11:00"), at("11:30")),
        (stock, 3, at("11:00"), None),
    ]
    gone, left = await incident(conn, early), await incident(conn, late)
    assert (gone.merged_into, gone.is_open, left.is_open) == (late, False, True)
    assert (left.starts_at, left.impact) == (at("10:00"), Impact.OUTAGE)
    assert "Slow." in [said.text for said in (await updates(conn, [late]))[late]]
    (note,) = (await updates(conn, [early]))[early]
    assert note.text == f"merged into [Stock](/incidents/{late})"
    for verb in (reopen_incident, correct_incident):
        with pytest.raises(Conflict, match="went into"):
            await verb(conn, early, **ADA)
    with pytest.raises(Conflict, match="went into"):
        await merge_incidents(conn, late, early, **ADA)
    with pytest.raises(Invalid, match="into itself"):
        await merge_incidents(conn, late, late, **ADA)


async def test_one_component_in_both_is_charged_once(conn):
    orders = await make_component(conn)
    one = await open_incident(conn, broken(orders, ends_at=at("11:00")), **ADA)
    two = await open_incident(
        conn, broken(orders, starts_at=at("10:30"), ends_at=at("11:30")), **ADA
    )
    far = await open_incident(
        conn, broken(orders, starts_at=at("11:45"), ends_at=at("11:50")), **ADA
    )
    await merge_incidents(conn, two, one, **ADA)
    await merge_incidents(conn, far, one, **ADA)
    assert await told(conn) == [
        (orders, 1, at("10:00"), at("11:30")),
        (orders, 1, at("11:45"), at("11:50")),
    ]


async def test_a_draft_does_not_slip_into_what_is_public(conn):
    orders = await make_component(conn)
    public = await open_incident(conn, broken(orders), **ADA)
    draft = await open_incident(conn, broken(orders, published_at=None), **ADA)
    with pytest.raises(Conflict, match="publish the draft"):
        await merge_incidents(conn, draft, public, **ADA)


async def test_words_are_edited_and_a_post_mortem_follows_the_end(conn):
    number = await open_incident(conn, broken(await make_component(conn)), **ADA, text="Lok.")
    (said,) = (await updates(conn, [number]))[number]
    await edit_update(conn, number, said.id, "Look.", by="person:bob", now=NOW)
    (said,) = (await updates(conn, [number]))[number]
    assert (said.text, said.edited_at, said.edited_by) == ("Look.", NOW, "person:bob")
    await write_postmortem(conn, number, "A first guess.", **ADA)
    with pytest.raises(Conflict, match="close it"):
        await write_postmortem(conn, number, "It was us.", **ADA, publish=True)
    await close_incident(conn, number, **ADA)
    await write_postmortem(conn, number, "It was us.", **ADA, publish=True)
    await write_postmortem(
        conn, number, "It was them.", by="person:bob", now=NOW + timedelta(days=1)
    )
    held = await incident(conn, number)
    assert (held.postmortem, held.postmortem_at) == ("It was them.", NOW)


async def test_what_a_person_says_comes_in_its_order(conn):
    number = await open_incident(conn, broken(await make_component(conn)), **BEFORE)
    await update_incident(conn, number, **ADA, status=Status.FIXING, at=at("11:00"))
    with pytest.raises(Invalid, match="before what was said"):
        await update_incident(conn, number, **ADA, status=Status.OBSERVING, at=at("10:59"))
    # The reference refused a second word within a minute.
    await update_incident(conn, number, **ADA, status=Status.OBSERVING, at=at("11:00"))


INSTANTS = st.integers(0, 30).map(lambda minute: at("10:00") + timedelta(minutes=minute))


@st.composite
def courses(draw) -> Course:
    start = draw(INSTANTS)
    end = draw(st.none() | INSTANTS.filter(lambda instant: instant >= start))
    later = draw(st.sets(INSTANTS.filter(lambda instant: instant > start), max_size=3))
    impacts = st.sampled_from([Impact.MINOR, Impact.MAJOR, Impact.OUTAGE])
    return Course(start, end, [(since, draw(impacts)) for since in [start, *sorted(later)]])


@given(one=courses(), other=courses())
def test_together_they_weigh_what_the_graver_weighed_then(one, other):
    steps = together(one, other)
    assert steps == together(other, one)
    both = Course(min(one.starts_at, other.starts_at), None, steps)
    for minute in range(31):
        instant = at("10:00") + timedelta(minutes=minute)
        lasting = [course.impact(instant) for course in (one, other) if course.runs(instant)]
        if lasting:
            assert both.impact(instant) == max(lasting)
