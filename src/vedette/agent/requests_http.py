"""Requests over HTTP: GET or HEAD of what answers in JSON, and PromQL of a Prometheus."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urljoin

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.exchange import (
    Address,
    Answer,
    Exchange,
    Question,
    address_of,
    credentials,
)
from vedette.agent.connectors.http import Http
from vedette.agent.connectors.prometheus import Prometheus
from vedette.agent.connectors.tls_contexts import context_for
from vedette.agent.requests import MOST_ROWS, Row
from vedette.agent.settings_schema import parse
from vedette.errors import Invalid

_BODY_BYTES = 1 << 20
_DEPTH = 4


class HttpReader:
    """Asks afresh each time, where the target's URL leads or below it; follows no redirect."""

    description = Http.description

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        self._base = self._base_address()

    async def read(self, look: Look, query: str) -> Sequence[Row]:
        """Request `[GET|HEAD] /path`; a JSON object is a row, a list of them rows."""
        method, _, path = query.strip().rpartition(" ")
        method = method.strip().upper() or "GET"
        if method not in ("GET", "HEAD"):
            raise Invalid(f"a request is GET or HEAD, not {method[:40]!r}")
        answer = await self._asked(look, method, path)
        outside: Row = {
            "status": answer.status,
            "total_s": answer.first_byte_s + answer.transfer_s,
            "body_bytes": len(answer.body),
        }
        if method == "HEAD":
            return [outside]
        said = _json(answer)
        if isinstance(said, list):
            return [_flat(each) for each in said[: MOST_ROWS + 1]]
        # The texts of a single object are no names of it.
        inside = {k: v for k, v in _flat(said).items() if not isinstance(v, str)}
        return [{**outside, **inside}]

    async def aclose(self) -> None:
        """Nothing is held between requests."""

    async def _asked(self, look: Look, method: str, path: str) -> Answer:
        address = address_of(urljoin(self._base.url, path))
        given = {**self._settings, **look.settings}
        trusted = address.origin == self._base.origin
        exchange = await Exchange.open(
            look,
            address,
            tls=context_for(self._settings) if address.scheme == "https" else None,
            server_name=self._settings["server_name"] if trusted else None,
        )
        try:
            answer = await exchange.ask(
                Question(
                    method=method,
                    # Elsewhere than where the target is, its credentials are nobody's business.
                    headers={"Connection": "close", **(credentials(given) if trusted else {})},
                    limit_bytes=_BODY_BYTES,
                )
            )
        finally:
            exchange.close()
        if answer.status >= 300 and method == "GET":
            raise Fault("bad_status", f"the status is {answer.status}")
        if not answer.whole:
            raise Fault("too_large", f"the answer is longer than {_BODY_BYTES} bytes")
        return answer

    def _base_address(self) -> Address:
        urls = [self._settings["url"], *(self._settings["urls"] or ())]
        return address_of(str(next(url for url in urls if url)))


class PrometheusReader(HttpReader):
    """Asks a Prometheus' query API: each series of the answer is a row, its labels name it."""

    description = Prometheus.description

    async def read(self, look: Look, query: str) -> Sequence[Row]:
        """Evaluate PromQL now; the column is `value`."""
        answer = await self._asked(look, "GET", f"/api/v1/query?query={quote(query)}")
        said = _json(answer)
        try:
            kind, result = said["data"]["resultType"], said["data"]["result"]
            if kind == "scalar":
                return [{"value": result[1]}]
            if kind != "vector":
                raise Invalid(
                    f"the query gives a {kind}, not a vector", hint="use an instant query"
                )
            return [{**each["metric"], "value": each["value"][1]} for each in result]
        except (TypeError, LookupError):
            raise Fault("protocol", "what answers is not Prometheus' query API") from None

    def _base_address(self) -> Address:
        given = self._settings
        return address_of(str(given["url"] or f"http://{given['host']}:{given['port']}/"))


def _json(answer: Answer) -> Any:  # noqa: ANN401 - as JSON has it
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Fault("bad_content", "the answer is not JSON") from None


def _flat(said: Any) -> dict[str, object]:  # noqa: ANN401 - as JSON has it
    return dict(_leaves(said, "", _DEPTH)) if isinstance(said, dict) else {"value": said}


def _leaves(said: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, object]]:
    for key, value in said.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and depth:
            yield from _leaves(value, f"{name}.", depth - 1)
        elif isinstance(value, list):
            yield f"{name}.length", len(value)
        elif value is not None:
            yield name, value
