"""Redis goes and comes, nobody hears the database, a server is killed: no error, and no stale green."""

import shutil

import pytest
from faults import SHORT, run


@pytest.mark.slow
async def test_whatever_is_taken_away_nobody_sees_an_error_or_the_past(
    tmp_path, fresh_database_url
):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    counted, said = await run(tmp_path, fresh_database_url, seconds=8, faults=SHORT)
    assert not counted.errors, said
    assert not counted.stale, said
    assert counted.answers["A"] > 50 and counted.answers["B"] > 20, said
