"""Connector `prometheus`: scrapes an exporter, and brings home everything it exposes."""

import time
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Measures, Setting
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, told
from vedette.agent.connectors.exchange import (
    Address,
    Answer,
    Exchange,
    Question,
    address_of,
    credentials,
)
from vedette.agent.connectors.prometheus_commands import COMMANDS, rows_of
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import within
from vedette.agent.exposition.grammar import ACCEPT, Dialect, Malformed, dialect_of
from vedette.agent.exposition.page import Bounds, Page, TooMuch
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.lineup import Chosen, Lineup
from vedette.health.model import Bulk, Measurement, Naming, Report, Series, State

STALE_S = 300.0
"""With `honor_timestamps`: what the exporter dates further back is no news."""
MOST_SAMPLES = 65_000

_META = (
    Measures("up", "state", "1 when the scrape succeeded, else 0."),
    Measures("scrape_duration_seconds", "seconds", "How long the scrape took."),
    Measures("scrape_samples_scraped", "count", "Samples the target exposed."),
    Measures(
        "scrape_samples_post_metric_relabeling",
        "count",
        "Samples that are in the report: finite, and not waiting for the next layout.",
    ),
    Measures("scrape_series_added", "count", "Series in this scrape that were never there before."),
    Measures("scrape_samples_not_finite", "count", "Samples left out: NaN, +Inf or -Inf."),
    Measures(
        "scrape_samples_held_back",
        "count",
        "Samples of new series left out because the target brings new series all the time.",
    ),
)


