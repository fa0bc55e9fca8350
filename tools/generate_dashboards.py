"""Write a dashboard for each of some connectors; units and thresholds are those of its description."""

import json
from pathlib import Path
from typing import Any

from vedette import plugins
from vedette.agent.connector import Measures
from vedette.agent.packs import Pack, Threshold

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"

SHOWN = {
    "cockroachdb": (
        "nodes_up nodes_down ranges_unavailable ranges_underreplicated queries_per_s failures_per_s disk_ratio "
        "memory_ratio cpu_ratio heartbeat_p99_s clock_offset_s pending_tasks jobs_pending connections rtt_s"
    ),
    "host": (
        "cpu_ratio load1_per_cpu memory_ratio swap_ratio disk_ratio inodes_ratio disk_busy_ratio "
        "read_bytes_per_s written_bytes_per_s received_bytes_per_s sent_bytes_per_s errors_per_s"
    ),
    "postgres": (
        "query_s connections connections_ratio transactions_per_s rollback_ratio cache_hit_ratio blocked_sessions "
        "longest_transaction_s deadlocks_per_s wal_bytes_per_s replay_lag_s retained_bytes freeze_ratio "
        "database_bytes dead_rows_ratio"
    ),
    "redis": (
        "ping_s ops_per_s clients clients_ratio used_memory_bytes memory_ratio hit_ratio keys evicted_keys_per_s "
        "rejected_connections_per_s unsaved_changes lag_bytes"
    ),
}  # fmt: skip
"""Connector → the measurements on its dashboard, in reading order."""

UNITS = {
    "seconds": "s", "bytes": "bytes", "bytes_per_second": "binBps", "per_second": "cps",
    "ratio": "percentunit", "count": "short",
}  # fmt: skip
"""Our unit → Grafana's, as `health.axis_unit` has it."""

SOURCE = {"type": "grafana-postgresql-datasource", "uid": "vedette"}
COLOURS = {
    "up": "green", "unknown": "#8e8e8e", "initialising": "blue", "draining": "purple",
    "degraded": "orange", "down": "red",
}  # fmt: skip
CHOSEN = "t.connector = '{connector}' AND t.target = ANY (ARRAY[${{target:sqlstring}}]::text[])"
STATES = """\
SELECT s."time", t.target, s.state
FROM grafana.target_states() t
CROSS JOIN LATERAL grafana.target_timeline(t.target, $__timeFrom(), $__timeTo()) s
WHERE {chosen}
ORDER BY 1"""
POINTS = """\
SELECT m."time", t.target || substr(m.metric, length('{name}') + 1) AS metric, m.value
FROM grafana.target_states() t
CROSS JOIN LATERAL grafana.measurements(
    t.target, '{name}', $__timeFrom(), $__timeTo(), interval '$__interval') m
WHERE {chosen}
ORDER BY 1"""
CHANGES = """\
SELECT "time", name || ' is ' || state || ': ' || reason AS text, kind || ',' || state AS tags
FROM grafana.transitions($__timeFrom(), $__timeTo())
WHERE kind = 'target' AND name = ANY (ARRAY[${target:sqlstring}]::text[])
ORDER BY 1"""


def main() -> None:
    """Write deploy/grafana/dashboards/CONNECTOR.json for each connector of `SHOWN`."""
    for connector in SHOWN:
        text = json.dumps(board(connector), indent=2, ensure_ascii=False)
        (FOLDER / f"{connector}.json").write_text(text + "\n", encoding="utf-8")


