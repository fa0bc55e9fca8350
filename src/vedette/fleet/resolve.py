"""Turn what people declare into rows: names checked, components found, nothing left to interpret.

Pure: the same declaration always gives the same rows, or the same complaint naming the field.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from vedette.errors import Invalid
from vedette.fleet.model import ComponentName, Declaration, DeclaredService, DeclaredTarget
from vedette.fleet.rules import checked_selector
from vedette.trust.names import checked_label, checked_name, checked_tags

T = TypeVar("T")

LEAST_EVERY = timedelta(seconds=1)
LONGEST_EVERY = timedelta(days=1)
PATIENCE = range(1, 101)
SELECTOR_LIMIT = 100
SETTINGS_LIMIT = 64 * 1024
"""Bytes of a target's settings as JSON; its requests and thresholds each as many."""


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """A component to keep. declared: by its service, not only by a target that stands for it."""

    service: str
    region: str | None
    type: str | None
    attributes: dict[str, str] = field(hash=False, compare=False)
    declared: bool = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A target to keep; service None means that it stands for no component."""

    name: str
    connector: str
    cluster: str | None
    service: str | None
    region: str | None
    type: str | None
    every_ms: int
    timeout_ms: int
    bad_after: int
    good_after: int
    agents: list[str]
    settings: dict[str, Any]
    requests: list[Any]
    keep: list[str]
    drop: list[str]
    thresholds: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All there is to keep of a declaration. clusters: name → region; services: name → category."""

    regions: list[str]
    clusters: dict[str, str | None]
    services: dict[str, str | None]
    components: list[ComponentRow]
    targets: list[TargetRow]


def resolve(declaration: Declaration) -> Rows:
    """Return the rows; raises Invalid naming what is wrong and where."""
    clusters: dict[str, str | None] = _once(
        "clusters",
        (
            (checked_label(cluster.name, field="clusters.name"), _region(cluster.region))
            for cluster in declaration.clusters
        ),
    )
    checked = map(_checked_service, declaration.services)
    services = _once("services", ((service.name, service) for service in checked))
    targets = [_target_row(target, services) for target in declaration.targets]
    _once("targets", ((target.name, target) for target in targets))
    for target in targets:
        if target.cluster is not None:
            clusters.setdefault(target.cluster, None)
    components = _components(services.values(), targets)
    categories = {name: service.category for name, service in services.items()}
    categories |= {c.service: None for c in components if c.service not in categories}
    regions = {*clusters.values(), *(component.region for component in components)}
    return Rows(
        regions=sorted(region for region in regions if region is not None),
        clusters=clusters,
        services=categories,
        components=components,
        targets=targets,
    )


def as_rows(items: Iterable[Any], **more: Iterable[Any]) -> list[dict[str, Any]]:
    """Return dataclasses as the objects `jsonb_to_recordset` reads, with further columns."""
    rows = [asdict(item) for item in items]
    for column, values in more.items():
        for row, value in zip(rows, values, strict=True):
            row[column] = value
    return rows


def _checked_service(service: DeclaredService) -> DeclaredService:
    name = checked_label(service.name, field="services.name")
    where = f"services.{name}"
    regions = tuple(checked_label(region, field=f"{where}.regions") for region in service.regions)
    _once(f"{where}.regions", zip(regions, regions, strict=True))
    return DeclaredService(
        name=name,
        category=_optional(service.category, f"{where}.category"),
        regions=regions,
        type=_optional(service.type, f"{where}.type"),
        attributes=_attributes_of(service, where),
    )


def _attributes_of(service: DeclaredService, where: str) -> dict[str, str]:
    attributes = checked_tags(dict(service.attributes), field=f"{where}.attributes")
    # The type is part of what a component is; said in two places it could be two things.
    for word in ("category", "region", "type"):
        if word in attributes:
            raise Invalid(f"{where}.attributes holds {word!r}, which has a key of its own")
    return attributes


