"""What is pushed becomes reports of targets that its labels name."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from tests.health.arrange import rows

from factories import make_target
from vedette.errors import Denied
from vedette.fleet.assign import reassign
from vedette.fleet.declare import declare
from vedette.fleet.model import Declaration, DeclaredTarget
from vedette.health import deadman, reads
from vedette.health.feed_reads import layouts
from vedette.health.intake import Intake, Pushed, target_name
from vedette.health.intake_fold import SETTLE, Fold
from vedette.health.intake_options import IntakeOptions

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def series(name, *samples, job="node", instance="a:9100", **labels):
    """Samples are (value, seconds after NOW)."""
    pairs = {"__name__": name, "job": job, "instance": instance, **labels}
    at = [round((NOW + timedelta(seconds=after)).timestamp() * 1e6) for _, after in samples]
    return Pushed(tuple(pairs.items()), at, [float(value) for value, _ in samples])


@pytest.fixture
def intake():
    return Intake(IntakeOptions())


async def push(conn, intake, *pushed, after=0.0, connector="remote_write"):
    now = NOW + timedelta(seconds=after)
    return await intake.take(conn, pushed, connector=connector, now=now)


async def fold(conn, *, after, into=None):
    return await (into or Fold()).run_once(conn, now=NOW + timedelta(seconds=after))


async def reports(conn, name="node@a:9100"):
    """Return (seconds after NOW, state, {name entity: value}) of each report, oldest first."""
    found = await rows(
        conn,
        """SELECT r.at, r.state, r.layout_id, r."values" FROM health.report r
        JOIN fleet.target t ON t.id = r.target_id WHERE t.name = %s ORDER BY r.at, r.layout_id""",
        name,
    )
    known = await layouts(conn, [layout for _, _, layout, _ in found])
    return [
        (
            (at - NOW) / SECOND,
            state,
            {
                f"{n}{e}": v
                for n, e, v in zip(known[layout].names, known[layout].entities, values, strict=True)
            },
        )
        for at, state, layout, values in found
    ]


async def test_the_samples_of_one_instant_are_one_report(conn, intake):
    taken = await push(
        conn,
        intake,
        series("up", (1, 0), (1, 15)),
        series("load", (0.5, 0), (0.7, 15), cpu="0"),
        after=16,
    )
    assert (taken.written, taken.refused) == (4, 0)
    assert await fold(conn, after=19) == 2
    assert await reports(conn) == [
        (0, 0, {"up": 1, 'load{cpu="0"}': 0.5}),
        (15, 0, {"up": 1, 'load{cpu="0"}': 0.7}),
    ]
    target = await reads.target(conn, "node@a:9100")
    assert (target.state, target.connector, target.agents) == ("up", "remote_write", ["intake"])


async def test_the_pieces_of_a_scrape_are_gathered_until_it_is_quiet(conn, intake):
    await push(conn, intake, series("a", (1, 0)), after=1)
    await push(conn, intake, series("b", (2, 0)), after=2.5)
    folding = Fold()
    assert await fold(conn, after=1 + SETTLE / SECOND, into=folding) == 0
    assert await fold(conn, after=2.5 + SETTLE / SECOND, into=folding) == 1
    assert [values for _, _, values in await reports(conn)] == [{"a": 1, "b": 2}]
    assert await rows(conn, "SELECT * FROM health.intake_push") == []


async def test_of_a_push_only_what_is_quiet_is_done(conn, intake):
    await push(conn, intake, series("a", (1, 0), (2, 15)), after=15)
    await push(conn, intake, series("b", (3, 15)), after=18)
    folding = Fold()
    assert await fold(conn, after=18.5, into=folding) == 1
    assert [v for _, _, v in await reports(conn)] == [{"a": 1}]
    assert await fold(conn, after=21, into=folding) == 1
    assert [v for _, _, v in await reports(conn)] == [{"a": 1}, {"a": 2, "b": 3}]


async def test_a_push_that_comes_twice_is_one_sample(conn, intake):
    for _ in range(2):
        await push(conn, intake, series("a", (1, 0)), after=1)
    assert await fold(conn, after=5) == 1
    assert await reports(conn) == [(0, 0, {"a": 1})]


async def test_a_stale_mark_ends_a_series(conn, intake):
    await push(conn, intake, series("a", (1, 0), (1, 15)), series("b", (2, 0), (math.nan, 15)))
    await fold(conn, after=20)
    assert [values for _, _, values in await reports(conn)] == [{"a": 1, "b": 2}, {"a": 1}]


async def test_nothing_but_ends_is_no_look(conn, intake):
    await push(conn, intake, series("a", (1, 0), (math.nan, 15)))
    await fold(conn, after=20)
    assert [at for at, _, _ in await reports(conn)] == [0]
    assert await rows(conn, "SELECT * FROM health.intake_push") == []


async def test_up_at_zero_is_down_after_the_usual_patience(conn, intake):
    await push(conn, intake, series("up", *((0, 15 * n) for n in range(3))), after=31)
    await fold(conn, after=34)
    target = await reads.target(conn, "node@a:9100")
    assert (target.state, target.error_class) == ("down", "unhealthy")
    assert target.reason == "its sender could not scrape it: up is 0"


async def test_what_comes_late_is_kept_and_changes_no_state(conn, intake):
    folding = Fold()
    await push(conn, intake, series("up", (1, 60)), series("load", (7, 60)), after=60)
    await fold(conn, after=63, into=folding)
    await push(conn, intake, series("up", *((0, 15 * n) for n in range(4))), after=64)
    await fold(conn, after=67, into=folding)
    assert len(await reports(conn)) == 5
    await push(
        conn, intake, series("up", *((0, 15 * n) for n in range(3)), instance="b:9100"), after=68
    )
    await push(conn, intake, series("up", *((0, 5 * n) for n in range(4))), after=68)
    await fold(conn, after=71)  # a server that has just begun
    target = await reads.target(conn, "node@a:9100")
    assert target.state == "up"
    assert await rows(conn, "SELECT max(at) FROM health.observation") == [(NOW + 60 * SECOND,)]


async def test_what_a_turn_that_failed_had_learnt_is_learnt_anew(conn, intake, monkeypatch):
    async def fail(*_, **__):
        raise OSError("the disk is full")

    folding = Fold()
    await push(conn, intake, series("up", *((0, 15 * n) for n in range(3))), after=31)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="disk"):
        patched.setattr("vedette.health.intake_fold.record", fail)
        await fold(conn, after=34, into=folding)
    assert await fold(conn, after=35, into=folding) == 3
    assert [values for _, _, values in await reports(conn)] == [{"up": 0}] * 3
    assert (await reads.target(conn, "node@a:9100")).state == "down"


async def test_a_scrape_that_is_pushed_again_later_is_one_look(conn, intake):
    folding = Fold()
    for after in (1, 11, 21):
        await push(conn, intake, series("up", (0, 0)), after=after)
        await fold(conn, after=after + 3, into=folding)
    assert (await reads.target(conn, "node@a:9100")).state == "unknown"


async def test_what_a_rule_says_of_a_target_is_no_scrape_that_succeeded(conn, intake):
    alert = series("ALERTS", *((1, 7 + 15 * n) for n in range(3)), alertname="InstanceDown")
    await push(conn, intake, series("up", *((0, 15 * n) for n in range(3))), alert, after=38)
    await fold(conn, after=41)
    target = await reads.target(conn, "node@a:9100")
    assert (target.state, target.reason) == ("down", "its sender could not scrape it: up is 0")
    assert len(await reports(conn)) == 6


async def test_silence_makes_a_target_unknown(conn):
    intake = Intake(IntakeOptions(silent_after=timedelta(seconds=30)))
    await push(conn, intake, series("up", (1, 0)))
    await fold(conn, after=3)
    for after in range(0, 60, 5):
        await deadman.run_once(conn, now=NOW + timedelta(seconds=after))
    target = await reads.target(conn, "node@a:9100")
    assert (target.state, target.reason) == ("unknown", "no report from intake")


async def test_targets_and_series_are_bounded(conn):
    intake = Intake(IntakeOptions(max_targets=1, max_series=2))
    taken = await push(
        conn,
        intake,
        series("a", (1, 0)),
        series("b", (1, 0)),
        series("c", (1, 0)),
        series("a", (1, 0), instance="b:9100"),
    )
    assert (taken.written, taken.refused) == (2, 2)
    assert "has 2 series" in taken.why
    taken = await push(conn, intake, series("a", (1, 1), instance="c:9100"))
    assert (taken.written, taken.refused) == (0, 1)
    assert "there are 1 already" in taken.why


async def test_a_name_that_is_declared_stays_with_who_declared_it(conn, intake):
    await make_target(conn, "node@a:9100")
    taken = await push(conn, intake, series("a", (1, 0)))
    assert (taken.written, taken.refused) == (0, 1)


async def test_whoever_declares_a_name_that_was_pushed_gets_it(conn, intake):
    await push(conn, intake, series("a", (1, 0)))
    declaration = Declaration(
        targets=(DeclaredTarget(name="node@a:9100", connector="tcp", agents=("local",)),)
    )
    await declare(conn, declaration, origin="settings", now=NOW)
    assert (await reads.target(conn, "node@a:9100")).connector == "tcp"
    await fold(conn, after=3)
    assert await reports(conn) == []


async def test_other_labels_may_name_a_target(conn):
    intake = Intake(IntakeOptions(target_labels=("cluster",)))
    await push(conn, intake, series("a", (1, 0), cluster="eu-1"), connector="otlp")
    await fold(conn, after=3)
    assert await reports(conn, "eu-1") == [(0, 0, {'a{instance="a:9100",job="node"}': 1})]


async def test_a_sample_from_ahead_of_us_is_dated_now(conn, intake):
    await push(conn, intake, series("a", (1, 300)))
    await fold(conn, after=3)
    assert [at for at, _, _ in await reports(conn)] == [3]


async def test_what_was_pushed_before_a_restart_is_a_report_after_it(conn, intake):
    await push(conn, intake, series("a", (1, 0)))
    await push(conn, Intake(), series("a", (2, 15)), after=15)
    await fold(conn, after=20, into=Fold())
    assert [values for _, _, values in await reports(conn)] == [{"a": 1}, {"a": 2}]
    assert await rows(conn, "SELECT count(*) FROM health.intake_series") == [(1,)]


async def test_series_nobody_sends_are_forgotten_after_a_day(conn, intake):
    folding = Fold()
    await push(conn, intake, series("a", (1, 0)), series("b", (1, 0)))
    await fold(conn, after=3, into=folding)
    later = 90_000.0
    await push(conn, intake, series("a", (1, later)), after=later)
    await fold(conn, after=later + 3, into=folding)
    assert await rows(conn, "SELECT name FROM health.intake_series") == [("a",)]


async def test_a_revoked_stand_in_takes_nothing_in(conn, intake):
    await push(conn, intake, series("a", (1, 0)))
    await conn.execute("UPDATE fleet.agent SET revoked_at = now() WHERE kind = 'intake'")
    with pytest.raises(Denied, match="revoked"):
        await push(conn, intake, series("b", (1, 0), instance="b:9100"))


async def test_everyone_does_not_mean_the_stand_in(conn, intake):
    await push(conn, intake, series("a", (1, 0)))
    await conn.execute(
        """INSERT INTO fleet.target (name, slug, connector, every_ms, timeout_ms, agents, origin)
        VALUES ('all', 'all', 'tcp', 1000, 1000, '{*}', 'settings')"""
    )
    await reassign(conn)
    assigned = await rows(
        conn,
        """SELECT t.name FROM fleet.assignment x JOIN fleet.target t ON t.id = x.target_id
        JOIN fleet.agent a ON a.id = x.agent_id WHERE a.kind = 'intake'""",
    )
    assert assigned == [("node@a:9100",)]


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("node", "10.0.0.1:9100"), "node@10.0.0.1:9100"),
        (("shop/api", ""), "shop_api"),
        (("", ""), "unlabelled"),
        (("<script>", "a b"), "_script_@a_b"),
        (("..", "x"), "x"),
    ],
)
def test_a_target_is_named_by_its_labels_so_that_a_url_can_hold_it(parts, name):
    assert target_name(parts) == name
