"""SQL over this host's tables, answered by the osquery that is installed on it.

osquery runs under this operation's walls: no network, nothing written, no extensions, no
configuration of its own. The tables that fetch or collect are not there. Tried against a program that
answers as osqueryi does, not against osquery: neither Debian nor PyPI has it to install.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.program_output import Said, said_by
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid, Unavailable

PLACES = (
    "/usr/bin/osqueryi",
    "/usr/local/bin/osqueryi",
    "/opt/osquery/bin/osqueryi",
    "/opt/osquery/lib/osquery.app/Contents/MacOS/osqueryd",
)
_OPTIONS = (
    "-S",
    "--json",
    "--config_path=/dev/null",
    "--disable_database=true",
    "--disable_events=true",
    "--disable_extensions=true",
    "--disable_logging=true",
    "--disable_tables=carves,curl,curl_certificate",
)
_READS = re.compile(
    r"(?>\s+|--[^\n]*\n|/\*.*?\*/)*+(?:select|with|values|explain)\b", re.IGNORECASE | re.DOTALL
)


class OsqueryParameters(Parameters, frozen=True, kw_only=True):
    """A question in SQL. onlycount: how many rows it has is told, not the rows."""

    query: Annotated[str, Meta(min_length=1, max_length=65_536)]
    onlycount: bool = False


class Osquery:
    """Asks osquery."""

    name: ClassVar[str] = "osquery"
    description: ClassVar[str] = "Answers SQL by the osquery of this host, where it is installed."
    needs: ClassVar[Needs] = Needs(programs=True, memory=True)
    parameters: ClassVar[type[Parameters]] = OsqueryParameters
    places: ClassVar[Sequence[str]] = PLACES

    def check(self, parameters: OsqueryParameters) -> None:
        """Raise `Invalid` for what is no question."""
        if _READS.match(parameters.query.strip()) is None:
            raise Invalid(
                "osquery is only asked", hint="begin with SELECT, WITH, VALUES or EXPLAIN"
            )

    def run(self, parameters: OsqueryParameters, context: Context) -> Result:
        """Ask; `Invalid` as `check`, `Unavailable` where there is no osquery."""
        self.check(parameters)
        query = parameters.query.strip()
        tally = Tally(context)
        command = (self._program(context), *_OPTIONS, query)
        try:
            said = said_by(
                command, deadline=context.deadline, most_bytes=context.limits.output_bytes
            )
        except TimeoutError:
            tally.ended = "the time was over"
            return tally.result({"rows": []}, {"exectime": tally.exectime})
        rows = _rows(said, tally)
        return _result(rows, tally, onlycount=parameters.onlycount)

    def _program(self, context: Context) -> str:
        if not context.this_host:
            raise Unavailable("osquery answers for this host alone, not for another root")
        found = next((place for place in self.places if Path(place).exists()), None)
        if found is None:
            raise Unavailable("this host has no osquery", hint="install osquery on it")
        return found


def _rows(said: Said, tally: Tally) -> list[dict[str, Any]]:
    if said.cut:
        tally.fault("the answer is longer than this host gives at once", unanswered=True)
        return []
    words = bytes(said.errors).decode("utf-8", "replace").strip()
    if said.exit_code:
        tally.fault(words[:2_000] or f"osquery ended with {said.exit_code}", unanswered=True)
        return []
    try:
        return msgspec.json.decode(bytes(said.output) or b"[]", type=list[dict[str, Any]])
    except msgspec.MsgspecError as fault:
        tally.fault(f"osquery's answer cannot be read: {fault}", unanswered=True)
        return []


def _result(rows: list[dict[str, Any]], tally: Tally, *, onlycount: bool) -> Result:
    count = len(rows)
    most = tally.context.limits.elements
    statistics = {"rows": count, "exectime": tally.exectime}
    if onlycount or tally.context.privacy:
        return tally.result({"count": count}, statistics, found=count > 0)
    if count > most:
        tally.ended = f"it found {count}, and this host gives {most} at once"
    return tally.result({"rows": rows[:most]}, statistics, found=count > 0)
