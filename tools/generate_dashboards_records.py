"""Write the dashboards of records: vulnerabilities, their mending, validations, SLOs, delivery."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "vedette"}
SEVERITIES = {
    "Defcon1": "dark-purple", "Critical": "dark-red", "High": "orange", "Medium": "yellow", "Low": "blue",
    "Negligible": "light-blue", "Unknown": "#8e8e8e",
}  # fmt: skip
CHOSEN = "ARRAY[${cluster:sqlstring}]::text[]"
PLACE = "${cluster:sqlstring}, ${namespace:sqlstring}"
TIMES = "$__timeFrom(), $__timeTo()"
SERVICES = "ARRAY[${service:sqlstring}]::text[]"
DELIVERED = f"{TIMES}, {SERVICES}, ARRAY[${{environment:sqlstring}}]::text[]"

CLUSTERS = "SELECT name FROM grafana.cluster ORDER BY name"
NAMESPACES = """\
SELECT n.name
FROM grafana.cluster c
JOIN grafana.namespace n ON n.cluster_id = c.id
WHERE c.name = ${cluster:sqlstring}
ORDER BY n.name"""

MEASURED = """\
SELECT DISTINCT s.name
FROM grafana.service s
JOIN grafana.serviceslo o ON o.service_id = s.id
ORDER BY s.name"""


@dataclass(frozen=True)
class Panel:
    """A panel. height, width: in cells, 24 a row. form: `table` or `time_series`. fields: column → its properties."""

    type: str
    title: str
    sql: str
    width: int
    height: int
    help: str = ""
    form: str = "table"
    unit: str = "none"
    options: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Board:
    """A dashboard. variables: (name, label, query, takes several)."""

    name: str
    title: str
    help: str
    since: str
    variables: Sequence[tuple[str, str, str, bool]]
    panels: Sequence[Panel]


LINK = {"links": [{"title": "The advisory", "url": "${__value.raw}", "targetBlank": True}]}
SECONDS, DATE, SHARE = {"unit": "s"}, {"unit": "dateTimeFromNow"}, {"unit": "percentunit"}
LINES = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
ROWS = {"showHeader": True, "cellHeight": "sm"}
ALL_VALUES = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
BARS = {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "stacking": {"mode": "normal"}}
AREAS = {"drawStyle": "line", "lineInterpolation": "stepAfter", "fillOpacity": 30, "lineWidth": 1}
POINTS = {"drawStyle": "line", "showPoints": "auto", "lineWidth": 1, "spanNulls": False}
BY_SEVERITY = {
    name: {"color": {"mode": "fixed", "fixedColor": colour}} for name, colour in SEVERITIES.items()
}
COLOURED = {
    "mappings": [
        {
            "type": "value",
            "options": {
                name: {"text": name, "color": colour, "index": nth}
                for nth, (name, colour) in enumerate(SEVERITIES.items())
            },
        }
    ],
    "custom.cellOptions": {"type": "color-background"},
    "custom.width": 100,
}  # fmt: skip

VULNERABILITIES = Board(
    "vulnerabilities",
    "Vedette: vulnerabilities",
    "What runs vulnerable in a namespace: how grave, how old, exploited or not, fixed where.",
    "now-90d",
    [("cluster", "Cluster", CLUSTERS, False), ("namespace", "Namespace", NAMESPACES, False)],
    [
        Panel(
            "gauge", "Vulnerabilities by severity",
            f"SELECT \"time\", severity AS metric, vulnerabilities AS value\n"
            f"FROM grafana.get_severity_count_v2({CHOSEN}, ARRAY[${{namespace:sqlstring}}]::text[])\n"
            "WHERE rank BETWEEN 2 AND 5\nORDER BY 1, rank DESC",
            18, 7, "Each once, whatever it is called and in however many images; what was accepted does not count.",
            "time_series", "short", ALL_VALUES, defaults={"min": 0}, fields=BY_SEVERITY,
        ),
        Panel(
            "stat", "Known to be exploited",
            f"SELECT sum(exploited) AS exploited\n"
            f"FROM grafana.get_severity_count_v2({CHOSEN}, ARRAY[${{namespace:sqlstring}}]::text[])",
            6, 7, "By the catalogues that were loaded (KEV).", unit="short",
            options={"colorMode": "background", "graphMode": "none", **ALL_VALUES},
            defaults={"thresholds": {"mode": "absolute", "steps": [
                {"color": "green", "value": None}, {"color": "dark-red", "value": 1}]}},
        ),
        Panel(
            "timeseries", "Open at the end of each day",
            "SELECT \"time\", severity AS metric, vulnerabilities AS value\n"
            f"FROM grafana.vulnerability_days('namespace', ${{namespace:sqlstring}}, {TIMES}, ${{cluster:sqlstring}})\n"
            "ORDER BY 1, rank DESC",
            16, 9, "", "time_series", "short", LINES, {**AREAS, "stacking": {"mode": "normal"}}, fields=BY_SEVERITY,
        ),
        Panel(
            "table", "How long they are known",
            "SELECT severity, week AS \"< 7 days\", month AS \"< 30 days\", quarter AS \"< 90 days\", "
            "year AS \"< 1 year\", older\n"
            f"FROM grafana.vulnerability_ages({CHOSEN}, ARRAY[${{namespace:sqlstring}}]::text[])",
            8, 9, options=ROWS, fields={"severity": COLOURED},
        ),
        Panel(
            "table", "Vulnerabilities",
            "SELECT severity, vulnerability, title, package, version, fixed_in, image, pods, since, exploited, "
            "exploited_due, percentile, decision, sources, link\n"
            f"FROM grafana.get_vulnerabilities_v2({PLACE})",
            24, 16, "Exploited ones first, then by severity and probability (EPSS).", options=ROWS,
            fields={"severity": COLOURED, "since": DATE, "percentile": SHARE, "link": LINK},
        ),
    ],
)  # fmt: skip

MENDING = Board(
    "mending",
    "Vedette: what to fix, and how fast it is",
    "What to mend first, everywhere; how long it takes until what is vulnerable no longer runs.",
    "now-180d",
    [("cluster", "Cluster", CLUSTERS, True)],
    [
        Panel(
            "table", "Fix first, in all clusters", "SELECT * FROM grafana.fix_first(100)", 24, 11,
            "Exploited and running, exploited, likely to be exploited, critical with a fix, the rest.", options=ROWS,
            fields={"severity": COLOURED, "since": DATE, "percentile": SHARE, "rank": {"custom.hidden": True}},
        ),
        Panel(
            "timeseries", "Time to fix: median",
            "SELECT \"time\", severity AS metric, median_s AS value\n"
            f"FROM grafana.time_to_fix({TIMES}, '7 days', {CHOSEN})\nORDER BY 1, rank DESC",
            12, 9, "Of what no longer runs vulnerable, by the week in which that came to be.", "time_series", "s",
            LINES, POINTS, fields=BY_SEVERITY,
        ),
        Panel(
            "timeseries", "Time to fix: nine of ten within",
            "SELECT \"time\", severity AS metric, p90_s AS value\n"
            f"FROM grafana.time_to_fix({TIMES}, '7 days', {CHOSEN})\nORDER BY 1, rank DESC",
            12, 9, "", "time_series", "s", LINES, POINTS, fields=BY_SEVERITY,
        ),
        Panel(
            "timeseries", "Ended each week",
            "SELECT \"time\", severity AS metric, ended AS value\n"
            f"FROM grafana.time_to_fix({TIMES}, '7 days', {CHOSEN})\nORDER BY 1, rank DESC",
            12, 9, "", "time_series", "short", LINES, BARS, fields=BY_SEVERITY,
        ),
        Panel(
            "table", "How long the open ones are known",
            "SELECT severity, week AS \"< 7 days\", month AS \"< 30 days\", quarter AS \"< 90 days\", "
            f"year AS \"< 1 year\", older\nFROM grafana.vulnerability_ages({CHOSEN})",
            12, 9, options=ROWS, fields={"severity": COLOURED},
        ),
    ],
)  # fmt: skip

VALIDATIONS = Board(
    "validations",
    "Vedette: deployment validation",
    "Which objects of a namespace fail which check of their manifests, and since when.",
    "now-30d",
    [("cluster", "Cluster", CLUSTERS, False), ("namespace", "Namespace", NAMESPACES, False)],
    [
        Panel(
            "bargauge", "Failing objects by check",
            "SELECT replace(validation, 'deployment_validation_operator_', '') AS metric, failing AS value\n"
            f"FROM grafana.validation_counts({CHOSEN}, ARRAY[${{namespace:sqlstring}}]::text[])\nORDER BY 2 DESC, 1",
            12, 10, unit="short",
            options={"orientation": "horizontal", "displayMode": "basic", "showUnfilled": True,
                     "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True}},
            defaults={"min": 0, "thresholds": {"mode": "absolute", "steps": [
                {"color": "green", "value": None}, {"color": "orange", "value": 1}]}},
        ),
        Panel(
            "timeseries", "Passing and failing",
            "SELECT \"time\", passing, failing\n"
            f"FROM grafana.validation_history({PLACE}, {TIMES}, interval '$__interval')\nORDER BY 1",
            12, 10, "", "time_series", "short", LINES, AREAS,
            fields={"failing": {"color": {"mode": "fixed", "fixedColor": "orange"}},
                    "passing": {"color": {"mode": "fixed", "fixedColor": "green"}}},
        ),
        Panel(
            "table", "What fails, and how to mend it",
            "SELECT kind, object, replace(validation, 'deployment_validation_operator_', '') AS validation, since, "
            f"message, description, remediation, source\nFROM grafana.validations({PLACE})\nWHERE NOT passed",
            24, 12, options=ROWS, fields={"since": DATE},
        ),
        Panel(
            "table", "All namespaces of the cluster",
            "SELECT namespace, sum(passing) AS passing, sum(failing) AS failing\n"
            f"FROM grafana.validation_counts({CHOSEN})\nGROUP BY namespace\nORDER BY 3 DESC, 1",
            24, 9, options=ROWS,
        ),
    ],
)  # fmt: skip

SLOS = Board(
    "slos",
    "Vedette: SLOs",
    "What services promised and kept: values as they were recorded, and what is left of error budgets.",
    "now-30d",
    [("service", "Service", MEASURED, True)],
    [
        Panel(
            "timeseries", "Values",
            "SELECT \"time\", service || ' ' || slo || ' ' || cluster || '/' || namespace AS metric, value\n"
            f"FROM grafana.slo_values({TIMES}, {SERVICES})\nORDER BY 1",
            24, 11, "In per cent; nothing is drawn where nothing was recorded.", "time_series", "percent", LINES, POINTS,
        ),
        Panel(
            "table", "Error budgets over the time chosen",
            "SELECT service, objective, cluster, namespace, target, attained, remaining, burn_rate, "
            "lost_s, allowed_s, known_s\n"
            f"FROM grafana.error_budgets({TIMES}, {SERVICES})\nORDER BY remaining",
            24, 9, "A burn rate of 1 uses a budget up exactly; what is not known counts neither way.", options=ROWS,
            fields={"target": {"unit": "percent"}, "attained": {"unit": "percent", "decimals": 3},
                    "remaining": {**SHARE, "custom.cellOptions": {"type": "color-text"},
                                  "thresholds": {"mode": "absolute", "steps": [
                                      {"color": "red", "value": None}, {"color": "orange", "value": 0},
                                      {"color": "green", "value": 0.25}]}},
                    "lost_s": SECONDS, "allowed_s": SECONDS, "known_s": SECONDS},
        ),
        Panel(
            "timeseries", "Left of each month's budget",
            "SELECT month AS \"time\", service || ' ' || slo || ' ' || cluster || '/' || namespace AS metric, "
            "remaining AS value\n"
            f"FROM grafana.error_budgets_by_month({TIMES}, 'UTC', {SERVICES})\nORDER BY 1",
            24, 9, "Below 0 the objective was missed.", "time_series", "percentunit", LINES,
            {"drawStyle": "bars", "fillOpacity": 60, "lineWidth": 1},
        ),
    ],
)  # fmt: skip

DELIVERY = Board(
    "delivery",
    "Vedette: delivery",
    "DORA's five measures, out of deployments, their commits, and the incidents that people confirmed they caused.",
    "now-90d",
    [
        ("service", "Service", f"SELECT DISTINCT service FROM grafana.deployments({TIMES}) ORDER BY 1", True),
        ("environment", "Environment", f"SELECT DISTINCT environment FROM grafana.deployments({TIMES}) ORDER BY 1", True),
    ],
    [
        Panel(
            "table", "By service and environment", f"SELECT * FROM grafana.delivery({DELIVERED})", 24, 9,
            "Medians and what nine of ten keep; empty is what could not be measured, never 0.", options=ROWS,
            fields={"lead_median_s": SECONDS, "lead_p90_s": SECONDS, "recovery_median_s": SECONDS,
                    "recovery_p90_s": SECONDS, "fail_rate": SHARE, "rework_rate": SHARE, "per_day": {"decimals": 2}},
        ),
        Panel(
            "timeseries", "Deployments a day",
            "SELECT date_trunc('day', \"time\") AS \"time\", environment AS metric, "
            f"count(*) AS value\nFROM grafana.deployments({DELIVERED})\nGROUP BY 1, 2\nORDER BY 1",
            12, 9, "", "time_series", "short", LINES, BARS,
        ),
        Panel(
            "timeseries", "Lead time, median of each week",
            "SELECT date_trunc('week', d.\"time\") AS \"time\", d.service || ' ' || d.environment AS metric,\n"
            "    percentile_cont(0.5) WITHIN GROUP (ORDER BY l.s) AS value\n"
            f"FROM grafana.deployments({DELIVERED}) d\nCROSS JOIN LATERAL unnest(d.leads_s) AS l (s)\n"
            "GROUP BY 1, 2\nORDER BY 1",
            12, 9, "From a commit to the first deployment that brought it.", "time_series", "s", LINES, POINTS,
        ),
        Panel(
            "table", "Deployments, newest first",
            "SELECT \"time\", service, environment, pipeline, reason, commits, failed, recovery_s, unrecovered, rework\n"
            f"FROM grafana.deployments({DELIVERED})\nORDER BY 1 DESC\nLIMIT 500",
            24, 12, options=ROWS, fields={"recovery_s": SECONDS, "reason": LINK},
        ),
    ],
)  # fmt: skip

BOARDS = (VULNERABILITIES, MENDING, VALIDATIONS, SLOS, DELIVERY)


def main() -> None:
    """Write deploy/grafana/dashboards/NAME.json for each of `BOARDS`."""
    for board in BOARDS:
        text = json.dumps(drawn(board), indent=2, ensure_ascii=False)
        (FOLDER / f"{board.name}.json").write_text(text + "\n", encoding="utf-8")


def drawn(board: Board) -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": f"vedette-{board.name}",
        "title": board.title,
        "description": board.help,
        "tags": ["vedette"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "5m",
        "time": {"from": board.since, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "links": [
            {
                "type": "dashboards", "title": "Vedette", "tags": ["vedette"], "asDropdown": True,
                "keepTime": True, "includeVars": False, "icon": "external link", "targetBlank": False,
            }
        ],
        "annotations": {"list": []},
        "templating": {"list": [variable(*each) for each in board.variables]},
        "panels": placed(board.panels),
    }  # fmt: skip


def variable(name: str, label: str, query: str, several: bool) -> dict[str, Any]:
    """Return what a reader may choose, all of it at first where several may be chosen."""
    current = {"text": ["All"], "value": ["$__all"]} if several else {"text": "", "value": ""}
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "definition": query, "query": query,
        "refresh": 2, "sort": 0, "multi": several, "includeAll": several, "options": [], "regex": "", "hide": 0,
        "skipUrlSync": False, "current": {"selected": several, **current},
    }  # fmt: skip


def placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """Return the panels, set from left to right in rows as high as their first."""
    x = y = height = 0
    done = []
    for number, one in enumerate(panels, 1):
        if x + one.width > 24:
            x, y = 0, y + height
        height = one.height if x == 0 else height
        done.append(panel(number, one, {"h": height, "w": one.width, "x": x, "y": y}))
        x += one.width
    return done


def panel(number: int, one: Panel, place: dict[str, int]) -> dict[str, Any]:
    """Return one panel."""
    overrides = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in properties.items()],
        }
        for name, properties in one.fields.items()
    ]
    target = {
        "datasource": SOURCE, "editorMode": "code", "format": one.form, "rawQuery": True, "rawSql": one.sql,
        "refId": "A",
    }  # fmt: skip
    defaults = {"unit": one.unit, **one.defaults}
    if one.custom:
        defaults["custom"] = one.custom
    return {
        "id": number, "type": one.type, "title": one.title, "description": one.help, "datasource": SOURCE,
        "gridPos": place, "targets": [target], "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": one.options, "transformations": [],
    }  # fmt: skip


if __name__ == "__main__":
    main()
