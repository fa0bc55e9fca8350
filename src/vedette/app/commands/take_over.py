"""`vedette import`: take over what another system holds."""

import asyncio
import getpass
import sys
from typing import Annotated

from cyclopts import App, Parameter

from vedette.app.commands._database import Which, open_database
from vedette.cli.output import Format, Listing, show

HERE = Which()
REMARKS = Listing("remarks", ("what", "remark"), "what")

app = App(name="import", help="Take over what another system holds.")


@app.command(name="status-dashboard")
def status_dashboard(
    dsn: Annotated[
        str,
        Parameter(env_var="VEDETTE_IMPORT_FROM", help="postgresql://… or sqlite:///file to read."),
    ],
    /,
    *,
    dry_run: Annotated[
        bool,
        Parameter(name="--dry-run", negative="", help="Say what would come of it, do nothing."),
    ] = False,
    output: Format = "table",
    which: Which = HERE,
) -> None:
    """Take over components, incidents and updates, and print what could not stay as it was.

    Both generations are read, and nothing is written there. Safe to repeat.
    """
    from vedette import clock
    from vedette.app.serve import refuse_other_schema
    from vedette.db.pool import connect
    from vedette.incidents.takeover import Outcome, take_over
    from vedette.incidents.takeover_read import read_source

    source = read_source(dsn)
    sys.stderr.write(
        f"read {len(source.components)} components, {len(source.incidents)} incidents and "
        f"{len(source.updates)} updates of {source.name}\n"
    )

    async def run() -> Outcome:
        async with open_database(which) as database:
            await refuse_other_schema(database.dsn())
            async with await connect(database.dsn()) as conn:
                by = f"{getpass.getuser()} at the command line"
                return await take_over(conn, source, by=by, now=clock.now(), dry_run=dry_run)

    outcome = asyncio.run(run())
    rows = [{"what": each.what, "remark": each.remark} for each in outcome.remarks]
    show(rows, REMARKS, output)
    sys.stderr.write(
        f"{'would take' if dry_run else 'took'} {outcome.incidents} incidents with {outcome.updates} "
        f"updates and {outcome.components} new components; {outcome.again} anew, {outcome.same} as "
        "they were\n"
    )
