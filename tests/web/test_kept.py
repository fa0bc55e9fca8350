"""What is kept, by what it is told apart, and what is never kept."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

import pytest
from tests.fakes.wire import wire_to
from tests.web.browser import Clock

from vedette.db.pool import connect
from vedette.errors import Missing
from vedette.web.answers import NO_STORE, Answer, Request
from vedette.web.kept import LARGEST, SURE_FOR_S, Keeper
from vedette.web.reader import for_readers


async def until(is_so):
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what changes is in the database
            await asyncio.sleep(0.01)


class Door:
    """A page that counts how often it is made."""

    def __init__(self, answers=None):
        self.made = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers = answers or (lambda made: Answer(b"%d" % made))

    async def __call__(self, request):
        self.made += 1
        made = self.made
        await self.gate.wait()
        return self.answers(made)


def request(path="/", query="", **headers):
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {
        "method": "GET", "path": path, "query_string": query.encode(), "headers": pairs,
    }  # fmt: skip
    return Request(scope, None)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def keeper(fresh_database_url, clock):
    """A keeper that listens to a database of its own; room for about ten small answers."""
    keeper = Keeper(clock, limit=10 * (2 * 10 + 1_024))
    async with following(keeper, fresh_database_url):
        yield keeper


@asynccontextmanager
async def following(keeper, dsn):
    task = asyncio.create_task(keeper.follow(dsn))
    await until(lambda: keeper.turn > 0)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_is_kept_by_path_query_language_and_zone(keeper):
    door = Door()
    page = for_readers(keeper.kept(door, words=("month",)))
    told = [
        request(),
        request("/other"),
        request(query="month=1"),
        request(query="lang=de"),
        request(query="tz=Europe/Berlin"),
        request(cookie="vedette_tz=Asia/Tokyo"),
    ]
    first = [(await page(each)).body for each in told]
    assert len(set(first)) == len(told)
    assert [(await page(each)).body for each in told] == first


async def test_words_it_does_not_know_make_no_other_page(keeper):
    door = Door()
    page = keeper.kept(door, words=("month",))
    asked = [request(query=f"month=1&{n}=x") for n in range(5)]
    assert {(await page(each)).body for each in asked} == {b"1"}
    assert (await page(request(query="month=2&month=1"))).body == b"1", "the last word counts"


async def test_where_the_whole_query_counts_every_other_is_another_page(keeper):
    page = keeper.kept(Door(), words=None)
    assert [(await page(request(query=each))).body for each in ("a=1", "a=2", "a=1")] == [
        b"1", b"2", b"1",
    ]  # fmt: skip


async def test_what_it_depends_on_beside_is_told_apart(keeper):
    page = keeper.kept(Door(), beside=lambda asked: asked.headers[b"host"].decode())
    hosts = ("a", "b", "a")
    assert [(await page(request(host=host))).body for host in hosts] == [b"1", b"2", b"1"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"gone", status=404),
        Answer(b"mine", cache=NO_STORE),
        Answer(b"cookie", headers=((b"set-cookie", b"a=b"),)),
        Answer(bytes(LARGEST + 1)),
    ],
    ids=["not 200", "no-store", "a cookie", "too large"],
)
async def test_what_is_for_one_asker_is_not_kept(keeper, answer):
    door = Door(lambda _: answer)
    page = keeper.kept(door)
    await page(request())
    await page(request())
    assert door.made == 2
    assert answer.lease is None


async def test_a_long_query_is_answered_and_not_kept(keeper):
    door = Door()
    page = keeper.kept(door, words=None)
    for _ in range(2):
        await page(request(query="x=" + "y" * 2_000))
    assert door.made == 2


async def test_what_was_not_asked_for_longest_goes_when_there_is_no_room(keeper):
    door = Door()
    page = keeper.kept(door)
    for n in range(30):
        await page(request(f"/{n}"))
        await page(request("/often"))
    assert door.made == 31
    assert (await page(request("/29"))).body == b"31"
    await page(request("/0"))
    assert door.made == 32


async def test_an_answer_under_way_when_a_notice_comes_is_neither_kept_nor_given_to_later_askers(
    keeper, fresh_database_url
):
    door = Door()
    door.gate.clear()
    page = keeper.kept(door)
    early = [asyncio.create_task(page(request())) for _ in range(20)]
    await until(lambda: door.made == 1)
    turn = keeper.turn
    async with await connect(fresh_database_url) as conn:
        await conn.execute("SELECT pg_notify('vedette_incident', '1')")
    await until(lambda: keeper.turn > turn)
    late = [asyncio.create_task(page(request())) for _ in range(20)]
    await until(lambda: door.made == 2)
    door.gate.set()
    assert {answer.body for answer in await asyncio.gather(*early)} == {b"1"}
    assert {answer.body for answer in await asyncio.gather(*late)} == {b"2"}
    assert (await page(request())).body == b"2"


async def test_a_crowd_shares_a_failure_and_the_next_tries_again(keeper):
    def answers(made):
        if made == 1:
            raise Missing("not yet")
        return Answer(b"there")

    door = Door(answers)
    page = keeper.kept(door)
    met = await asyncio.gather(*(page(request()) for _ in range(20)), return_exceptions=True)
    assert {type(each) for each in met} == {Missing}
    assert (await page(request())).body == b"there"
    assert door.made == 2


async def test_who_leaves_takes_the_answer_from_nobody(keeper):
    door = Door()
    door.gate.clear()
    page = keeper.kept(door)
    first, second = (asyncio.create_task(page(request())) for _ in range(2))
    await until(lambda: door.made == 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    door.gate.set()
    assert (await second).body == b"1"


async def test_a_lease_ends_with_its_time_and_with_the_turn(keeper, clock):
    answer = await keeper.kept(Door())(request())
    assert answer.lease.holds()
    clock.at += timedelta(seconds=30)
    assert not answer.lease.holds()


async def test_a_keeper_that_keeps_for_no_time_keeps_nothing(fresh_database_url, clock):
    keeper = Keeper(clock, kept_for=timedelta(0))
    door = Door()
    async with following(keeper, fresh_database_url):
        page = keeper.kept(door)
        assert [(await page(request())).body for _ in range(2)] == [b"1", b"2"]


class Past:
    """A part of pages that counts how often it is read."""

    def __init__(self, keeper):
        self.keeper, self.read = keeper, 0

    async def __call__(self, *, of="today"):
        async def make():
            self.read += 1
            return self.read

        return await self.keeper.part("past", make, of=of)


async def noticed(keeper, dsn, channel):
    turn = keeper.turn
    async with await connect(dsn) as conn:
        await conn.execute("SELECT pg_notify(%s, '1')", (channel,))
    await until(lambda: keeper.turn > turn)


async def test_a_part_no_incident_alters_outlives_incidents_and_no_other_change(
    keeper, fresh_database_url
):
    past, page = Past(keeper), keeper.kept(Door())
    assert (await past(), (await page(request())).body) == (1, b"1")
    await noticed(keeper, fresh_database_url, "vedette_incident")
    assert (await past(), (await page(request())).body) == (1, b"2")
    for times, channel in enumerate(("vedette_transition", "vedette_fleet"), 2):
        await noticed(keeper, fresh_database_url, channel)
        assert [await past(), await past()] == [times, times]


async def test_a_part_is_kept_no_longer_than_a_page_and_not_for_another_day(keeper, clock):
    past = Past(keeper)
    assert [await past(), await past(), await past(of="tomorrow")] == [1, 1, 2]
    clock.at += timedelta(seconds=31)
    assert await past(of="tomorrow") == 3


async def test_nothing_is_kept_of_a_part_by_who_does_not_listen(clock):
    past = Past(Keeper(clock))
    assert [await past(), await past()] == [1, 2]


async def test_a_part_that_was_read_before_a_change_is_not_kept(keeper, fresh_database_url):
    async def make():
        await noticed(keeper, fresh_database_url, "vedette_transition")
        return "before"

    assert await keeper.part("past", make, of="") == "before"
    assert await Past(keeper)() == 1


async def test_over_a_network_that_fell_silent_no_page_from_before_a_change_is_sent_for_longer_than_a_second(
    fresh_database_url, clock
):
    state = "green"
    keeper = Keeper(clock)
    page = keeper.kept(Door(lambda _: Answer(state.encode())))
    async with wire_to(fresh_database_url) as wire, following(keeper, wire.dsn):
        assert (await page(request())).body == b"green"
        wire.carries.clear()
        state = "red"
        await noticed_by_nobody(fresh_database_url)
        changed_at = asked_at = monotonic()
        while (await page(request())).body == b"green":
            assert asked_at - changed_at < SURE_FOR_S
            await asyncio.sleep(0.01)
            asked_at = monotonic()
        wire.carries.set()


async def noticed_by_nobody(dsn):
    """Tell of a change whoever can hear it."""
    async with await connect(dsn) as conn:
        await conn.execute("SELECT pg_notify('vedette_transition', '1')")


async def test_a_network_that_was_silent_for_a_moment_costs_no_page(fresh_database_url, clock):
    door, keeper = Door(), Keeper(clock)
    page = keeper.kept(door)
    async with wire_to(fresh_database_url) as wire, following(keeper, wire.dsn):
        assert (await page(request())).body == b"1"
        wire.carries.clear()
        await until(lambda: not keeper.is_sure())
        assert (await page(request())).body == b"2"
        wire.carries.set()
        await until(keeper.is_sure)
        assert (await page(request())).body == b"2"


async def test_a_part_is_made_anew_while_nobody_can_say_that_it_is_right(fresh_database_url, clock):
    keeper = Keeper(clock)
    past = Past(keeper)
    async with wire_to(fresh_database_url) as wire, following(keeper, wire.dsn):
        assert [await past(), await past()] == [1, 1]
        wire.carries.clear()
        await until(lambda: not keeper.is_sure())
        assert [await past(), await past()] == [2, 3]
        wire.carries.set()
