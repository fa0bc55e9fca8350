"""What a broker can be asked over MQTT: all it says of itself."""

from collections.abc import Iterator, Mapping

from vedette.actions.model import Column, Command, Parameter, Row
from vedette.agent.connectors.errors import Fault

_ROOT = "$SYS/broker/"

COMMANDS = (
    Command(
        name="sys",
        help="Every topic under $SYS, in the broker's own words.",
        parameters=(
            Parameter("under", "text", "Only topics that begin so, as in clients/.", default=""),
        ),
        columns=(
            Column("topic", "text", "Its name, without $SYS/broker/."),
            Column("value", "number", "The number, where it is one."),
            Column("text", "text", "The words, where it is none."),
        ),
    ),
)


def rows_of(topics: Mapping[str, str], under: str) -> Iterator[Row]:
    """Yield the topics by name; raise `unhealthy` where the broker shows none."""
    if not topics:
        raise Fault("unhealthy", "the broker has no $SYS, or does not show it to us")
    for topic, words in sorted(topics.items()):
        name = topic.removeprefix(_ROOT)
        if name.startswith(under):
            number = _number(words)
            yield name, number, words if number is None else None


def _number(words: str) -> float | None:
    try:
        return float(words)
    except ValueError:
        return None
