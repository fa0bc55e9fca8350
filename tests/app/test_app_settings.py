from datetime import timedelta
from pathlib import Path

import pytest

from vedette.app.settings import keeping, to_declaration
from vedette.app.settings_file import check_settings, load_settings, settings_of
from vedette.errors import Invalid
from vedette.fleet.model import ComponentName, DeclaredService, DeclaredTarget
from vedette.health.keeping import Keeping

ISSUE = """
clusters:
  - {name: shop-eu, region: EU-DE}
services:
  - {name: Orders, category: Shop, regions: [EU-DE, EU-NL]}
targets:
  - name: orders-db
    connector: postgres          # any installed connector
    cluster: shop-eu             # optional
    agents: [local]              # names or tag:role=edge; default the agent of `up`
    every: 10s
    timeout: 5s
    component: {service: Orders, region: EU-DE}
    settings: {host: 127.0.0.1, port: 5432, user: postgres, database: postgres, password_file: /run/pg}
"""


def faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "v.yaml"
    path.write_text(text)
    return [f"{fault.line} {fault.path}: {fault.message}" for fault in check_settings(path)]


def target(**more: str) -> str:
    lines = {"name": "x", "connector": "tcp", "settings": "{host: h, port: 1}", **more}
    return (
        "targets:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in lines.items()) + "\n"
    )


def test_the_file_becomes_a_declaration_with_secrets_unresolved():
    declared = to_declaration(settings_of(ISSUE))
    assert declared.services == (
        DeclaredService(name="Orders", category="Shop", regions=("EU-DE", "EU-NL")),
    )
    assert declared.targets == (
        DeclaredTarget(
            name="orders-db",
            connector="postgres",
            cluster="shop-eu",
            component=ComponentName(service="Orders", region="EU-DE"),
            agents=("local",),
            every=timedelta(seconds=10),
            timeout=timedelta(seconds=5),
            settings={
                "host": "127.0.0.1", "port": 5432, "user": "postgres", "database": "postgres",
                "password_file": "/run/pg",
            },
        ),
    )  # fmt: skip


def test_the_example_that_ships_is_without_fault():
    assert check_settings(Path(__file__).parents[2] / "examples" / "vedette.yaml") == []


def test_a_target_that_says_little_goes_to_the_local_agent_every_ten_seconds():
    (only,) = to_declaration(settings_of(target())).targets
    assert (only.agents, only.every, only.timeout) == (
        ("local",), timedelta(seconds=10), timedelta(seconds=5),
    )  # fmt: skip


def test_the_timeout_is_never_longer_than_the_interval_by_default():
    (only,) = to_declaration(settings_of(target(every="2s"))).targets
    assert only.timeout == timedelta(seconds=2)


def test_an_empty_file_and_empty_parts_mean_nothing_is_watched(tmp_path):
    assert faults(tmp_path, "") == []
    assert faults(tmp_path, "targets:\nservices:\n") == []


def test_every_fault_of_shape_is_told_at_once_with_its_line(tmp_path):
    text = (
        "servers: {}\nclusters:\n  - {name: a, regoin: EU}\ntargets:\n  - name: 5\n    every: 10\n"
    )
    assert faults(tmp_path, text) == [
        "1 servers: unknown key (did you mean 'server'?)",
        "3 clusters[0].regoin: unknown key (did you mean 'region'?)",
        "5 targets[0]: 'connector' must stand here",
        "5 targets[0].name: 5 is not a text (quote it)",
        "6 targets[0].every: 10 has no unit (write 10s)",
    ]


def test_every_fault_of_meaning_is_told_at_once(tmp_path):
    text = """clusters: [{name: shop}]
services: [{name: Orders, regions: [A, B]}]
targets:
  - name: x
    connector: postgers
    every: 500ms
  - name: x
    connector: tcp
    cluster: shp
    timeout: 11s
    agents: ['tag:x']
    component: {service: Orders}
    settings: {hsot: 1}
"""
    assert faults(tmp_path, text) == [
        "5 targets[0].connector: there is no connector called 'postgers' (did you mean 'postgres'?)",
        "6 targets[0].every: 500ms is less than 1s",
        "7 targets[1].name: another of the targets is called 'x' already",
        "9 targets[1].cluster: no cluster is called 'shp' (did you mean 'shop'?)",
        "10 targets[1].timeout: 11s must be more than 0s and at most `every` (10s)",
        "11 targets[1].agents[0]: 'tag:x' is no selector (write tag:key=value)",
        "12 targets[1].component: `region` must say which: A, B",
        "13 targets[1].settings.hsot: tcp has no setting 'hsot' (did you mean 'host'?)",
    ]


