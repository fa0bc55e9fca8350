from dataclasses import dataclass

import pytest

from vedette.db.queries import load

FILE = """\
-- Words before the first name belong to nobody.

-- name: regions
-- Why this one is asked.
SELECT name, slug
FROM fleet.region
WHERE name LIKE '%%' || %(like)s -- a remark
ORDER BY name;

-- name: make-region
INSERT INTO fleet.region (name, slug) VALUES (%(name)s, %(name)s);

-- name: how_many
SELECT count(*)::int FROM fleet.region;
"""


@dataclass(frozen=True)
class Region:
    slug: str
    name: str


@pytest.fixture
def q(tmp_path):
    (tmp_path / "reads.sql").write_text(FILE)
    return load(str(tmp_path / "reads.py"), "reads.sql")


def test_a_file_is_read_by_name(q):
    assert list(q) == ["regions", "make_region", "how_many"]
    assert q["how_many"] == "SELECT count(*)::int FROM fleet.region;"


def test_an_unknown_name_says_in_which_file(q):
    with pytest.raises(KeyError, match=r"reads\.sql has no query named nothing"):
        q["nothing"]


def test_two_queries_of_one_name_are_refused(tmp_path):
    (tmp_path / "twice.sql").write_text("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n")
    with pytest.raises(ValueError, match="names two queries a"):
        load(str(tmp_path / "x.py"), "twice.sql")


async def test_rows_come_as_tuples_or_as_nouns(q, conn):
    assert await q.run(conn, "make_region", name="EU-NL") == 1
    assert await q.run(conn, "make_region", name="EU-DE") == 1
    assert await q.all(conn, "regions", like="E") == [("EU-DE", "EU-DE")]
    nouns = await q.all(conn, "regions", row=Region, like="")
    assert nouns == [Region("EU-DE", "EU-DE"), Region("EU-NL", "EU-NL")]
    assert await q.one(conn, "regions", row=Region, like="NL") == Region("EU-NL", "EU-NL")


async def test_nothing_found_is_none(q, conn):
    assert await q.one(conn, "regions", like="x") is None
    assert await q.one(conn, "regions", row=Region, like="x") is None
    assert await q.value(conn, "regions", like="x") is None
    assert await q.value(conn, "how_many") == 0


SCRIPTS = {"create_roles.sql", "create_inside.sql", "roles.sql", "schema.sql"}
"""Run as a whole, not query by query."""


def test_every_query_of_the_house_can_be_read():
    """A file that does not parse would fail at its first use, in production."""
    from pathlib import Path

    import vedette

    for file in Path(vedette.__file__).parent.glob("*/*.sql"):
        if not file.name.startswith("functions") and file.name not in SCRIPTS:
            assert load(str(file), file.name), file