class Prometheus:
    """Keeps the last body, so that of the next one only what changed is read."""

    description: ClassVar[Description] = Description(
        name="prometheus",
        help="Scrapes a Prometheus exporter: each series becomes a measurement named as its metric, "
        "its labels the entity.",
        settings=(
            Setting("url", "str", "Where it exposes; or `host`, `port` and `path`."),
            Setting("host", "str", "Name or address, in place of `url`."),
            Setting("port", "int", "Port, with `host`.", default=9100),
            Setting("path", "str", "Path, with `host`.", default="/metrics"),
            Setting("headers", "map", "Headers to send.", secret=True),
            Setting("user", "str", "User for basic authentication."),
            Setting("password", "str", "Password for basic authentication.", secret=True),
            Setting("bearer_token", "str", "Token for `Authorization: Bearer`.", secret=True),
            Setting("server_name", "str", "Name to ask for (SNI) and to verify; default the host."),
            *TLS_SETTINGS,
            Setting(
                "honor_timestamps",
                "bool",
                "Leave out samples that the exporter itself dates more than 5 minutes back.",
                default=False,
            ),
            Setting(
                "sample_limit", "int", f"Most samples; at most {MOST_SAMPLES}.", default=50_000
            ),
            Setting("label_limit", "int", "Most labels of a sample; 0 is no limit.", default=0),
            Setting(
                "label_name_length_limit", "int", "Longest label name; 0 is no limit.", default=0
            ),
            Setting(
                "label_value_length_limit", "int", "Longest label value; 0 is no limit.", default=0
            ),
            Setting("body_size_limit", "int", "Most bytes, unpacked.", default=16 << 20),
        ),
        measures=_META,
        commands=COMMANDS,
        entities=("{label=value}",),
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = given = parse(self.description, settings)
        self._address = _address(given)
        if not 0 < given["sample_limit"] <= MOST_SAMPLES:
            raise Invalid(f"sample_limit must be 1 to {MOST_SAMPLES}")
        if given["body_size_limit"] <= 0:
            raise Invalid("body_size_limit must be more than 0")
        self._page = Page(
            Bounds(
                samples=given["sample_limit"],
                labels=given["label_limit"],
                label_name_chars=given["label_name_length_limit"],
                label_value_chars=given["label_value_length_limit"],
            )
        )
        self._lineup: Lineup[Naming] = Lineup(self._name)

    async def probe(self, look: Look) -> Report:
        """Scrape once; a body that breaks a limit or the format fails as a whole."""
        begun = time.perf_counter()
        try:
            async with within(look):
                answer = await self._fetched(look)
            taken_s = time.perf_counter() - begun
            self._read(answer)
        except EXPECTED as error:
            return _fallen(failed(error, self._address.url), time.perf_counter() - begun)
        except TooMuch as why:
            fault = Fault("limit", f"the scrape is past a limit: {why}")
            return _fallen(failed(fault, self._address.url), time.perf_counter() - begun)
        except Malformed as why:
            fault = Fault("protocol", f"what it exposes cannot be read: {told(why, look)}")
            return _fallen(failed(fault, self._address.url), time.perf_counter() - begun)
        return self._report(taken_s)

    async def _fetched(self, look: Look) -> Answer:
        given = {**self._settings, **look.settings}
        tls = context_for(self._settings) if self._address.scheme == "https" else None
        exchange = await Exchange.open(
            look, self._address, tls=tls, server_name=self._settings["server_name"]
        )
        question = Question(
            headers={
                "Connection": "close",
                "Accept": ACCEPT,
                "Accept-Encoding": "gzip",
                "X-Prometheus-Scrape-Timeout-Seconds": f"{look.timeout_s:g}",
                **credentials(given),
            },
            limit_bytes=self._settings["body_size_limit"],
        )
        try:
            return await exchange.ask(question)
        finally:
            exchange.close()

    def _read(self, answer: Answer) -> None:
        if answer.status != 200:
            auth = answer.status in (401, 403)
            raise Fault("auth" if auth else "bad_status", f"the status is {answer.status}, not 200")
        if not answer.whole:
            limit = self._settings["body_size_limit"]
            raise TooMuch(f"a body longer than body_size_limit ({limit} bytes)")
        content_type = answer.headers.get("content-type", "")
        dialect = dialect_of(content_type)
        if dialect is None:
            raise Fault("protocol", f"it exposes {content_type[:80]!r}, a format we do not read")
        try:
            text = answer.body.decode()
        except UnicodeDecodeError:
            raise Malformed("it is not UTF-8") from None
        generation = self._page.generation
        self._page.read(text, Dialect(dialect))
        if self._page.generation != generation:
            self._lineup.begin_anew()

    def _report(self, taken_s: float) -> Report:
        page, out = self._page, self._page.out
        if self._settings["honor_timestamps"] and page.stamps:
            oldest = now().timestamp() - STALE_S
            out = out | {place for place, stamp in page.stamps.items() if stamp < oldest}
        chosen: Chosen[Naming] = self._lineup.choose(len(page.series), out)
        values = array(
            "d",
            (
                1.0,
                taken_s,
                page.samples,
                len(chosen.places),
                page.added,
                page.not_finite,
                chosen.held_back,
            ),
        )
        values += chosen.values(page.values)
        return Report(
            state=State.UP, rtt=timedelta(seconds=taken_s), bulk=Bulk(chosen.named, values)
        )

    def _name(self, places: Sequence[int]) -> Naming:
        own = (Series(m.name, "", m.unit, m.help) for m in _META)
        series = self._page.series
        return Naming((*own, *(series[place] for place in places)))

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Scrape now and answer a command of `prometheus_commands`."""
        try:
            async with within(look):
                self._read(await self._fetched(look))
        except TooMuch as why:
            raise Fault("limit", f"the scrape is past a limit: {why}") from None
        except Malformed as why:
            words = f"what it exposes cannot be read: {told(why, look)}"
            raise Fault("protocol", words) from None
        for row in rows_of(self._page.series, self._page.values, name, params):
            yield row

    async def aclose(self) -> None:
        """Nothing is held between looks but the last body."""


def _address(given: Mapping[str, Any]) -> Address:
    if given["url"]:
        return address_of(str(given["url"]))
    if not given["host"]:
        raise Invalid("prometheus needs the setting 'url' or 'host'")
    host = f"[{given['host']}]" if ":" in given["host"] else given["host"]
    return address_of(f"http://{host}:{given['port']}/{given['path'].lstrip('/')}")


def _fallen(report: Report, taken_s: float) -> Report:
    zeroes = [Measurement(m.name, 0.0) for m in _META if m.name != "scrape_duration_seconds"]
    return Report(
        state=report.state,
        error_class=report.error_class,
        message=report.message,
        measurements=(Measurement("scrape_duration_seconds", taken_s), *zeroes),
    )
