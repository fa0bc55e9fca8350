"""`vedette bootstrap`: fill the catalogue of components, play a year on it, take it all back."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import App, Parameter

from vedette.app.commands._database import Which, open_database
from vedette.cli.output import Format, Listing, show
from vedette.cli.where import data_dir
from vedette.errors import Invalid

if TYPE_CHECKING:
    from vedette.db.queries import Connection

HERE = Which()
STEPS = Listing("changes", ("change", "component", "region", "type", "detail"), "component")
GOING = Listing("things to remove", ("kind", "name", "detail"), "name")
T = TypeVar("T")

app = App(name="bootstrap", help="Fill the catalogue of components, or take it back.")

DryRun = Annotated[
    bool, Parameter(name="--dry-run", negative="", help="Print what would change, do nothing.")
]


@app.command
def provision(
    catalog: Annotated[Path | None, Parameter(help="File of the catalogue.")] = None,
    /,
    *,
    demo: Annotated[
        bool, Parameter(negative="", help="Make up components and a year of their past instead.")
    ] = False,
    dry_run: DryRun = False,
    output: Format = "table",
    which: Which = HERE,
) -> None:
    """Make the components agree with a catalogue, and print what changed.

    Without CATALOG it is instance/catalog.yaml here, then catalog.yaml in the data directory.
    """
    if demo:
        if catalog is not None or dry_run:
            raise Invalid("--demo goes with neither a file nor --dry-run", hint="give it alone")
        _demo(which)
        return
    from vedette import clock
    from vedette.app.catalog_file import find_catalog, read_catalog
    from vedette.fleet import provision as fleet
    from vedette.fleet.catalog_rules import Step

    path = find_catalog(catalog, data_dir(which.data_dir))
    entries = read_catalog(path)

    async def work(conn: "Connection") -> list[Step]:
        if dry_run:
            return await fleet.plan_of(conn, entries)
        return await fleet.provision(conn, entries, by=_by(), now=clock.now())

    steps = _with_connection(which, work)
    rows = [
        {
            "change": step.change,
            "component": step.key[0],
            "region": step.key[1],
            "type": step.key[2],
            "detail": step.detail,
        }
        for step in steps
    ]
    show(rows, STEPS, output)
    changed = sum(step.change != "stay" for step in steps)
    would = "would change" if dry_run else "changed"
    sys.stderr.write(f"{path}: {len(entries)} components, {changed} things {would}\n")


@app.command
def purge(
    *,
    yes: Annotated[bool, Parameter(negative="", help="Remove it; without, it is printed.")] = False,
    output: Format = "table",
    which: Which = HERE,
) -> None:
    """Remove what provision and the demo made, with its incidents; nothing that agents reported.

    Components for which a target stands are kept.
    """
    from vedette import clock
    from vedette.automation import purge_catalog

    async def work(conn: "Connection") -> list[purge_catalog.Going]:
        return await purge_catalog.purge(conn, really=yes, by=_by(), now=clock.now())

    going = _with_connection(which, work)
    show(
        [{"kind": each.kind, "name": each.name, "detail": each.detail} for each in going],
        GOING,
        output,
    )
    if not yes and not all(each.stays for each in going):
        raise Invalid("nothing was removed", hint="add --yes if you mean it")


def _demo(which: Which) -> None:
    from vedette import clock
    from vedette.automation import made_up_year

    async def work(conn: "Connection") -> made_up_year.Made:
        return await made_up_year.make(conn, by=_by(), now=clock.now())

    made = _with_connection(which, work)
    sys.stderr.write(
        f"made up {made.components} components and {made.stories} incidents and maintenances; "
        "take them back with `vedette bootstrap purge --yes`\n"
    )


def _with_connection(which: Which, work: Callable[["Connection"], Awaitable[T]]) -> T:
    from vedette.app.serve import refuse_other_schema
    from vedette.db.pool import connect

    async def run() -> T:
        async with open_database(which) as database:
            await refuse_other_schema(database.dsn())
            async with await connect(database.dsn()) as conn:
                return await work(conn)

    return asyncio.run(run())


def _by() -> str:
    return f"{getpass.getuser()} at the command line"
