"""A connector that counts its looks in a file, so that the truth is known, and the arithmetic over it.

A look that was counted must be stored once. Three kinds never can be: one whose agent was killed before
the report was on its disk, one under way while its agent was stopping, and one cut off by its own time
limit on a starved machine: that one is stored as a report that has no number.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

UNSPOOLED_S = 1.5
"""A report younger than this when its agent was killed may not have reached the disk."""

CUT_OFF_S = 2.0
"""The report of a look that was cut off bears a time within this of when it was counted."""

CONNECTOR = """
import asyncio, os, time
from pathlib import Path
from vedette.agent.connector import Description, Measures, Setting
from vedette.health.model import Measurement, Report, State

class Counted:
    description = Description(
        name="counted", help="Counts its looks.",
        settings=(Setting("path", "str", "Where to count.", required=True),),
        measures=(Measures("number", "count", "The number of this look."),),
    )

    def __init__(self, settings):
        self.path = Path(settings["path"])

    async def probe(self, look):
        try:
            last = self.path.read_text().rstrip().rpartition("\\n")[2]
            number = int(last.split()[0]) + 1
        except (FileNotFoundError, IndexError, ValueError):
            number = 1
        with self.path.open("a") as file:
            file.write(f"{number} {time.time():.6f}\\n")
        return Report(state=State.UP, measurements=(Measurement("number", number),))

    async def aclose(self):
        pass
"""

STORED = """
SELECT substr(t.name, 2)::int, r."values"[1]::bigint, extract(epoch FROM r.at)::float8
FROM health.report AS r
JOIN fleet.target AS t ON t.id = r.target_id
"""
"""Every stored look: its target, its number (NULL: it was cut off), its time."""


@dataclass(frozen=True)
class Account:
    """What became of the looks that were counted."""

    counted: int
    stored: int
    unspooled: int
    cut_off: int
    lost: list[str]


def install(folder: Path, targets: int, **component: str) -> None:
    """Write the connector as an installed package, and settings in which it looks at so many targets."""
    plugins = folder / "plugins"
    info = plugins / "vedette_counted-1.dist-info"
    info.mkdir(parents=True)
    (plugins / "vedette_counted.py").write_text(CONNECTOR)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vedette-counted\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[vedette.connectors]\ncounted = vedette_counted:Counted\n"
    )
    (folder / "numbers").mkdir()
    service = {"name": component["service"]}
    if "region" in component:
        service["regions"] = [component["region"]]
    settings = {
        "services": [service],
        "targets": [
            {
                "name": f"t{number}",
                "connector": "counted",
                "agents": ["counter"],
                "every": "1s",
                "timeout": "1s",
                "component": component,
                "settings": {"path": str(folder / "numbers" / str(number))},
            }
            for number in range(targets)
        ],
    }
    (folder / "vedette.yaml").write_text(yaml.safe_dump(settings))


def numbers(folder: Path, target: int) -> dict[int, float]:
    """Return every look of a target: its number, and when it was."""
    path = folder / "numbers" / f"{target}"
    lines = path.read_text().splitlines() if path.exists() else []
    return {int(line.split()[0]): float(line.split()[1]) for line in lines if " " in line}


def account(
    folder: Path,
    targets: int,
    rows: Iterable[tuple[int, int | None, float]],
    ends: Iterable[tuple[float, float]],
) -> Account:
    """Compare what is stored (`STORED`) with what was counted; raises AssertionError for a double.

    ends: when an agent was killed (twice the same moment) or told to stop, and when it was gone.
    """
    stored: Counter[tuple[int, int]] = Counter()
    empty: dict[int, list[float]] = {}
    for target, number, at in rows:
        if number is None:
            empty.setdefault(target, []).append(at)
        else:
            stored[target, number] += 1
    twice = [which for which, count in stored.items() if count > 1]
    assert not twice, f"stored twice: {twice[:5]}"
    ends = list(ends)
    counted = unspooled = cut_off = 0
    lost = []
    for target in range(targets):
        for number, at in numbers(folder, target).items():
            counted += 1
            if (target, number) in stored:
                continue
            if any(begun - UNSPOOLED_S < at <= gone for begun, gone in ends):
                unspooled += 1
            elif told := [
                moment for moment in empty.get(target, ()) if abs(moment - at) < CUT_OFF_S
            ]:
                empty[target].remove(told[0])
                cut_off += 1
            else:
                lost.append(f"look {number} of t{target}, at {at:.3f}")
    return Account(counted, len(stored), unspooled, cut_off, lost)
