"""Connector `http`: does a URL answer as it should, and how long does each phase take."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Measures, Setting
from vedette.agent.connectors.certificates import days_left
from vedette.agent.connectors.door_commands import (
    CERTIFICATE,
    PHASES,
    certificates_of,
    phases_of,
)
from vedette.agent.connectors.errors import EXPECTED, Fault, failed
from vedette.agent.connectors.exchange import (
    Address,
    Answer,
    Exchange,
    Question,
    address_of,
    credentials,
)
from vedette.agent.connectors.http_conditions import Seen
from vedette.agent.connectors.http_expectations import expectations
from vedette.agent.connectors.limits import (
    measurements,
    state_of,
)
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import all_of, within
from vedette.agent.packs import Threshold
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State

_DAY_S = 86_400.0
_BODY_BYTES = 1 << 20
_REDIRECTS = {301, 302, 303, 307, 308}
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")


@dataclass(slots=True)
class _Walk:
    """Phases summed over the redirects of one look."""

    redirects: int = 0
    resolve_s: float = 0.0
    connect_s: float = 0.0
    tls_s: float = 0.0
    first_byte_s: float = 0.0
    transfer_s: float = 0.0
    certificate_days: float | None = None
    address: str = ""

    def add(self, exchange: Exchange, answer: Answer) -> None:
        """Add one hop."""
        wire = exchange.wire
        self.resolve_s += wire.resolve_s
        self.connect_s += wire.connect_s
        self.tls_s += wire.tls_s
        self.first_byte_s += answer.first_byte_s
        self.transfer_s += answer.transfer_s
        self.address = wire.address
        if wire.tls is not None:
            self.certificate_days = days_left(wire.tls, now())


class Http:
    """Asks afresh each look: a new connection shows what a new visitor meets, in all its phases."""

    description: ClassVar[Description] = Description(
        name="http",
        help="Requests one or more URLs and judges status, body, time and certificate.",
        settings=(
            Setting("url", "str", "The URL to request."),
            Setting("urls", "list", "Several URLs; the target is down when all of them are."),
            Setting("method", "str", "GET or HEAD.", default="GET"),
            Setting(
                "status",
                "list",
                "Statuses that are well: 200, 200-299, 2xx. Default 200-399, or what the "
                "conditions say.",
            ),
            Setting(
                "conditions",
                "list",
                "Conditions that must hold: `[STATUS] == 200`, `[RESPONSE_TIME] < 300`, "
                "`[BODY].status == UP`, `[CERTIFICATE_EXPIRATION] > 48h`.",
            ),
            Setting("contains", "str", "A text the body must hold."),
            Setting("matches", "str", "A regular expression a line of the body must match."),
            Setting(
                "body_max_bytes",
                "int",
                "A longer body is an error. Default: 1 MiB is read, and a longer body is an error "
                "only when it is to be judged.",
            ),
            Setting("redirects", "int", "How many redirects to follow.", default=5),
            Setting("headers", "map", "Headers to send.", secret=True),
            Setting("user", "str", "User for basic authentication."),
            Setting("password", "str", "Password for basic authentication.", secret=True),
            Setting("bearer_token", "str", "Token for `Authorization: Bearer`.", secret=True),
            Setting("server_name", "str", "Name to ask for (SNI) and to verify; default the host."),
            *TLS_SETTINGS,
        ),
        pack={
            "total_s": Threshold(3.0, 2.0),
            "certificate_days_left": Threshold(14.0, 15.0, below=True),
        },
        measures=(
            Measures("total_s", "seconds", "The whole look, redirects included."),
            Measures("resolve_s", "seconds", "Time to resolve names."),
            Measures("connect_s", "seconds", "Time until connections were accepted."),
            Measures("tls_s", "seconds", "Time of TLS handshakes."),
            Measures("first_byte_s", "seconds", "Time from request to the head of the answer."),
            Measures("transfer_s", "seconds", "Time to read the body."),
            Measures("status", "", "The HTTP status."),
            Measures("body_bytes", "bytes", "Length of the body, as far as it was read."),
            Measures("redirects", "count", "Redirects followed."),
            Measures("certificate_days_left", "days", "Days until the certificate expires."),
            Measures("state", "state", "With several URLs: each one's own state, as a number."),
        ),
        entities=("url",),
        commands=(PHASES, CERTIFICATE),
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        self._addresses = _addresses(self._settings)
        self._expected = expectations(self._settings)
        if self._settings["method"].upper() not in ("GET", "HEAD"):
            raise Invalid("method must be GET or HEAD", hint="a look changes nothing")

    async def probe(self, look: Look) -> Report:
        """Request every URL, all at once."""
        reports = await all_of([self._one(look, address) for address in self._addresses])
        return reports[0] if len(reports) == 1 else _joined(self._addresses, reports)

    async def _one(self, look: Look, address: Address) -> Report:
        try:
            async with within(look):
                return await self._walked(look, address)
        except EXPECTED as error:
            return failed(error, f"{address.scheme}://{address.authority}")

    async def _walked(self, look: Look, address: Address) -> Report:
        begun = time.perf_counter()
        walk, origin = _Walk(), address.origin
        while True:
            answer = await self._hop(look, address, walk, trusted=address.origin == origin)
            location = answer.headers.get("location")
            if not self._leads_on(answer.status) or location is None:
                break
            address = self._follow(address, location, walk)
        return self._report(answer, walk, time.perf_counter() - begun)

    def _leads_on(self, status: int) -> bool:
        if status not in _REDIRECTS or not self._settings["redirects"]:
            return False
        return not self._expected.wants_redirect(status)

    def _follow(self, address: Address, location: str, walk: _Walk) -> Address:
        walk.redirects += 1
        if walk.redirects > self._settings["redirects"]:
            raise Fault("redirect", f"more than {self._settings['redirects']} redirects")
        try:
            following = address.follow(location)
        except Invalid as error:
            raise Fault("redirect", f"it redirects where we do not follow: {error}") from None
        if address.scheme == "https" and following.scheme == "http":
            raise Fault("redirect", "it redirects from https to http")
        return following

    async def _hop(self, look: Look, address: Address, walk: _Walk, *, trusted: bool) -> Answer:
        tls = context_for(self._settings) if address.scheme == "https" else None
        name = self._settings["server_name"] if trusted else None
        exchange = await Exchange.open(look, address, tls=tls, server_name=name)
        try:
            answer = await exchange.ask(self._question(look, trusted=trusted))
            walk.add(exchange, answer)
        finally:
            exchange.close()
        return answer

    def _question(self, look: Look, *, trusted: bool) -> Question:
        given = {**self._settings, **look.settings}
        # Elsewhere than where the operator pointed, our headers are nobody's business.
        headers = credentials(given) if trusted else {}
        return Question(
            method=self._settings["method"].upper(),
            headers={"Connection": "close", **headers},
            limit_bytes=self._settings["body_max_bytes"] or _BODY_BYTES,
        )

    def _report(self, answer: Answer, walk: _Walk, total_s: float) -> Report:
        limited = self._settings["body_max_bytes"] is not None or self._expected.reads_body
        seen = Seen(
            status=answer.status,
            response_ms=total_s * 1000,
            body=answer.body,
            address=walk.address,
            certificate_s=None if walk.certificate_days is None else walk.certificate_days * _DAY_S,
        )
        fault = self._expected.fault_in(seen)
        if not answer.whole and limited and not (fault and fault.error_class == "bad_status"):
            fault = Fault("too_large", f"the body is longer than {len(answer.body)} bytes")
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message if fault else "",
            rtt=timedelta(seconds=total_s),
            measurements=tuple(measurements(_values(answer, walk, total_s))),
            facts={"address": walk.address, "server": answer.headers.get("server", "")[:128]},
        )

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer `phases`, or `certificate` of the first URL that has one."""
        if name == PHASES.name:
            for row in phases_of(await self.probe(look)):
                yield row
            return
        address = next((each for each in self._addresses if each.scheme == "https"), None)
        if address is None:
            raise Invalid("no URL of this target is https", hint="ask phases")
        its, server_name = self._settings, self._settings["server_name"]
        async for row in certificates_of(look, address.host, address.port, its, server_name):
            yield row

    async def aclose(self) -> None:
        """Nothing is held between looks."""


