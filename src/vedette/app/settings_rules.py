"""What a settings file must not say, though its shape is right."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_network

from vedette import durations, plugins
from vedette.agent.connector import Description
from vedette.agent.requests import requests_of
from vedette.agent.settings_schema import parse
from vedette.agent.wanted import checked
from vedette.app.settings import (
    LEAST_EVERY,
    HistorySettings,
    ServiceSettings,
    Settings,
    TargetSettings,
    wanted_of,
)
from vedette.app.settings_availability import reporting_of
from vedette.app.settings_incidents import PolicySettings, merged, policy_faults
from vedette.errors import Conflict, Invalid, Missing

CONNECTORS = "vedette.connectors"
LEAST_HISTORY = timedelta(days=1)
LONGEST_HISTORY = timedelta(days=36_500)

Where = tuple[str | int, ...]
Complaint = tuple[Where, str]


def faults_of(settings: Settings) -> Iterator[Complaint]:
    """Yield where and what for every fault of meaning, all of them."""
    yield from _doubles("clusters", [cluster.name for cluster in settings.clusters])
    yield from _doubles("services", [service.name for service in settings.services])
    yield from _doubles("targets", [target.name for target in settings.targets])
    yield from _server(settings)
    try:
        settings.log.checked()
    except Invalid as error:
        yield ("log", "file_size"), str(error)
    yield from _history(settings.history)
    try:
        reporting_of(settings.availability)
    except Invalid as error:
        yield ("availability",), str(error)
    try:
        settings.pages.theme()
    except Invalid as error:
        yield ("pages",), str(error)
    services = {service.name: service for service in settings.services}
    yield from _policies(settings)
    clusters = {cluster.name for cluster in settings.clusters}
    for number, target in enumerate(settings.targets):
        for where, message in _target(target, services, clusters):
            yield ("targets", number, *where), message


def _doubles(kind: str, names: list[str]) -> Iterator[Complaint]:
    seen: Counter[str] = Counter()
    for number, name in enumerate(names):
        seen[name] += 1
        if seen[name] == 2:
            yield (kind, number, "name"), f"another of the {kind} is called {name!r} already"


def _server(settings: Settings) -> Iterator[Complaint]:
    server = settings.server
    for number, network in enumerate(server.behind_proxy):
        try:
            ip_network(network)
        except ValueError as error:
            yield ("server", "behind_proxy", number), f"{network!r} is not a network: {error}"
    if (server.tls_cert is None) != (server.tls_key is None):
        yield ("server",), "tls_cert and tls_key go together"
    if server.database_url is not None and server.database_url_file is not None:
        yield ("server", "database_url_file"), "give database_url or database_url_file, not both"


def _target(
    target: TargetSettings, services: Mapping[str, ServiceSettings], clusters: set[str]
) -> Iterator[Complaint]:
    yield from _times(target)
    if target.cluster is not None and target.cluster not in clusters:
        yield (
            ("cluster",),
            f"no cluster is called {target.cluster!r}{_near(target.cluster, clusters)}",
        )
    yield from _component(target, services)
    for number, selector in enumerate(target.agents):
        if selector.startswith("tag:") and not all(selector[4:].partition("=")):
            yield ("agents", number), f"{selector!r} is no selector (write tag:key=value)"
    if not target.agents:
        yield ("agents",), "nobody would look (leave `agents` out, or name one)"
    yield from _connector(target)


def _history(history: HistorySettings) -> Iterator[Complaint]:
    """Each grain is made from the finer one, so it is kept at least as long; days go whole."""
    before: tuple[str, timedelta] = ("", LEAST_HISTORY)
    for key in ("pack_after", "reports", "minutes", "hours", "days"):
        text: str | None = getattr(history, key)
        if text is None:
            continue
        try:
            length = durations.parse(text)
        except Invalid as error:
            yield ("history", key), str(error)
            return
        if length < before[1]:
            least = f"`{before[0]}` ({getattr(history, before[0])})" if before[0] else "1d"
            yield ("history", key), f"{text} is less than {least}"
        elif length > LONGEST_HISTORY:
            yield ("history", key), f"{text} is more than 36500d"
        before = (key, max(length, before[1]))


def _policies(settings: Settings) -> Iterator[Complaint]:
    widest = settings.incidents.policy
    for key, message in policy_faults(widest):
        yield ("incidents", "policy", key), message
    for number, service in enumerate(settings.services):
        here: Where = ("services", number)
        for key, message in policy_faults(service.policy or PolicySettings(), widest):
            yield (*here, "policy", key), message
        wider = merged(widest, service.policy)
        for region, said in service.region_policies.items():
            there = (*here, "region_policies", region)
            if region not in service.regions:
                near = _near(region, service.regions)
                yield there, f"{region!r} is no region of {service.name!r}{near}"
            for key, message in policy_faults(said, wider):
                yield (*there, key), message


def _times(target: TargetSettings) -> Iterator[Complaint]:
    spans: dict[str, timedelta] = {}
    for key in ("every", "timeout"):
        try:
            spans[key] = getattr(target, f"{key}_span")
        except Invalid as error:
            yield (key,), str(error)
            return
    if spans["every"] < LEAST_EVERY:
        yield ("every",), f"{target.every} is less than 1s"
    elif not timedelta(0) < spans["timeout"] <= spans["every"]:
        yield (
            ("timeout",),
            f"{target.timeout} must be more than 0s and at most `every` ({target.every})",
        )


def _component(
    target: TargetSettings, services: Mapping[str, ServiceSettings]
) -> Iterator[Complaint]:
    reference = target.component
    if reference is None or not services:
        return  # a file without `services` makes them as its targets name them
    service = services.get(reference.service)
    if service is None:
        near = _near(reference.service, services)
        yield ("component", "service"), f"no service is called {reference.service!r}{near}"
    elif reference.region is None and len(service.regions) > 1:
        yield ("component",), f"`region` must say which: {', '.join(service.regions)}"
    elif reference.region is not None and reference.region not in service.regions:
        near = _near(reference.region, service.regions)
        yield (
            ("component", "region"),
            f"{reference.region!r} is no region of {service.name!r}{near}",
        )


def _connector(target: TargetSettings) -> Iterator[Complaint]:
    try:
        description: Description = plugins.load(CONNECTORS, target.connector).description
    except Missing:
        near = _near(target.connector, plugins.names(CONNECTORS))
        yield ("connector",), f"there is no connector called {target.connector!r}{near}"
        return
    except (Conflict, ImportError) as error:
        yield ("connector",), f"the connector {target.connector!r} cannot be loaded: {error}"
        return
    try:
        parse(description, target.settings, references=True)
    except Invalid as error:
        named = [key for key in target.settings if repr(key) in error.message]
        yield ("settings", *named[:1]), str(error)
    said = wanted_of(target)
    try:
        requests_of(description, said.requests)
    except Invalid as error:
        yield ("requests",), str(error)
        return
    try:
        checked(said, description)
    except Invalid as error:
        named = [key for key in said.thresholds if repr(key) in error.message]
        yield ("thresholds", *named[:1]), str(error)


def _near(word: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    close = get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (there are: {', '.join(choices[:12])})" if choices else " (there is none)"
