"""Each vulnerability of a namespace once, as its last day has it."""

from typing import Any

from psycopg import AsyncConnection

from vedette.records.dashdotdb_metrics import exposed, vulnerabilities

MAKE = """
    INSERT INTO fleet.cluster (slug, name) VALUES ('c1', 'c1');
    INSERT INTO fleet.namespace (cluster_id, name) SELECT id, 'shop' FROM fleet.cluster WHERE name = 'c1';
    INSERT INTO records.daily (
        day, scope, scope_id, severity, vulnerabilities, fixable, exploited, opened, closed)
    SELECT d.day::date, 'namespace', n.id::text, d.severity, d.number, 0, 0, 0, 0
    FROM (
        VALUES ('2019-11-01', 1, 7), ('2019-12-01', 2, 5), ('2019-12-09', 2, 4), ('2019-12-01', 3, 8),
            ('2019-12-10', 3, 0), ('2019-12-10', 6, 1)) AS d (day, severity, number)
    CROSS JOIN fleet.namespace AS n
    WHERE n.name = 'shop'
"""


async def test_the_last_day_that_says_something_counts_and_a_month_begins_with_all_that_stands(
    conn: AsyncConnection[Any],
) -> None:
    await conn.execute(MAKE)
    text = exposed(await vulnerabilities(conn)).decode()
    told = [line for line in text.splitlines() if line.startswith("vedette_vulnerabilities{")]
    where = 'cluster="c1",namespace="shop"'
    assert [line.replace(where, "") for line in told] == [
        'vedette_vulnerabilities{,severity="Low"} 4.0',
        'vedette_vulnerabilities{,severity="Defcon1"} 1.0',
    ]
