"""What an exporter can be asked: which families it exposes, and the series of one."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.health.model import Series

_LIMIT = Parameter("limit", "integer", "Rows at most.", default=1_000, least=1, most=10_000)

COMMANDS = (
    Command(
        name="families",
        help="The metrics it exposes, those with most series first.",
        parameters=(_LIMIT,),
        columns=(
            Column("name", "text", "The metric's name."),
            Column("series", "integer", "How many series it has."),
            Column("unit", "text", "Its unit, where it says one."),
            Column("help", "text", "What it says it is."),
        ),
    ),
    Command(
        name="series",
        help="The series of one metric, with their values now.",
        parameters=(Parameter("name", "text", "The metric's name.", required=True), _LIMIT),
        columns=(
            Column("series", "text", "Its labels; null: it has none."),
            Column("value", "number", "Its value; null: it is not finite."),
        ),
    ),
)


def rows_of(
    series: Sequence[Series],
    values: Sequence[float],
    name: str,
    params: Mapping[str, Value],
) -> Iterator[Row]:
    """Yield the answer to a command."""
    limit = int(params["limit"])
    if name == "series":
        found = [place for place, each in enumerate(series) if each.name == params["name"]]
        for place in found[:limit]:
            value = values[place]
            yield series[place].entity or None, value if math.isfinite(value) else None
        return
    first: dict[str, Series] = {}
    for each in series:
        first.setdefault(each.name, each)
    for metric, count in Counter(each.name for each in series).most_common(limit):
        yield metric, count, first[metric].unit or None, first[metric].help or None
