import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import conninfo
from psycopg_pool import PoolTimeout
from psycopg_pool.base import AttemptWithBackoff

from vedette.db.pool import as_role, as_url, connect, normalise_dsn, open_pool, parameters
from vedette.db.trouble import place, refuse_old_server
from vedette.errors import Denied, Invalid, Missing, Unavailable

text = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20)
urls = st.builds(
    lambda user, password, host, port, name: as_url(
        {"user": user, "password": password, "host": host, "port": port, "dbname": name}
    ),
    text,
    text,
    st.sampled_from(["127.0.0.1", "db.example", "::1", "/run/postgresql"]),
    st.integers(1, 65535).map(str),
    text,
)


@given(urls)
def test_every_spelling_of_a_url_means_the_same(url):
    rest = url.removeprefix("postgresql:")
    spellings = [f"{scheme}:{rest}" for scheme in ("postgres", "postgresql", "postgresql+psycopg")]
    assert {normalise_dsn(spelling) for spelling in spellings} == {url}


@given(urls)
def test_normalising_twice_changes_nothing(url):
    assert normalise_dsn(normalise_dsn(url)) == normalise_dsn(url)


@given(user=text, password=text, name=text)
def test_a_url_says_what_it_was_made_of(user, password, name):
    parts = {"user": user, "password": password, "host": "h", "port": "1", "dbname": name}
    assert conninfo.conninfo_to_dict(as_url(parts)) == parts


@given(urls, text, text)
def test_as_another_role_only_the_login_differs(url, role, password):
    before, after = (conninfo.conninfo_to_dict(u) for u in (url, as_role(url, role, password)))
    assert after == before | {"user": role, "password": password}


def test_the_password_of_one_role_is_not_tried_for_another():
    url = as_role("postgres://a:secret@h/d", "b")
    assert "secret" not in url
    assert as_role("postgres://a:secret@h/d", "a") == "postgresql://a:secret@h/d"


@given(urls)
def test_where_a_url_leads_is_said_without_its_password(url):
    parts = conninfo.conninfo_to_dict(url)
    host = parts["host"] if parts["host"].startswith("/") else f"{parts['host']}:{parts['port']}"
    assert place(url) == f"{parts['dbname']}@{host}".lstrip("@")


def test_libpqs_own_spelling_is_taken_as_it_is():
    assert normalise_dsn("host=/run dbname=x") == "host=/run dbname=x"


@pytest.mark.parametrize(
    "url", ["mysql://a:secret@h/d", "postgresql://a:secret@h:port/d", "nonsense", ""]
)
def test_what_is_no_database_url_is_refused_without_showing_it(url):
    with pytest.raises(Invalid) as refused:
        normalise_dsn(url)
    assert "secret" not in str(refused.value)


def test_times_come_back_in_utc_and_the_url_has_the_last_word():
    assert parameters("postgres://h/d")["options"] == "-c timezone=UTC"
    own = parameters("postgres://h/d?connect_timeout=3&options=-c%20work_mem%3D1MB")
    assert own["connect_timeout"] == "3"
    assert own["options"] == "-c work_mem=1MB -c timezone=UTC"


async def test_nobody_there_is_said_in_one_sentence():
    with pytest.raises(
        Unavailable, match=r"PostgreSQL at d@127\.0\.0\.1:1 does not answer"
    ) as error:
        await open_pool("postgres://u:secret@127.0.0.1:1/d")
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


async def test_a_wrong_password_is_said(cluster):
    wrong = as_role(cluster.url("postgres"), "vedette_owner", "wrong")
    if "passfile" not in wrong:
        pytest.skip("this server may ask nobody for a password")
    with pytest.raises(Denied, match="refused the password of vedette_owner"):
        await open_pool(wrong)


async def test_a_missing_database_is_said(cluster):
    with pytest.raises(Missing, match=r"there is no database nowhere@.*vedette db create"):
        await connect(cluster.admin.replace("/postgres?", "/nowhere?"))


def test_a_server_too_old_is_said():
    refuse_old_server(150000, "postgres://h/d")
    with pytest.raises(Unavailable, match="is version 14; Vedette needs 15 or newer"):
        refuse_old_server(140012, "postgres://h/d")


async def lose_all(pool, admin):
    """End every connection of that pool; others run tests on the same server."""
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
        (pool.kwargs["dbname"],),
    )


async def test_a_pool_survives_the_loss_of_its_connections(cluster, fresh_database_url):
    pool = await open_pool(fresh_database_url, min_size=2, max_size=2)
    async with pool, await connect(cluster.admin) as admin:
        await pool.wait()
        await lose_all(pool, admin)
        for _ in range(3):
            async with pool.connection() as conn:
                assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_a_database_that_was_away_for_long_is_found_soon_after_it_is_back(
    cluster, fresh_database_url, monkeypatch
):
    # As after an hour of tries, each after twice the pause: the next one is far away.
    monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", 600.0)
    monkeypatch.setattr("vedette.db.pool.RECONNECT_S", 1)
    pool = await open_pool(fresh_database_url, max_size=2)
    async with pool, await connect(cluster.admin) as admin:
        there = pool.kwargs["host"]
        await pool.wait()
        pool.kwargs["host"] = "/nowhere"
        await lose_all(pool, admin)
        with pytest.raises(PoolTimeout):
            await pool.getconn(timeout=2)
        pool.kwargs["host"] = there
        async with asyncio.timeout(60):
            while not await answers(pool):
                pass


async def answers(pool):
    try:
        async with pool.connection(timeout=2) as conn:
            return bool(await conn.execute("SELECT 1"))
    except PoolTimeout:
        return False


async def test_a_login_that_is_given_up_halfway_is_closed_though_the_error_is_kept():
    called = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(
        lambda reader, writer: called.set_result((reader, writer)), "127.0.0.1", 0
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        trying = asyncio.create_task(connect(f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable"))
        reader, writer = await called
        await reader.readexactly(8)  # it says who it is, and waits for an answer
        trying.cancel()
        with pytest.raises(asyncio.CancelledError) as kept:
            await trying
        assert kept.value is not None
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
