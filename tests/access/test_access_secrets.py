"""The secrets of a server are made once, whoever comes first, and open only with their seal."""

import asyncio

import psycopg
import pytest

from vedette.access.secrets import load_or_make_secrets, reseal
from vedette.trust.seal import BrokenSeal, OtherSealKey, Seal

ONE, TWO = b"1" * 32, b"2" * 32


async def test_the_second_time_they_are_the_same(conn):
    made = await load_or_make_secrets(conn, Seal([ONE]))
    again = await load_or_make_secrets(conn, Seal([ONE]))
    assert (again.pepper, again.cookie_key) == (made.pepper, made.cookie_key)
    assert again.authority.fingerprint == made.authority.fingerprint
    assert len(made.pepper) == len(made.cookie_key) == 32


async def test_servers_that_start_at_once_agree(fresh_app_url):
    async def start():
        async with await psycopg.AsyncConnection.connect(fresh_app_url, autocommit=True) as conn:
            return await load_or_make_secrets(conn, Seal([ONE]))

    started = await asyncio.gather(*(start() for _ in range(6)))
    assert len({(s.pepper, s.cookie_key, s.authority.fingerprint) for s in started}) == 1


async def test_with_another_key_it_says_which_file_is_missing(conn):
    await load_or_make_secrets(conn, Seal([ONE]))
    with pytest.raises(OtherSealKey) as refusal:
        await load_or_make_secrets(conn, Seal([TWO]))
    assert "the database was sealed with another key" in str(refusal.value)
    assert "point VEDETTE_SEAL_KEY_FILE at" in str(refusal.value)


async def test_nothing_of_them_can_be_read_in_the_database(conn):
    made = await load_or_make_secrets(conn, Seal([ONE]))
    rows = await (await conn.execute("SELECT sealed FROM access.secret")).fetchall()
    everything = b"".join(bytes(sealed) for (sealed,) in rows)
    for secret in (made.pepper, made.cookie_key, made.authority.key_pem, b"PRIVATE KEY"):
        assert secret not in everything
    assert "pepper" not in repr(made)


async def test_secrets_swapped_in_the_database_do_not_open(owner_conn):
    await load_or_make_secrets(owner_conn, Seal([ONE]))
    await owner_conn.execute(
        "UPDATE access.secret SET sealed = (SELECT sealed FROM access.secret"
        " WHERE name = 'cookie key') WHERE name = 'token pepper'"
    )
    with pytest.raises(BrokenSeal, match="'token pepper' was changed or moved"):
        await load_or_make_secrets(owner_conn, Seal([ONE]))


async def test_what_one_key_does_not_open_leaves_everything_as_it_was(owner_conn):
    await load_or_make_secrets(owner_conn, Seal([ONE]))
    stranger = Seal([b"3" * 32]).seal("authority key 1", b"x")
    await owner_conn.execute(
        "UPDATE access.secret SET sealed = %s WHERE name = 'authority key 1'", (stranger,)
    )
    before = await (await owner_conn.execute("SELECT name, sealed FROM access.secret")).fetchall()
    with pytest.raises(OtherSealKey):
        await reseal(owner_conn, Seal([TWO]).over(Seal([ONE])))
    after = await (await owner_conn.execute("SELECT name, sealed FROM access.secret")).fetchall()
    assert sorted(after) == sorted(before)


async def test_resealing_twice_is_as_once(conn):
    made = await load_or_make_secrets(conn, Seal([ONE]))
    for _ in range(2):
        assert await reseal(conn, Seal([TWO]).over(Seal([ONE]))) == 3
    assert (await load_or_make_secrets(conn, Seal([TWO]))).pepper == made.pepper


async def test_after_resealing_the_old_key_is_not_needed_any_more(conn):
    made = await load_or_make_secrets(conn, Seal([ONE]))
    assert await reseal(conn, Seal([TWO, ONE])) == 3
    again = await load_or_make_secrets(conn, Seal([TWO]))
    assert again.pepper == made.pepper
    with pytest.raises(OtherSealKey):
        await load_or_make_secrets(conn, Seal([ONE]))
