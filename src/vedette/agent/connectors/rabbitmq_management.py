"""Asking RabbitMQ's management API, with a guard on what large brokers pay for."""

import base64
import ssl
from collections.abc import Sequence
from urllib.parse import quote

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault, told
from vedette.agent.connectors.exchange import Address
from vedette.agent.connectors.json_api import JsonApi, number, said
from vedette.agent.connectors.rabbitmq_broker import Broker

CHECKS = ("alarms", "virtual-hosts", "node-is-quorum-critical")
"""Health checks that are always asked for."""

TOO_MANY_QUEUES = 10_000
"""A broker with more is not asked to list them: it would first gather all."""
_PAGE = 500
"""The longest page the API gives."""

_NODE_COLUMNS = (
    "name,running,partitions,mem_alarm,disk_free_alarm,being_drained,mem_used,mem_limit,disk_free,"
    "disk_free_limit,fd_used,fd_total,sockets_used,sockets_total,proc_used,proc_total,run_queue,uptime"
)
_QUEUE_COLUMNS = "name,vhost,state,messages,messages_ready,messages_unacknowledged,consumers"


def basic(login: tuple[str, str]) -> dict[str, str]:
    """Return the header that signs in."""
    token = base64.b64encode(":".join(login).encode()).decode()
    return {"Authorization": f"Basic {token}"}


async def ask_management(
    look: Look,
    address: Address,
    *,
    tls: ssl.SSLContext | None,
    login: tuple[str, str],
    checks: Sequence[str],
    queues: int,
) -> tuple[Broker, float]:
    """Return what the API says, and the seconds until its first answer began."""
    async with JsonApi(look, address, tls=tls, headers=basic(login)) as api:
        overview = await api.json("/api/overview")
        if not isinstance(overview, dict):
            raise Fault("protocol", "/api/overview does not answer as RabbitMQ does")
        broker = Broker(overview=overview)
        nodes = await api.json(f"/api/nodes?columns={_NODE_COLUMNS}")
        broker.nodes = [node for node in nodes if isinstance(node, dict)]
        broker.failed = await _failed(api, look, checks, broker)
        if queues > 0:
            await _list_queues(api, broker, min(queues, _PAGE))
        return broker, api.rtt_s or 0.0


async def _failed(
    api: JsonApi, look: Look, checks: Sequence[str], broker: Broker
) -> dict[str, str]:
    failed: dict[str, str] = {}
    for check in dict.fromkeys((*CHECKS, *checks)):
        answer = await api.ask(f"/api/health/checks/{quote(check)}")
        if answer.status == 503:
            failed[check] = told(said(answer), look)
        elif answer.status != 200:
            # Versions differ in the checks they have: what is not there has not failed.
            broker.notes[f"no check {check}"] = f"it answers {answer.status}"
    return failed


async def _list_queues(api: JsonApi, broker: Broker, most: int) -> None:
    there_are = number(broker.overview, "object_totals", "queues") or 0.0
    if there_are > TOO_MANY_QUEUES:
        broker.notes["no queues"] = f"{there_are:.0f} are too many to list; see metrics_url"
        return
    page = await api.json(
        f"/api/queues?page=1&page_size={most}&sort=messages&sort_reverse=true"
        f"&columns={_QUEUE_COLUMNS}"
    )
    items = page.get("items") if isinstance(page, dict) else page
    broker.queues = [queue for queue in items or () if isinstance(queue, dict)]
