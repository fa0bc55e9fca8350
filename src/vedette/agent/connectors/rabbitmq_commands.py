"""What RabbitMQ's management API can be asked: its queues and who is connected, a page of each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connectors.json_api import JsonApi, number, objects, text, whole

_LIMIT = Parameter("limit", "integer", "Rows at most.", default=100, least=1, most=500)

COMMANDS = (
    Command(
        name="queues",
        help="The queues, those with most messages (or memory) first.",
        parameters=(
            _LIMIT,
            Parameter(
                "order",
                "text",
                "What comes first.",
                default="messages",
                choices=("messages", "memory"),
            ),
        ),
        columns=(
            Column("vhost", "text", "Its virtual host."),
            Column("queue", "text", "Its name."),
            Column("type", "text", "Classic, quorum or stream."),
            Column("state", "text", "Its own state, as in running or idle."),
            Column("node", "text", "Where it, or its leader, is."),
            Column("ready", "integer", "Messages waiting for a consumer."),
            Column("unacked", "integer", "Messages delivered and not acknowledged."),
            Column("consumers", "integer", "Its consumers."),
            Column("memory_bytes", "integer", "Memory it takes.", "bytes"),
        ),
    ),
    Command(
        name="connections",
        help="Who is connected, the one that receives most first.",
        parameters=(_LIMIT,),
        columns=(
            Column("address", "text", "Where it comes from."),
            Column("name", "text", "What it calls itself."),
            Column("user", "text", "Who it is."),
            Column("vhost", "text", "Its virtual host."),
            Column("state", "text", "As in running, or blocked by an alarm."),
            Column("channels", "integer", "Its channels."),
            Column("connected_at", "time", "Since when."),
            Column("received_bytes", "integer", "Bytes it sent to the broker.", "bytes"),
            Column("sent_bytes", "integer", "Bytes the broker sent to it.", "bytes"),
        ),
    ),
)

_QUEUES = "name,vhost,type,state,node,messages_ready,messages_unacknowledged,consumers,memory"
_CONNECTIONS = (
    "user,vhost,state,channels,connected_at,recv_oct,send_oct,peer_host,peer_port,client_properties"
)


async def rows_of(api: JsonApi, name: str, params: Mapping[str, Value]) -> list[Row]:
    """Return the answer to a command: one page, sorted by the broker."""
    if name == "queues":
        path, columns, sort, row = "queues", _QUEUES, str(params["order"]), _queue
    else:
        path, columns, sort, row = "connections", _CONNECTIONS, "send_oct", _connection
    page = await api.json(
        f"/api/{path}?page=1&page_size={int(params['limit'])}&sort={sort}&sort_reverse=true"
        f"&columns={columns}"
    )
    return [row(each) for each in objects(page, "items")]


def _queue(said: Mapping[str, Any]) -> Row:
    return (
        *(text(said, key) for key in ("vhost", "name", "type", "state", "node")),
        *(whole(said, key) for key in ("messages_ready", "messages_unacknowledged", "consumers")),
        whole(said, "memory"),
    )


def _connection(said: Mapping[str, Any]) -> Row:
    since_ms = number(said, "connected_at")
    since = None
    if since_ms is not None and 0 <= since_ms < 4e12:
        since = datetime.fromtimestamp(since_ms / 1000, tz=UTC).isoformat(timespec="seconds")
    return (
        f"{said.get('peer_host', '?')}:{said.get('peer_port', '?')}",
        text(said, "client_properties", "connection_name"),
        *(text(said, key) for key in ("user", "vhost", "state")),
        whole(said, "channels"),
        since.replace("+00:00", "Z") if since else None,
        *(whole(said, key) for key in ("recv_oct", "send_oct")),
    )
