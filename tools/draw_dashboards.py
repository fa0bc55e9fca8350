"""Draw the dashboards of records for the docs: their own questions, put to the demo's database, set out as they are placed.

`python tools/draw_dashboards.py` writes docs/dashboards/NAME.svg. Grafana draws finer; what stands in the panels is
what it would show.
"""

import asyncio
import json
import re
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from vedette import clock
from vedette.automation import made_up_year
from vedette.db import testing
from vedette.db.create import APP, GRAFANA, OWNER
from vedette.db.embedded import embedded
from vedette.db.pool import connect

ROOT = Path(__file__).resolve().parent.parent
BOARDS = ROOT / "deploy" / "grafana" / "dashboards"
PICTURES = ROOT / "docs" / "dashboards"
NAMES = ("vulnerabilities", "mending", "validations", "slos", "delivery")
CELL, ROW, GAP, HEAD = 50, 30, 8, 26
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0")
COLOURS = {
    "dark-purple": "#8f3bb8", "dark-red": "#c4162a", "orange": "#ff9830", "yellow": "#fade2a", "blue": "#5794f2",
    "light-blue": "#8ab8ff", "green": "#73bf69",
}  # fmt: skip
SEVERITIES = {"Critical": "dark-red", "High": "orange", "Medium": "yellow", "Low": "blue"}
MENDED = """
INSERT INTO records.exposure (
    namespace_id, identity, severity, fixable, images, pods, since_at, first_seen_at, ended_at)
SELECT e.namespace_id, e.identity, e.severity, true, 1, 2, t.since, t.since, t.since + interval '1 day' * (
        (40 - 6 * e.severity) * (0.5 + e.id % 7 / 5.0))
FROM records.exposure AS e
CROSS JOIN generate_series(1, 6) AS week (n)
CROSS JOIN LATERAL (SELECT now() - interval '160 days' + (week.n * 17 + e.id % 13) * interval '1 day') AS t (since)
WHERE e.severity BETWEEN 2 AND 5"""
"""What was mended before the demo began: so much as a picture of it needs."""
Answer = tuple[list[str], list[tuple[Any, ...]]]


async def main() -> None:
    """Make the demo's database, ask as Grafana's role, write a picture of each dashboard."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        testing.write_unsafe_settings(Path(data))
        async with embedded(Path(data)) as running:
            admin = running.dsn("postgres", "postgres")
            words = running.place.read_passwords()
            await testing.make_template(
                admin, {role: words[role] for role in (OWNER, APP, GRAFANA)}
            )
            async with await connect(testing.dsn_for(admin, dbname=testing.TEMPLATE)) as conn:
                await made_up_year.make(conn, by="demo", now=clock.now())
                await conn.execute(MENDED)
            dsn = testing.dsn_for(
                admin, dbname=testing.TEMPLATE, role=GRAFANA, password=words[GRAFANA]
            )
            async with await connect(dsn) as conn:
                for name in NAMES:
                    board = json.loads((BOARDS / f"{name}.json").read_text(encoding="utf-8"))
                    picture = await drawn(conn, board)
                    (PICTURES / f"{name}.svg").write_text(picture, encoding="utf-8")


async def drawn(conn: AsyncConnection[Any], board: dict[str, Any]) -> str:
    """Return the dashboard as SVG."""
    until = clock.now().astimezone(UTC)
    days = int(re.sub(r"\D", "", board["time"]["from"]))
    ask = Asker(conn, until - timedelta(days=days), until)
    for variable in board["templating"]["list"]:
        _, rows = await ask(variable["query"])
        values = [str(value) for (value,) in rows]
        many = 4 if variable["name"] == "service" else None
        ask.chosen[variable["name"]] = values[:many] if variable["multi"] else values[:1]
    panels, bottom = [], 0
    for panel in board["panels"]:
        place = panel["gridPos"]
        bottom = max(bottom, (place["y"] + place["h"]) * ROW)
        panels.append(framed(panel, await ask(panel["targets"][0]["rawSql"])))
    chosen = ", ".join(f"{name}: {', '.join(values)}" for name, values in ask.chosen.items())
    head = text(GAP, 18, f"{board['title']}   {chosen}", size=15, colour="#d8d9da")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * CELL} {bottom + HEAD + GAP}"'
        ' font-family="Inter, Helvetica, Arial, sans-serif">\n'
        f'<rect width="100%" height="100%" fill="#111217"/>\n{head}\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


class Asker:
    """Puts questions with Grafana's macros and variables in place."""

    def __init__(self, conn: AsyncConnection[Any], since: datetime, until: datetime) -> None:
        self.conn, self.since, self.until = conn, since, until
        self.chosen: dict[str, list[str]] = {}

    async def __call__(self, sql: str) -> Answer:
        """Return names of columns and rows."""
        for macro, value in (
            ("$__timeFrom()", f"'{self.since.isoformat()}'"),
            ("$__timeTo()", f"'{self.until.isoformat()}'"),
            ("$__interval", f"{int((self.until - self.since).total_seconds() / 300)}s"),
        ):
            sql = sql.replace(macro, value)
        sql = re.sub(r"\$\{(\w+):sqlstring\}", lambda found: self._quoted(found[1]), sql)
        cursor = await self.conn.execute(sql.encode())
        return [column.name for column in cursor.description or ()], await cursor.fetchall()

    def _quoted(self, name: str) -> str:
        return ",".join("'" + value.replace("'", "''") + "'" for value in self.chosen[name])