def _target_row(target: DeclaredTarget, services: dict[str, DeclaredService]) -> TargetRow:
    name = checked_name(target.name, field="targets.name")
    where = f"targets.{name}"
    _check_times(target, where)
    service, region, type_ = _component_of(target.component, services, where)
    return TargetRow(
        name=name,
        connector=checked_name(target.connector, field=f"{where}.connector"),
        cluster=_optional(target.cluster, f"{where}.cluster"),
        service=service,
        region=region,
        type=type_,
        every_ms=target.every // timedelta(milliseconds=1),
        timeout_ms=target.timeout // timedelta(milliseconds=1),
        bad_after=target.bad_after,
        good_after=target.good_after,
        agents=_selectors(target.agents, where),
        settings=_json_checked(dict(target.settings), f"{where}.settings"),
        requests=_json_checked(list(target.requests), f"{where}.requests"),
        keep=_json_checked(list(target.keep), f"{where}.keep"),
        drop=_json_checked(list(target.drop), f"{where}.drop"),
        thresholds=_json_checked(dict(target.thresholds), f"{where}.thresholds"),
    )


def _check_times(target: DeclaredTarget, where: str) -> None:
    if not LEAST_EVERY <= target.every <= LONGEST_EVERY:
        raise Invalid(f"{where}.every must be between 1s and 1d")
    if not timedelta(milliseconds=1) <= target.timeout <= target.every:
        raise Invalid(f"{where}.timeout must be more than 0 and at most every")
    for word, looks in (("bad_after", target.bad_after), ("good_after", target.good_after)):
        if looks not in PATIENCE:
            raise Invalid(f"{where}.{word} must be between 1 and 100")


def _component_of(
    named: ComponentName | None, services: dict[str, DeclaredService], where: str
) -> tuple[str | None, str | None, str | None]:
    if named is None:
        return None, None, None
    service = checked_label(named.service, field=f"{where}.component.service")
    region = _optional(named.region, f"{where}.component.region")
    type_ = _optional(named.type, f"{where}.component.type")
    declared = services.get(service)
    if declared is None:
        return service, region, type_
    if region is None and len(declared.regions) > 1:
        raise Invalid(
            f"{where}.component does not say in which region of {service!r} it is",
            hint="one of " + ", ".join(declared.regions),
        )
    if region is None and declared.regions:
        region = declared.regions[0]
    return service, region, type_ or declared.type


def _selectors(agents: tuple[str, ...], where: str) -> list[str]:
    if len(agents) > SELECTOR_LIMIT:
        raise Invalid(f"{where}.agents holds more than {SELECTOR_LIMIT}")
    return sorted({checked_selector(text, field=f"{where}.agents") for text in agents})


def _json_checked(said: T, where: str) -> T:
    try:
        text = json.dumps(said, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Invalid(f"{where} holds what JSON cannot: a date, NaN or the like") from None
    if len(text) > SETTINGS_LIMIT:
        raise Invalid(f"{where} is longer than {SETTINGS_LIMIT // 1024} KiB")
    if "\\u0000" in text:
        raise Invalid(f"{where} holds a NUL character")
    return said


def _components(
    services: Iterable[DeclaredService], targets: list[TargetRow]
) -> list[ComponentRow]:
    """Return every component that a service or a target stands for, each once."""
    named = {
        ComponentRow(t.service, t.region, t.type, _attributes(t.region, t.type), declared=False)
        for t in targets
        if t.service is not None
    }
    with_target = {row.service for row in named}
    found: dict[ComponentRow, ComponentRow] = {}
    by_name = {}
    for service in services:
        by_name[service.name] = service
        # Without regions of its own, a service is where its targets say; without targets, nowhere.
        regions = service.regions or (() if service.name in with_target else (None,))
        for region in regions:
            row = ComponentRow(service.name, region, service.type, {}, declared=True)
            found[row] = row
    found |= {row: row for row in named if row not in found}
    return [_described(row, by_name.get(row.service)) for row in found.values()]


def _described(row: ComponentRow, service: DeclaredService | None) -> ComponentRow:
    if service is None:
        return row
    attributes = {**service.attributes, **_attributes(row.region, row.type)}
    if service.category is not None:
        attributes["category"] = service.category
    return ComponentRow(row.service, row.region, row.type, attributes, declared=True)


def _attributes(region: str | None, type_: str | None) -> dict[str, str]:
    return {
        word: value for word, value in (("region", region), ("type", type_)) if value is not None
    }


def _region(value: str | None) -> str | None:
    return _optional(value, "clusters.region")


def _optional(value: str | None, where: str) -> str | None:
    return None if value is None else checked_label(value, field=where)


def _once(where: str, items: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Return the items by name; raises Invalid when a name is there twice."""
    found: dict[str, T] = {}
    for name, item in items:
        if name in found:
            raise Invalid(f"{where}: {name!r} is there twice", hint="remove one")
        found[name] = item
    return found
