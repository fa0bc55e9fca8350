"""`vedette agent journal`: everything this host was ever asked to run, for its owner."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from vedette import clock, durations
from vedette.agent.journal_lines import Line, read_lines
from vedette.app.commands.agent import DATA_DIR
from vedette.cli.output import Format, Listing, show

COLUMNS = (
    *("command", "status", "reason", "received_at", "name", "modules", "signed_by", "took_ms"),
    *("target", "message", "digest", "began_at", "ended_at", "expires_at", "told"),
)
SHOWN = 8
"""Columns of the table; json, yaml and csv have them all."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)


def journal(
    *,
    data_dir: Annotated[Path, Parameter(env_var="VEDETTE_DATA_DIR")] = DATA_DIR,
    since: str = "",
    id: int | None = None,  # noqa: A002 - the flag's name
    output: Format = "table",
) -> None:
    """Print every action this host was asked to run, whoever asked, and what became of it.

    Read from the host's own disk: no server is asked, and none can change it. Lines are kept for a
    year; what was answered is not kept once the server has it.

    Parameters
    ----------
    data_dir
        The agent's data directory.
    since
        Of so long ago at most, as in 7d.
    id
        Of this command alone.
    """
    after = clock.now() - durations.parse(since) if since else EVER
    found = read_lines(data_dir, since=after, command=id)
    columns = COLUMNS[:SHOWN] if output == "table" else COLUMNS
    is_flat = output in ("table", "csv")
    items = [{column: _cell(line, column, is_flat=is_flat) for column in columns} for line in found]
    show(items, Listing("actions in the journal", columns, "command"), output)


def _cell(line: Line, column: str, *, is_flat: bool) -> Any:  # noqa: ANN401 - as JSON has it
    value = msgspec.to_builtins(getattr(line, column))
    return ", ".join(value) if is_flat and isinstance(value, tuple | list) else value