def board(connector: str) -> dict[str, Any]:
    """Return the dashboard: the states of the chosen targets, below them the measurements."""
    description = plugins.load("vedette.connectors", connector).description
    measures = {each.name: each for each in description.measures}
    chosen = CHOSEN.format(connector=connector)
    panels = [states(chosen)]
    for nth, name in enumerate(SHOWN[connector].split()):
        place = {"h": 8, "w": 8, "x": nth % 3 * 8, "y": 7 + nth // 3 * 8}
        panels.append(points(nth + 2, measures[name], description.pack, chosen, place))
    return {
        "uid": f"vedette-{connector}",
        "title": f"Vedette: {connector}",
        "description": f"Targets of the connector {connector} side by side. {description.help}",
        "tags": ["vedette"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "links": [
            {
                "type": "dashboards", "title": "Vedette", "tags": ["vedette"], "asDropdown": True,
                "keepTime": True, "includeVars": False, "icon": "external link", "targetBlank": False,
            }
        ],
        "annotations": {"list": [changes()]},
        "templating": {"list": [targets(connector)]},
        "panels": panels,
    }  # fmt: skip


def targets(connector: str) -> dict[str, Any]:
    """Return the variable of the targets shown."""
    query = f"SELECT target FROM grafana.target_states() WHERE connector = '{connector}' ORDER BY target"
    return {
        "name": "target", "label": "Target", "type": "query", "datasource": SOURCE,
        "definition": query, "query": query, "refresh": 2, "sort": 0, "multi": True, "includeAll": True,
        "options": [], "regex": "", "hide": 0, "skipUrlSync": False,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def changes() -> dict[str, Any]:
    """Return the annotation: a mark where a chosen target changed its state."""
    return {
        "name": "Changes of state", "datasource": SOURCE, "enable": True, "hide": False, "iconColor": "orange",
        "target": question(CHANGES, "table"),
    }  # fmt: skip


def question(sql: str, form: str) -> dict[str, Any]:
    """Return a question to the data source."""
    return {
        "datasource": SOURCE, "editorMode": "code", "format": form, "rawQuery": True, "rawSql": sql,
        "refId": "A",
    }  # fmt: skip


def states(chosen: str) -> dict[str, Any]:
    """Return the panel of the targets' states over time."""
    mapping = {
        state: {"text": state, "color": colour, "index": nth}
        for nth, (state, colour) in enumerate(COLOURS.items())
    }
    link = {
        "title": "The target",
        "url": "/d/vedette-target?var-target=${__field.labels.target:percentencode}&${__url_time_range}",
    }
    return {
        "id": 1, "type": "state-timeline", "title": "States", "description": "", "datasource": SOURCE,
        "gridPos": {"h": 7, "w": 24, "x": 0, "y": 0},
        "targets": [question(STATES.format(chosen=chosen), "table")],
        "fieldConfig": {
            "defaults": {
                "mappings": [{"type": "value", "options": mapping}],
                "displayName": "${__field.labels.target}",
                "links": [link],
                "custom": {"fillOpacity": 80, "lineWidth": 0},
            },
            "overrides": [],
        },
        "options": {
            "showValue": "never", "mergeValues": True, "rowHeight": 0.8,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        },
        "transformations": [
            {
                "id": "partitionByValues",
                "options": {"fields": ["target"], "keepFields": False, "naming": {"asLabels": True}},
            }
        ],
    }  # fmt: skip


def points(
    number: int, measure: Measures, pack: Pack, chosen: str, place: dict[str, int]
) -> dict[str, Any]:
    """Return the panel of one measurement, a line a target and entity; its threshold is drawn dashed."""
    steps: list[dict[str, str | float | None]] = [{"color": "green", "value": None}]
    style = "off"
    found = pack.get(measure.name)
    if found is not None:
        limit = found if isinstance(found, Threshold) else Threshold(found, found)
        well, bad = ("orange", "green") if limit.below else ("green", "orange")
        steps = [{"color": well, "value": None}, {"color": bad, "value": limit.enter}]
        style = "dashed"
    return {
        "id": number, "type": "timeseries", "title": measure.name, "description": measure.help,
        "datasource": SOURCE, "gridPos": place, "interval": "1s",
        "targets": [question(POINTS.format(name=measure.name, chosen=chosen), "time_series")],
        "fieldConfig": {
            "defaults": {
                "unit": UNITS.get(measure.unit, "none"),
                "color": {"mode": "palette-classic"},
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {
                    "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "spanNulls": False,
                    "thresholdsStyle": {"mode": style},
                },
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "transformations": [],
    }  # fmt: skip


if __name__ == "__main__":
    main()
