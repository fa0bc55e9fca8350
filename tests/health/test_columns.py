"""Columns into PostgreSQL's binary COPY, against PostgreSQL itself."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from factories import make_partition
from vedette.health.columns import NO_ANSWER, Columns, joined, last_of_each, picked
from vedette.health.record import COPY_REPORTS, copy_rows

NOON_US = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1e6)

reports = st.lists(
    st.tuples(
        st.integers(1, 2**31 - 1),
        st.integers(0, 43_199_999_999),
        st.integers(0, 5),
        st.integers(0, 32_000),
        st.one_of(st.just(NO_ANSWER), st.integers(0, 60_000_000)),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    ),
    min_size=1,
    max_size=30,
)


def made(rows) -> Columns:
    return Columns(
        target=np.array([row[0] for row in rows], dtype=np.uint32),
        at=np.array([NOON_US + row[1] for row in rows], dtype=np.int64),
        state=np.array([row[2] for row in rows], dtype=np.uint8),
        error=np.array([row[3] for row in rows], dtype=np.int16),
        rtt=np.array([row[4] for row in rows], dtype=np.uint32),
        layout=np.array([len(row[5]) for row in rows], dtype=np.int32),
        lengths=np.array([len(row[5]) for row in rows], dtype=np.int32),
        values=np.array([value for row in rows for value in row[5]], dtype=np.float64),
    )


async def test_postgresql_reads_back_what_was_written(owner_conn):
    conn = owner_conn
    await make_partition(conn)

    rows = [
        (7, 0, 0, 0, 1500, [1.5, -2.25]),
        (2**31 - 1, 43_199_999_999, 5, 32_000, NO_ANSWER, []),
        (8, 1, 3, 4, 0, [1e308, -0.0, 5e-324]),
        (7, 5, 1, 0, 60_000_000, [3.0, 4.0]),
    ]
    async with conn.cursor() as cursor, cursor.copy(COPY_REPORTS) as copy:
        await copy.write(copy_rows(made(rows), np.array([1, 2, 3, 4], dtype=np.int32)))
    cursor = await conn.execute(
        """SELECT target_id, extract(epoch FROM at)::numeric * 1000000, agent_id, layout_id, rtt_s, state,
        error_class_id, "values" FROM health.report ORDER BY agent_id"""
    )
    for got, row, agent in zip(await cursor.fetchall(), rows, [1, 2, 3, 4], strict=True):
        assert got[0] == row[0]
        assert int(got[1]) == NOON_US + row[1]
        assert (got[2], got[3], got[5], got[6], got[7]) == (
            agent,
            len(row[5]),
            row[2],
            row[3],
            row[5],
        )
        assert np.isnan(got[4]) if row[4] == NO_ANSWER else abs(got[4] - row[4] / 1e6) < 1e-5


@given(reports)
def test_every_row_is_written_whole(rows):
    content = copy_rows(made(rows), np.ones(len(rows), dtype=np.int32))
    body = content[19:-2]
    seen = 0
    while body:
        assert body[:2] == b"\x00\x08"
        body = body[2:]
        for _ in range(8):
            size = int.from_bytes(body[:4], "big")
            body = body[4 + size :]
        seen += 1
    assert seen == len(rows)


@given(reports, reports)
def test_joining_and_picking_lose_and_mix_nothing(first, second):
    rows = first + second
    both = joined([made(first), made(second)])
    chosen = np.array(range(0, len(rows), 2))
    half = picked(both, chosen)
    starts = np.concatenate(([0], np.cumsum(half.lengths)))
    for place, number in enumerate(chosen):
        row = rows[number]
        assert half.target[place] == row[0]
        assert list(half.values[starts[place] : starts[place + 1]]) == row[5]


@given(st.lists(st.integers(0, 5), min_size=1))
def test_the_last_row_of_each_key_is_found(keys):
    last = last_of_each(np.array(keys, dtype=np.uint64))
    assert sorted(last) == sorted({key: row for row, key in enumerate(keys)}.values())
