"""`vedette import`: take over what another system holds."""

import asyncio
import getpass
import sys
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cyclopts import App, Parameter

from vedette.app.commands._database import Which, open_database
from vedette.cli.output import Format, Listing, show
from vedette.errors import Invalid

HERE = Which()
REMARKS = Listing("remarks", ("what", "remark"), "what")
TAKEN = Listing("things to take", ("what", "there"), "what")

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


@app.command(name="dashdotdb")
def dashdotdb(
    dsn: Annotated[
        str,
        Parameter(env_var="VEDETTE_IMPORT_FROM", help="postgresql://… to read."),
    ],
    /,
    *,
    dry_run: Annotated[
        bool,
        Parameter(name="--dry-run", negative="", help="Say what there is to take, do nothing."),
    ] = False,
    zone: Annotated[
        str,
        Parameter(
            help="By which its server's clock went, as in Europe/Berlin: its times say none."
        ),
    ] = "UTC",
    output: Format = "table",
    which: Which = HERE,
) -> None:
    """Take over a Dash.DB: vulnerabilities, pods, validations, SLO values and deployments, with their history.

    Each of its snapshots is one here, of its time; nothing is written there. Safe to repeat, and to interrupt.
    """
    from vedette import clock
    from vedette.app.serve import refuse_other_schema
    from vedette.db.pool import connect
    from vedette.records.takeover_dashdotdb import Taken, take_over
    from vedette.records.takeover_dashdotdb_read import open_dashdotdb

    by_clock = _zone(zone)

    async def run() -> Taken:
        async with open_dashdotdb(dsn, zone=by_clock) as source, open_database(which) as database:
            await refuse_other_schema(database.dsn())
            async with await connect(database.dsn()) as conn:
                by = f"{getpass.getuser()} at the command line"
                return await take_over(
                    conn, source, by=by, now=clock.now(), dry_run=dry_run, told=_tell_progress
                )

    taken = asyncio.run(run())
    show([{"what": what, "there": number} for what, number in taken.there.items()], TAKEN, output)
    sys.stderr.writelines(f"not taken: {number} {what}\n" for what, number in taken.passed.items())
    sys.stderr.write(
        f"{taken.snapshots} closed snapshots, of which {taken.known} were taken before; "
        f"{'would take' if dry_run else 'took'} {taken.new}"
        f"{'' if dry_run else f' and {taken.deployments} new deployments'}\n"
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(f"there is no time zone {name[:100]!r}", hint="as in Europe/Berlin") from None


def _tell_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{done} of {total} snapshots" + ("\n" if done == total else ""))
    elif done == total or done % 100 == 0:
        sys.stderr.write(f"{done} of {total} snapshots\n")