def text(
    x: float, y: float, words: str, *, size: int = 11, colour: str = "#9fa7b3", **more: str
) -> str:
    """Return one line of text."""
    rest = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}"{rest}>{escape(words)}</text>'


def framed(panel: dict[str, Any], answer: Answer) -> str:
    """Return a panel in its place."""
    place = panel["gridPos"]
    width, height = place["w"] * CELL - GAP, place["h"] * ROW - GAP
    inside = DRAWN[panel["type"]](panel, answer, width, height)
    return (
        f'<svg x="{place["x"] * CELL + GAP / 2:.0f}" y="{place["y"] * ROW + HEAD}" width="{width}" height="{height}">'
        f'<rect width="{width}" height="{height}" rx="3" fill="#181b1f" stroke="#2c3235"/>'
        f"{text(10, 18, panel['title'], size=12, colour='#d8d9da')}{inside}</svg>"
    )


def colour_of(panel: dict[str, Any], name: str, nth: int) -> str:
    """Return the colour a series has by its name, else the next one of the palette."""
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if override["matcher"]["options"] == name and one["id"] == "color":
                fixed = one["value"]["fixedColor"]
                return COLOURS.get(fixed, fixed)
    return PALETTE[nth % len(PALETTE)]


def worded(value: object, unit: str = "none") -> str:
    """Return a value as people read it in that unit of Grafana's."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "percent":
        return f"{value:.5g} %"
    if unit == "s":
        for length, name in ((86400, "d"), (3600, "h"), (60, "min")):
            if abs(value) >= length:
                return f"{value / length:.3g} {name}"
        return f"{value:.3g} s"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(panel: dict[str, Any], answer: Answer, width: int, height: int) -> str:
    """Return as many rows as fit, columns as wide as their words."""
    names, rows = answer
    hidden = {
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "custom.hidden"
    }
    shown = [nth for nth, name in enumerate(names) if name not in hidden]
    names, rows = [names[nth] for nth in shown], [tuple(row[nth] for nth in shown) for row in rows]
    units = {
        override["matcher"]["options"]: one["value"]
        for override in panel["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "unit"
    }
    rows = rows[: (height - 48) // 18]
    cells = [
        [worded(value, units.get(name, "none")) for name, value in zip(names, row, strict=True)]
        for row in rows
    ]
    longest = [
        min(max(len(word) for word in column), 18) + 2 for column in zip(names, *cells, strict=True)
    ]
    share = (width - 20) / sum(longest)
    parts, x = [], 10.0
    for nth, (name, length) in enumerate(zip(names, longest, strict=True)):
        room = max(int(length * share / 6) - 1, 3)
        parts.append(text(x, 38, name[:room], colour="#6e9fff"))
        for down, row in enumerate(cells):
            colour = COLOURS.get(SEVERITIES.get(row[nth], ""), "#ccccdc")
            parts.append(text(x, 56 + down * 18, row[nth][:room], colour=colour))
        x += length * share
    return "".join(parts)


def gauge(panel: dict[str, Any], answer: Answer, width: int, height: int) -> str:
    """Return a number for each metric."""
    names, rows = answer
    values = [dict(zip(names, row, strict=True)) for row in rows]
    parts = []
    for nth, one in enumerate(values):
        middle = width * (nth + 0.5) / len(values)
        colour = colour_of(panel, one["metric"], nth)
        radius = min(height / 2 - 24, width / len(values) / 2 - 16)
        base = height - 34
        parts.append(
            f'<path d="M{middle - radius:.0f},{base} A{radius:.0f},{radius:.0f} 0 0 1 {middle + radius:.0f},{base}"'
            f' fill="none" stroke="{colour}" stroke-width="14"/>'
        )
        parts.append(
            text(
                middle, base - 8, worded(one["value"]), size=34, colour=colour, text_anchor="middle"
            )
        )
        parts.append(text(middle, height - 12, one["metric"], size=12, text_anchor="middle"))
    return "".join(parts)


def stat(panel: dict[str, Any], answer: Answer, width: int, height: int) -> str:
    """Return the one number, as large as it may be."""
    value = next(iter(answer[1][0])) or 0
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step for step in steps if step["value"] is None or value >= step["value"]][-1]
    fill = COLOURS.get(reached["color"], reached["color"])
    number = text(
        width / 2, height / 2 + 28, worded(value), size=56, colour="#ffffff", text_anchor="middle"
    )
    return f'<rect y="26" width="{width}" height="{height - 26}" rx="3" fill="{fill}"/>{number}'


def bargauge(panel: dict[str, Any], answer: Answer, width: int, height: int) -> str:
    """Return a bar for each row."""
    rows = answer[1][: (height - 36) // 24]
    most = max((value for _, value in rows), default=1) or 1
    parts = []
    for nth, (name, value) in enumerate(rows):
        y = 34 + nth * 24
        long = (width / 2 - 50) * value / most
        colour = "#ff9830" if value else "#73bf69"
        parts.append(text(10, y + 13, name[:38]))
        parts.append(
            f'<rect x="{width / 2:.0f}" y="{y}" width="{max(long, 1):.0f}" height="16" fill="{colour}"/>'
        )
        parts.append(text(width / 2 + long + 6, y + 13, worded(value), colour=colour))
    return "".join(parts)


def timeseries(panel: dict[str, Any], answer: Answer, width: int, height: int) -> str:
    """Return a line or bars for each metric, with what the axes mean."""
    series = in_series(answer)
    points = [point for line in series.values() for point in line]
    if not points:
        return text(width / 2, height / 2, "No data", text_anchor="middle")
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    low, high = min(0.0, *(value for _, value in points)), max(value for _, value in points)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if unit == "percent":
        low = min(value for _, value in points)
    left, top, right, bottom = 62, 34, width - 12, height - 46

    def x(at: datetime) -> float:
        return left + (right - left) * ((at - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - top) * ((value - low) / (high - low) if high > low else 0.5)

    parts = []
    for share in (0, 0.5, 1):
        level = low + (high - low) * share
        parts.append(f'<path d="M{left},{y(level):.0f}H{right}" stroke="#2c3235"/>')
        parts.append(text(left - 6, y(level) + 4, worded(level, unit), text_anchor="end"))
    parts += [
        text(left, bottom + 16, f"{first:%b %d}"),
        text(right, bottom + 16, f"{last:%b %d}", text_anchor="end"),
    ]
    bars = panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars"
    words = left
    for nth, (name, line) in enumerate(series.items()):
        colour = colour_of(panel, name, nth)
        if bars:
            wide = max((right - left) / (len({at for at, _ in points}) * len(series)) - 2, 2)
            for at, value in line:
                begin = (
                    left + (x(at) - left) * (1 - wide * len(series) / (right - left)) + nth * wide
                )
                parts.append(
                    f'<rect x="{begin:.1f}" y="{min(y(value), y(0)):.1f}" width="{wide:.1f}"'
                    f' height="{abs(y(0) - y(value)):.1f}" fill="{colour}"/>'
                )
        else:
            way = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in line)
            parts.append(
                f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
            )
        if words + 7 * len(name) + 20 < right:
            parts.append(
                f'<rect x="{words}" y="{height - 20}" width="10" height="3" fill="{colour}"/>'
            )
            parts.append(text(words + 14, height - 14, name))
            words += 7 * len(name) + 26
    return "".join(parts)


def in_series(answer: Answer) -> dict[str, list[tuple[datetime, float]]]:
    """Return metric → points; of columns without a metric, each is one."""
    names, rows = answer
    series: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for row in rows:
        if names[1:] == ["metric", "value"]:
            if row[2] is not None:
                series[row[1]].append((row[0], float(row[2])))
            continue
        for name, value in zip(names[1:], row[1:], strict=True):
            series[name].append((row[0], float(value)))
    return series


DRAWN = {
    "table": table,
    "gauge": gauge,
    "stat": stat,
    "bargauge": bargauge,
    "timeseries": timeseries,
}

if __name__ == "__main__":
    asyncio.run(main())
