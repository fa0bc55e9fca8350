"""Reading the settings file again while the server runs."""

from types import SimpleNamespace

import psycopg
from structlog.testing import capture_logs

from vedette.app.program import NOT_APPLIED, reload


async def test_a_database_that_is_away_at_sighup_is_said_at_once(tmp_path):
    class Server:
        async def declare(self, settings):
            raise psycopg.OperationalError("the connection is lost")

    file = tmp_path / "vedette.yaml"
    file.write_text("services: [{name: Orders}]\n")
    with capture_logs() as said:
        await reload(Server(), SimpleNamespace(config=file), None)
    assert [line["event"] for line in said] == [NOT_APPLIED]
