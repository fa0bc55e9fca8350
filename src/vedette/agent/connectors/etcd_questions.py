"""What a look asks an etcd member, each question with its own limit.

Without a quorum `/health` and the alarms hang while `/metrics` and the status still answer: what
says why must not wait for what cannot.
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import EXPECTED, Fault, fault_of
from vedette.agent.connectors.etcd_member import FAMILIES
from vedette.agent.connectors.exchange import Address
from vedette.agent.connectors.families import Families, read_families
from vedette.agent.connectors.json_api import JsonApi, read_json, said
from vedette.health.model import State

_SHARE = 0.8
"""Of a look's limit, for each question; the rest puts the report together."""

_GATEWAYS = ("/v3", "/v3beta")
"""The JSON gateway's root; `/v3beta` in 3.3."""


@dataclass(slots=True)
class Told:
    """What a member said; what it did not say stands in `faults` by question.

    health: True or False; None when it did not say.
    reason: why health is False, where the version tells.
    """

    health: bool | None = None
    reason: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    alarms: list[str] | None = None
    families: Families = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    rtt_s: float | None = None


class Questions:
    """How to ask one member; remembers the token and where the gateway stands."""

    def __init__(self, address: Address, metrics: Address | None) -> None:
        self._address = address
        self._metrics = metrics or address
        self._token = ""
        self._gateway: str | None = None

    async def ask(
        self, look: Look, tls: ssl.SSLContext | None, login: tuple[str, str] | None
    ) -> Told:
        """Ask everything at once."""
        told = Told()

        async def health() -> None:
            async with JsonApi(look, self._address, tls=tls) as api:
                answer = await api.ask("/health")
                told.rtt_s = api.rtt_s
                if answer.status not in (200, 503):
                    raise Fault("bad_status", f"/health answers {answer.status}")
                document = read_json(answer, "/health")
                if not isinstance(document, dict) or "health" not in document:
                    raise Fault("protocol", "/health does not answer as etcd does")
                # A text, "true"; a boolean does not harm.
                told.health = str(document["health"]).lower() == "true"
                told.reason = said(answer)

        async def gateway() -> None:
            await self._sign_in(look, tls, login)
            async with JsonApi(look, self._address, tls=tls, headers=self._headers()) as api:
                told.status = await self._post(api, "/maintenance/status", {})
                document = await self._post(api, "/maintenance/alarm", {"action": "GET"})
                told.alarms = [str(a.get("alarm", "?")) for a in document.get("alarms") or ()]

        async def metrics() -> None:
            async with JsonApi(look, self._metrics, tls=tls, headers={"Accept": "*/*"}) as api:
                answer = await api.ask("/metrics")
                if answer.status != 200:
                    raise Fault("bad_status", f"/metrics answers {answer.status}")
                told.families = read_families(answer.body, FAMILIES)

        limit_s = look.timeout_s * _SHARE
        await asyncio.gather(
            _kept(told, "health", health, limit_s),
            _kept(told, "gateway", gateway, limit_s),
            _kept(told, "metrics", metrics, limit_s),
        )
        if (refused := told.faults.get("gateway")) and refused.error_class == "auth":
            self._token = ""
        return told

    async def post(
        self,
        look: Look,
        tls: ssl.SSLContext | None,
        login: tuple[str, str] | None,
        path: str,
        body: Mapping[str, str],
    ) -> dict[str, Any]:
        """Ask the gateway one thing, signed in."""
        await self._sign_in(look, tls, login)
        async with JsonApi(look, self._address, tls=tls, headers=self._headers()) as api:
            return await self._post(api, path, body)

    async def _sign_in(
        self, look: Look, tls: ssl.SSLContext | None, login: tuple[str, str] | None
    ) -> None:
        if login is not None and not self._token:
            async with JsonApi(look, self._address, tls=tls) as api:
                self._token = await self._signed_in(api, *login)

    def _headers(self) -> Mapping[str, str]:
        return {"Authorization": self._token} if self._token else {}

    async def _signed_in(self, api: JsonApi, user: str, password: str) -> str:
        document = await self._post(api, "/auth/authenticate", {"name": user, "password": password})
        token = document.get("token")
        if not isinstance(token, str) or not token.isprintable():
            raise Fault("auth", "it gave no token", State.UNKNOWN)
        return token

    async def _post(self, api: JsonApi, path: str, body: Mapping[str, str]) -> dict[str, Any]:
        roots = (self._gateway,) if self._gateway else _GATEWAYS
        for root in roots:
            answer = await api.ask(root + path, body=json.dumps(body).encode())
            if answer.status == 404:
                continue
            if answer.status != 200:
                raise _refusal(said(answer), f"{path} answers {answer.status}")
            self._gateway = root
            document = read_json(answer, path)
            return document if isinstance(document, dict) else {}
        raise Fault("bad_status", f"{path} is not there: it is older than 3.3")


def _refusal(words: str, otherwise: str) -> Fault:
    lower = words.lower()
    if any(word in lower for word in ("permission", "token", "auth", "user name", "password")):
        return Fault("auth", words, State.UNKNOWN)
    if "no leader" in lower:
        return Fault("quorum_lost", words)
    return Fault("bad_status", words or otherwise)


async def _kept(
    told: Told, question: str, asking: Callable[[], Awaitable[None]], limit_s: float
) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await asking()
    except EXPECTED as error:
        told.faults[question] = fault_of(error)
