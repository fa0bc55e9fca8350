"""What a Redis can be asked: its slow log, its clients, its memory; three commands that only read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.redis_info import parse_info
from vedette.agent.connectors.resp import Answer

_ARGUMENT = 100
"""Characters of an argument that are shown."""
_SECRETIVE = {"AUTH", "HELLO", "ACL", "CONFIG", "MIGRATE", "CLIENT"}
"""Commands whose arguments may be passwords."""

COMMANDS = (
    Command(
        name="slow-log",
        help="The slowest commands of late, the newest first.",
        scope="ask:content",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=25, least=1, most=1_000),
        ),
        columns=(
            Column("id", "integer", "Its number in the log."),
            Column("at", "time", "When it ran."),
            Column("took_s", "number", "How long it ran.", "seconds"),
            Column("command", "text", "The command, its arguments cut short."),
            Column("client", "text", "Who sent it."),
            Column("name", "text", "What that client calls itself."),
        ),
    ),
    Command(
        name="clients",
        help="Who is connected, the one with most output waiting first.",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=100, least=1, most=10_000),
        ),
        columns=(
            Column("id", "integer", "Its number."),
            Column("address", "text", "Where it comes from."),
            Column("name", "text", "What it calls itself."),
            Column("user", "text", "Its ACL user."),
            Column("database", "integer", "The database it uses."),
            Column("age_s", "integer", "Since it connected.", "seconds"),
            Column("idle_s", "integer", "Since its last command.", "seconds"),
            Column("command", "text", "The name of its last command."),
            Column("output_bytes", "integer", "Output that waits for it.", "bytes"),
            Column("memory_bytes", "integer", "Memory it takes.", "bytes"),
        ),
    ),
    Command(
        name="memory",
        help="What memory is used for, in the server's own words (INFO memory).",
        columns=(
            Column("name", "text", "What it is."),
            Column("value", "number", "The number, where it is one."),
            Column("text", "text", "The words, where it is none."),
        ),
    ),
)


def words_of(name: str, params: Mapping[str, Value]) -> Sequence[str]:
    """Return the Redis command that answers; nothing of it comes from whoever asks but a number."""
    match name:
        case "slow-log":
            return "SLOWLOG", "GET", str(params["limit"])
        case "clients":
            return "CLIENT", "LIST"
        case _:
            return "INFO", "memory"


def rows_of(name: str, answer: Answer, params: Mapping[str, Value]) -> Iterator[Row]:
    """Yield the rows of what Redis answered."""
    match name:
        case "slow-log":
            yield from map(_slow, answer if isinstance(answer, list) else [])
        case "clients":
            clients = [_client(line) for line in str(answer).splitlines() if line]
            clients.sort(key=lambda row: (-int(row[8] or 0), -int(row[9] or 0)))
            yield from clients[: int(params["limit"])]
        case _:
            for key, value in parse_info(str(answer)).items():
                number = _number(value)
                yield key, number, None if number is not None else value


def _slow(entry: Answer) -> Row:
    match entry:
        case [int(number), int(at), int(took_us), list(words), *rest]:
            client, name = ([str(each or "") for each in rest] + ["", ""])[:2]
            when = datetime.fromtimestamp(at, tz=UTC).isoformat().replace("+00:00", "Z")
            return number, when, took_us / 1e6, _shown([str(w) for w in words]), client, name
    raise Fault("protocol", "an entry of the slow log is of another shape")


def _shown(words: Sequence[str]) -> str:
    name, *arguments = words or [""]
    if name.upper() in _SECRETIVE:
        return " ".join([name, *arguments[:1], "…"]) if name.upper() != "AUTH" else f"{name} …"
    return " ".join([name, *(a if len(a) <= _ARGUMENT else f"{a[:_ARGUMENT]}…" for a in arguments)])


def _client(line: str) -> Row:
    said = dict(pair.partition("=")[::2] for pair in line.split(" "))
    whole = {key: _number(value) for key, value in said.items()}

    def count(key: str) -> int | None:
        number = whole.get(key)
        return None if number is None else int(number)

    return (
        count("id"),
        said.get("addr") or None,
        said.get("name") or None,
        said.get("user") or None,
        count("db"),
        count("age"),
        count("idle"),
        said.get("cmd") or None,
        count("omem"),
        count("tot-mem"),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
