async def test_a_test_gets_a_database_with_all_tables(conn):
    found = await conn.execute("SELECT count(*) FROM fleet.region")
    assert await found.fetchone() == (0,)


async def test_the_tests_speak_as_the_application(conn):
    assert await (await conn.execute("SELECT current_user")).fetchone() == ("vedette_app",)


async def test_what_one_test_writes(conn):
    await conn.execute("INSERT INTO fleet.region (name, slug) VALUES ('EU-DE', 'eu-de')")


async def test_the_next_does_not_see(conn):
    assert await (await conn.execute("SELECT * FROM fleet.region")).fetchone() is None


async def test_a_fresh_database_is_the_tests_own(conn, fresh_database_url, database_url):
    assert fresh_database_url != database_url
