"""No change is missed though ids become visible out of order (vedette.link.progress)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.link.progress import Progress

NOBODY = frozenset[str]()


def holes(progress):
    return [(hole.first, hole.last) for hole in progress.holes]


def test_what_comes_in_order_leaves_no_hole():
    progress = Progress(above=4)
    progress.saw([5, 6, 7])
    assert (progress.high, progress.mark, holes(progress)) == (7, 7, [])


def test_ids_that_were_not_there_are_a_hole_and_hold_the_mark_back():
    progress = Progress(above=4)
    progress.saw([5, 9])
    assert (progress.high, progress.mark, holes(progress)) == (9, 5, [(6, 8)])


def test_a_row_that_appears_in_a_hole_splits_it():
    progress = Progress(above=0)
    progress.saw([1, 9])
    progress.saw([5])
    assert holes(progress) == [(2, 4), (6, 8)]
    progress.saw([2, 3, 4, 6, 7, 8])
    assert holes(progress) == []
    assert progress.mark == 9


def test_a_hole_stays_while_one_who_may_fill_it_lives():
    progress = Progress(above=0)
    progress.saw([2])
    progress.ask(frozenset({"3/71", "4/12"}))
    progress.settle()
    progress.ask(frozenset({"4/12", "5/1"}))
    progress.settle()
    assert holes(progress) == [(1, 1)]


def test_a_hole_is_given_up_when_all_who_could_fill_it_have_ended():
    progress = Progress(above=0)
    progress.saw([2])
    progress.ask(frozenset({"3/71"}))
    progress.settle()
    progress.ask(frozenset({"5/1"}))  # began later: its ids are higher
    progress.settle()
    assert holes(progress) == []
    assert progress.mark == 2


def test_a_hole_is_never_given_up_by_the_read_that_found_it():
    progress = Progress(above=0)
    progress.ask(NOBODY)  # before the read, so it says nothing of who writes now
    progress.saw([2])
    progress.settle()
    assert holes(progress) == [(1, 1)]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_committed_id_is_seen_once_whatever_the_order(data):
    """Play writers against the reader: each draws ids, then commits or rolls back, at any time."""
    progress, next_id, seen = Progress(above=0), 1, []
    drawn: dict[str, list[int]] = {}
    table: set[int] = set()
    committed: set[int] = set()

    def read():
        if progress.holes:
            progress.ask(frozenset(drawn))
        ids = sorted(
            it
            for it in table
            if it > progress.high or any(a <= it <= b for a, b in holes(progress))
        )
        progress.saw(ids)
        progress.settle()
        seen.extend(ids)

    for step in range(data.draw(st.integers(0, 40))):
        match data.draw(st.sampled_from(["draw", "draw", "end", "read"])):
            case "draw":
                writer = data.draw(st.sampled_from(["a", "b", "c", f"w{step}"]))
                drawn.setdefault(writer, []).append(next_id)
                next_id += 1
            case "end" if drawn:
                ids = drawn.pop(data.draw(st.sampled_from(sorted(drawn))))
                if data.draw(st.booleans()):
                    table.update(ids)
                    committed.update(ids)
            case _:
                read()
    for writer in list(drawn):
        table.update(drawn[writer])
        committed.update(drawn.pop(writer))
    for _ in range(3):
        read()
    assert sorted(seen) == sorted(committed)
    assert progress.holes == []
