"""What kind of HTTP server answers: by paths that only one kind has."""

import asyncio
import re
from dataclasses import dataclass, replace

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import EXPECTED
from vedette.agent.connectors.exchange import Address, Answer, Exchange, Question, address_of
from vedette.agent.connectors.tls_contexts import tls_context

_LIMIT_BYTES = 256 << 10
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Mark:
    """A path, and what in its answer (head and body) only this kind says."""

    kind: str
    path: str
    pattern: re.Pattern[bytes]


_MARKS = (
    _Mark("envoy", "/server_info", re.compile(rb'"hot_restart_version"')),
    _Mark("etcd", "/version", re.compile(rb'"etcdserver"')),
    _Mark("kubernetes", "/version", re.compile(rb'"gitVersion"')),
    _Mark("nats-monitor", "/varz", re.compile(rb'"server_id"')),
    _Mark(
        "rabbitmq-management", "/api/overview", re.compile(rb"RabbitMQ Management|rabbitmq_vers")
    ),
    _Mark("cockroachdb", "/_status/vars", re.compile(rb"sql_restart_savepoint_count_internal")),
    _Mark(
        "prometheus",
        "/metrics",
        re.compile(rb"\A(?:HTTP/1.1 200[^\n]*\n)[^\x00]*?# (?:HELP|TYPE) "),
    ),
)


async def kind_of(look: Look, host: str, port: int, *, tls: bool) -> str:
    """Return the kind of web server, `http` when it is none of those we know."""
    address = address_of(url_of(host, port, tls=tls))
    answers: dict[str, bytes] = {}
    for mark in _MARKS:
        if mark.path not in answers:
            answers[mark.path] = await _ask(look, replace(address, path=mark.path))
        if mark.pattern.search(answers[mark.path]):
            return mark.kind
    return "http"


def url_of(host: str, port: int, *, tls: bool) -> str:
    """Return the address as connectors take it."""
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"


async def _ask(look: Look, address: Address) -> bytes:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            exchange = await Exchange.open(look, address, tls=tls_context(insecure=True))
            try:
                asked = Question(headers={"Connection": "close"}, limit_bytes=_LIMIT_BYTES)
                return _text(await exchange.ask(asked))
            finally:
                exchange.close()
    except EXPECTED:
        return b""


def _text(answer: Answer) -> bytes:
    head = f"HTTP/1.1 {answer.status}\n{answer.headers.get('www-authenticate', '')}\n"
    return head.encode() + answer.body
