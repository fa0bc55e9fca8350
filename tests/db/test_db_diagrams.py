"""The diagrams of the docs are those of the database as migrations make it."""

import importlib.util

from tests.house.tree import ROOT


def tool():
    spec = importlib.util.spec_from_file_location(
        "generate_schema", ROOT / "tools" / "generate_schema.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_each_schema_has_the_diagram_of_its_tables(owner_conn):
    generate = tool()

    async def rows(sql, kind=tuple):
        found = await (await owner_conn.execute(sql)).fetchall()
        return [kind(row) for row in found] if kind is tuple else [kind(*row) for row in found]

    columns = await rows(generate.COLUMNS, generate.Column)
    references = await rows(generate.REFERENCES, generate.Reference)
    comments = dict(await rows(generate.COMMENTS))
    schemas = {column.schema for column in columns}
    pages = {
        schema: generate.diagram(schema, comments[schema], columns, references)
        for schema in schemas
    }
    functions = await rows(generate.FUNCTIONS, generate.Function)
    pages["grafana"] = generate.door(functions, await rows(generate.VIEWS, generate.Column))
    assert {path.stem for path in generate.DIAGRAMS.glob("*.md")} == {*pages}
    for schema, page in pages.items():
        said = (generate.DIAGRAMS / f"{schema}.md").read_text(encoding="utf-8")
        assert said == page, f"{schema}: run `make schema`"
    assert all(function.comment for function in functions)