def test_a_timeout_as_long_as_the_interval_is_allowed(tmp_path):
    assert faults(tmp_path, target(every="1s", timeout="1s")) == []


@pytest.mark.parametrize("word", ["10", "'10 s'", "ten", "1.5m", "-1s", "''", "1s30m"])
def test_what_is_no_duration_is_refused(tmp_path, word):
    (fault,) = faults(tmp_path, target(every=word))
    assert fault.startswith("5 targets[0].every:")


def test_history_is_kept_as_the_file_says():
    assert keeping(None) == keeping(settings_of("")) == Keeping()
    said = settings_of(
        "history: {pack_after: 1d, reports: 48h, minutes: 10d, hours: 20d, days: 99d}"
    )
    assert keeping(said) == Keeping(
        pack_after=timedelta(days=1),
        reports=timedelta(days=2),
        minutes=timedelta(days=10),
        hours=timedelta(days=20),
        days=timedelta(days=99),
    )


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ("minutes: 29d", "minutes: 29d is less than `reports` (30d)"),
        ("reports: 1d", "reports: 1d is less than `pack_after` (2d)"),
        ("hours: 399d", "hours: 399d is less than `minutes` (400d)"),
        ("days: 1d", "days: 1d is less than `hours` (1825d)"),
        ("pack_after: 0d", "pack_after: 0d is less than 1d"),
        ("pack_after: 23h", "pack_after: 23h is less than 1d"),
        ("hours: 99999d", "hours: 99999d is more than 36500d"),
        ("hours: 9999999d", "hours: '9999999d' is not a duration"),
        ("reports: -5d", "reports: '-5d' is not a duration (write it as 500ms, 10s, 1m30s, 2h or 90d)"),
        ("reports: 30", "reports: 30 has no unit (write 30s)"),
        ("minuets: 1d", "minuets: unknown key (did you mean 'minutes'?)"),
    ],
)  # fmt: skip
def test_history_that_cannot_be_kept_is_refused(tmp_path, history, complaint):
    (fault,) = faults(tmp_path, "history:\n  " + history + "\n")
    assert fault.startswith("2 history." + complaint)


def test_a_component_without_region_takes_the_only_one(tmp_path):
    services = "services: [{name: S, regions: [A]}]\n"
    assert faults(tmp_path, services + target(component="{service: S}")) == []


def test_a_file_without_services_makes_them_as_its_targets_name_them(tmp_path):
    assert faults(tmp_path, target(component="{service: Any, region: EU}")) == []


def test_an_unknown_service_is_refused_where_services_are_listed(tmp_path):
    services = "services: [{name: Orders}]\n"
    assert faults(tmp_path, services + target(component="{service: Order}")) == [
        "6 targets[0].component.service: no service is called 'Order' (did you mean 'Orders'?)"
    ]


def test_start_up_names_the_first_fault_and_how_to_see_the_rest(tmp_path):
    path = tmp_path / "v.yaml"
    path.write_text("a: 1\nb: 2\n")
    with pytest.raises(Invalid) as caught:
        load_settings(path)
    assert caught.value.hint == f"and 1 more; see them all: vedette config check {path}"


def test_requests_filters_and_thresholds_reach_the_declaration(tmp_path):
    file = tmp_path / "vedette.yaml"
    file.write_text(
        """
targets:
  - name: orders-db
    connector: postgres
    requests:
      - {name: orders, query: SELECT 1 AS open, measurements: {open: count}, every: 1m}
    keep: ["orders_*"]
    drop: ["*/status:test"]
    thresholds: {locks_ratio: off, orders_open: {enter: 5, leave: 3}, replay_delay_s: 60}
"""
    )
    (target,) = to_declaration(load_settings(file)).targets
    assert target.requests[0]["every"] == "1m"
    assert (target.keep, target.drop) == (("orders_*",), ("*/status:test",))
    assert target.thresholds == {
        "locks_ratio": "off",
        "orders_open": {"enter": 5.0, "leave": 3.0},
        "replay_delay_s": 60.0,
    }