def _addresses(settings: Mapping[str, Any]) -> list[Address]:
    urls = [*([settings["url"]] if settings["url"] else []), *(settings["urls"] or ())]
    if not urls:
        raise Invalid("http needs the setting 'url' or 'urls'")
    return [address_of(str(url)) for url in dict.fromkeys(urls)]


def _entities(addresses: list[Address]) -> list[str]:
    # Without the query: it may hold a token, and names of entities are shown to everybody.
    bare = [f"url:{address.url.partition('?')[0]}" for address in addresses]
    return [
        name if bare.count(name) == 1 else f"{name}#{place}" for place, name in enumerate(bare, 1)
    ]


def _values(answer: Answer, walk: _Walk, total_s: float) -> dict[str, float | None]:
    return {
        "total_s": total_s,
        "resolve_s": walk.resolve_s,
        "connect_s": walk.connect_s,
        "tls_s": walk.tls_s if walk.certificate_days is not None else None,
        "first_byte_s": walk.first_byte_s,
        "transfer_s": walk.transfer_s,
        "status": answer.status,
        "body_bytes": len(answer.body),
        "redirects": walk.redirects,
        "certificate_days_left": walk.certificate_days,
    }


def _joined(addresses: list[Address], reports: list[Report]) -> Report:
    # Several doors of one house: it is down only when none opens.
    worst = max(reports, key=lambda report: report.state)
    some = worst.state is State.DOWN and any(r.state is not State.DOWN for r in reports)
    found: list[Measurement] = []
    for entity, report in zip(_entities(addresses), reports, strict=True):
        found.append(state_of(entity, report.state))
        found += [replace(m, entity=entity) for m in report.measurements]
    rtts = [report.rtt for report in reports if report.rtt is not None]
    if rtts:
        found.append(Measurement("total_s", max(rtts).total_seconds()))
    bad = [r.message for r in reports if r.state is not State.UP]
    return Report(
        state=State.DEGRADED if some else worst.state,
        error_class=worst.error_class,
        message="; ".join(bad)[:1024],
        rtt=max(rtts, default=None),
        measurements=tuple(found),
    )
