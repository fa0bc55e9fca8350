"""What a NATS server's monitor port can be asked: who is connected, and JetStream's streams."""

from collections.abc import Iterator, Mapping
from typing import Any

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.json_api import JsonApi, objects, text, whole

_LIMIT = Parameter("limit", "integer", "Rows at most.", default=100, least=1, most=10_000)

COMMANDS = (
    Command(
        name="connections",
        help="Who is connected, the one with most bytes waiting for it first.",
        parameters=(_LIMIT,),
        columns=(
            Column("id", "integer", "Its number."),
            Column("address", "text", "Where it comes from."),
            Column("name", "text", "What it calls itself."),
            Column("language", "text", "The language of its library."),
            Column("uptime", "text", "Since it connected."),
            Column("idle", "text", "Since it last said something."),
            Column("pending_bytes", "integer", "Bytes that wait for it.", "bytes"),
            Column("subscriptions", "integer", "What it subscribes to."),
            Column("in_msgs", "integer", "Messages from it."),
            Column("out_msgs", "integer", "Messages to it."),
        ),
    ),
    Command(
        name="streams",
        help="JetStream's streams on this server, the largest first.",
        parameters=(_LIMIT,),
        columns=(
            Column("account", "text", "Its account."),
            Column("stream", "text", "Its name."),
            Column("leader", "text", "The server that leads it, where it is replicated."),
            Column("messages", "integer", "Messages kept."),
            Column("size_bytes", "integer", "Their size.", "bytes"),
            Column("consumers", "integer", "Consumers of it."),
            Column("first_seq", "integer", "Number of the oldest message."),
            Column("last_seq", "integer", "Number of the newest message."),
        ),
    ),
)


async def rows_of(api: JsonApi, name: str, params: Mapping[str, Value]) -> list[Row]:
    """Return the answer to a command."""
    limit = int(params["limit"])
    if name == "connections":
        document = await api.json(f"/connz?sort=pending&limit={limit}")
        return [_connection(each) for each in objects(document, "connections")]
    document = await api.json("/jsz?accounts=true&streams=true")
    if not isinstance(document, dict) or document.get("disabled"):
        raise Fault("unhealthy", "JetStream is not on")
    found = sorted(_streams(document), key=lambda row: -int(row[4] or 0))
    return found[:limit]


def _streams(document: Mapping[str, Any]) -> Iterator[Row]:
    for account in objects(document, "account_details"):
        for stream in objects(account, "stream_detail"):
            yield (
                text(account, "name"),
                text(stream, "name"),
                text(stream, "cluster", "leader"),
                *(
                    whole(stream, "state", key)
                    for key in ("messages", "bytes", "consumer_count", "first_seq", "last_seq")
                ),
            )


def _connection(said: Mapping[str, Any]) -> Row:
    return (
        whole(said, "cid"),
        f"{said.get('ip', '?')}:{said.get('port', '?')}",
        *(text(said, key) for key in ("name", "lang", "uptime", "idle")),
        *(whole(said, key) for key in ("pending_bytes", "subscriptions", "in_msgs", "out_msgs")),
    )
