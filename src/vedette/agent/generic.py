"""What every target can be asked, whatever its connector: `health` and `info`, from one probe."""

from collections.abc import Iterator, Sequence

from vedette.actions.model import Column, Command, Row
from vedette.agent.connector import Description
from vedette.health.model import Report

HEALTH = Command(
    name="health",
    help="Look now, beside the regular looks, and say how it is.",
    columns=(
        Column("name", "text", "`state`, `error_class`, `message`, `rtt`, or a measurement."),
        Column("entity", "text", "What of the target it is about; null for the target itself."),
        Column("value", "number", "The number, where it is one."),
        Column("unit", "text", "Its unit."),
        Column("text", "text", "The words, where it is none."),
    ),
)
INFO = Command(
    name="info",
    help="Look now and say what the target says of itself: version, role and so on.",
    columns=(
        Column("fact", "text", "What it is about."),
        Column("value", "text", "What the target says."),
    ),
)
GENERIC = (HEALTH, INFO)


def commands_of(description: Description) -> Sequence[Command]:
    """Return everything that a target of this connector can be asked."""
    return (*GENERIC, *description.commands)


def rows_of(name: str, report: Report, description: Description) -> Iterator[Row]:
    """Yield the rows of `health` or `info` for a report."""
    if name == INFO.name:
        yield "state", report.state.word
        yield from report.facts.items()
        return
    yield "state", None, None, None, report.state.word
    if report.error_class:
        yield "error_class", None, None, None, report.error_class
        yield "message", None, None, None, report.message
    if report.rtt is not None:
        yield "rtt", None, report.rtt.total_seconds(), "seconds", None
    units = {measure.name: measure.unit for measure in description.measures}
    for each in report.measurements:
        yield each.name, each.entity or None, each.value, units.get(each.name, "") or None, None
