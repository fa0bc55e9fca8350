"""The 90-day bar: what it draws and what it says."""

import re
from datetime import date

import msgspec

from vedette.web.bars import GRAVEST_FIRST, WIDTH, Day, bar, first_day
from vedette.web.reads import Days

TODAY = date(2026, 11, 21)
FULL = 86_400.0


def days(quiet=range(90), *troubled: Day) -> Days:
    off = {day.nth for day in troubled}
    up = FULL * 90 - sum(FULL - day.up_s for day in troubled)
    seen = FULL * 90 - sum(day.noted[-1] for day in troubled)
    bits = ["1" if nth in quiet and nth not in off else "0" for nth in range(90)]
    return Days(1, up, seen, "".join(bits), msgspec.json.encode(troubled).decode())


def day(nth: int, **seconds: float) -> Day:
    noted = tuple(float(seconds.get(state.word, 0)) for state in GRAVEST_FIRST)
    return Day(nth, FULL - sum(noted), noted)


def test_the_last_cell_is_today():
    ends = bar(days(range(90), day(0, down=60), day(89, down=60)), TODAY)
    assert ends.noted == "<li>21 Nov: down 1 min</li><li>24 Aug: down 1 min</li>"
    assert first_day(TODAY) == date(2026, 8, 24)


def test_a_quiet_bar_is_one_stroke_and_nothing_to_note():
    quiet = bar(days(), TODAY)
    assert quiet.svg.count("<path") == 1
    assert f"M0 19h{WIDTH - 2}" in quiet.svg
    assert quiet.summary == "Up 100 % of the time seen in 90 days."
    assert quiet.noted == quiet.tally == ""


def test_days_nobody_watched_interrupt_the_stroke():
    young = bar(days(quiet=[80, 81, 85]), TODAY)
    assert "M480 19h10M510 19h4" in young.svg


def test_a_component_nobody_ever_watched_has_an_empty_bar():
    empty = bar(None, TODAY)
    assert "bar-quiet" not in empty.svg
    assert (empty.share, empty.summary) == ("–", "Not watched yet.")


def test_a_day_with_trouble_says_what_and_how_long():
    one = bar(days(range(90), day(88, down=3_780, degraded=240)), TODAY)
    assert one.noted == "<li>20 Nov: down 1 h 3 min, degraded 4 min</li>"
    assert "<title>20 Nov: down 1 h 3 min, degraded 4 min</title>" in one.svg
    assert one.share == "99.94 %"


def test_the_worst_state_gives_the_tone_and_the_share_the_depth():
    half = bar(days(range(90), day(10, down=1, degraded=43_199)), TODAY)
    assert 'class="bar-down" d="M60 0h4v15h-4z"' in half.svg


def test_even_a_second_of_trouble_is_seen():
    brief = bar(days(range(90), day(10, down=1)), TODAY)
    assert re.search(r'class="bar-down" d="M60 0h4v10', brief.svg)


def test_a_whole_day_of_trouble_leaves_no_green():
    whole = bar(days(range(90), day(10, down=FULL)), TODAY)
    assert 'd="M60 0h4v30h-4z"' in whole.svg
    assert "bar-up" not in whole.svg


def test_our_blindness_is_not_their_trouble():
    blind = bar(days(range(90), day(10, unknown=FULL)), TODAY)
    assert blind.tally == "1 day unseen"
    assert blind.share == "100 %"
    assert 'class="bar-unknown" d="M60 8h4v22h-4z"' in blind.svg


def test_the_latest_day_is_noted_first():
    both = bar(days(range(90), day(1, down=60), day(89, unknown=60)), TODAY)
    assert both.noted == "<li>21 Nov: unknown 1 min</li><li>25 Aug: down 1 min</li>"
    assert both.tally == "1 day with trouble, 1 unseen"
