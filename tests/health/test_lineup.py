"""Which values stand in a report: as many as there are, for as few layouts as can be."""

from array import array

from vedette.health.lineup import BURST, REFILL_LOOKS, Lineup


def counting():
    made = []

    def name(places):
        made.append(tuple(places))
        return len(made)

    return Lineup(name), made


def test_the_same_places_are_the_same_layout():
    lineup, made = counting()
    first = lineup.choose(3, set())
    assert lineup.choose(3, set()) is first
    assert first.values(array("d", [1, 2, 3])) == array("d", [1, 2, 3])
    assert made == [(), (0, 1, 2)]


def test_what_comes_and_goes_uses_its_layouts_again():
    lineup, made = counting()
    for _ in range(50):
        assert lineup.choose(3, {1}).values(array("d", [1, 2, 3])) == array("d", [1, 3])
        assert list(lineup.choose(3, set()).places) == [0, 1, 2]
    assert len(made) == 1 + 2


def test_when_the_budget_is_spent_new_places_wait_and_lost_ones_leave():
    lineup, made = counting()
    for size in range(1, BURST + 1):
        assert lineup.choose(size, set()).held_back == 0
    chosen = lineup.choose(BURST + 3, {0})
    assert list(chosen.places) == list(range(1, BURST))
    assert chosen.held_back == 3
    again = lineup.choose(BURST + 4, {0})
    assert (again.named, again.held_back) == (chosen.named, 4)
    assert len(made) == 1 + BURST + 1


def test_the_budget_fills_again_slowly():
    lineup, _ = counting()
    for size in range(1, BURST + 1):
        lineup.choose(size, set())
    waited = next(n for n in range(100) if lineup.choose(BURST + 1, set()).held_back == 0)
    assert 0 < waited <= REFILL_LOOKS


def test_what_came_and_went_of_late_waits_with_what_is_new():
    lineup, _ = counting()
    for size in range(1, BURST + 1):
        lineup.choose(size, set())
    for looks in range(3):
        lineup.choose(BURST, {looks})
    assert list(lineup.choose(BURST, {5}).places) == [3, 4, *range(6, BURST)]


def test_layouts_are_bounded_whatever_a_target_does():
    lineup, made = counting()
    for look in range(1_000):
        size = 100 + look
        out = {place for place in range(size) if place % (look % 7 + 2) == 0}
        chosen = lineup.choose(size, out)
        assert out.isdisjoint(chosen.places)
        assert len(chosen.places) + chosen.held_back == size - len(out)
    assert len(made) <= 2 * BURST + 1_000 / REFILL_LOOKS + 1


def test_beginning_anew_does_not_fill_the_budget():
    lineup, made = counting()
    for look in range(100):
        lineup.begin_anew()
        lineup.choose(look + 1, set())
    assert len(made) < 30


def test_nothing_at_all_can_be_chosen():
    lineup, _ = counting()
    assert lineup.choose(2, {0, 1}).values(array("d", [1, 2])) == array("d")
    assert lineup.choose(2, {0}).values(array("d", [1, 2])) == array("d", [2])
