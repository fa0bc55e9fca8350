"""What lies where in the spool: names and folders of MIG's tree, and what makes a tree agree with the rows."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

NEW, INVALID = "action/new", "action/invalid"
FOLDERS = (
    *(f"action/{state}" for state in ("new", "inflight", "done", "invalid")),
    *(f"command/{state}" for state in ("ready", "inflight", "returned", "done")),
)
"""As MIG's documentation draws them."""
FINAL = frozenset(("action/done", INVALID, "command/done"))
"""What lies here is not written again, and goes after a time."""

OURS = re.compile(r"[1-9][0-9]{0,18}(-[1-9][0-9]{0,18})?\.json")
"""Names of the mirror; whatever else lies in the tree is somebody else's and stays."""
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


DELETE_AFTER = timedelta(hours=72)
"""MIG's `deleteafter`."""


@dataclass(frozen=True, slots=True)
class Spooling:
    """Where a spool is served. delete_after: how long files of what is over are kept."""

    top: Path
    delete_after: timedelta = DELETE_AFTER


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is to lie, or a file lies. mark: when the row changed; None: as it was found."""

    folder: str
    mark: datetime | None = None


@dataclass(slots=True)
class Plan:
    """What makes the tree agree: files to write, by name, then files to remove, (folder, name)."""

    write: dict[str, Place] = field(default_factory=dict)
    remove: list[tuple[str, str]] = field(default_factory=list)


def action_name(action_id: int) -> str:
    """Return the name of an action's file."""
    return f"{action_id}.json"


def command_name(action_id: int, command_id: int) -> str:
    """Return the name of a command's file."""
    return f"{action_id}-{command_id}.json"


def action_folder(state: str) -> str:
    """Return where an action lies; MIG has no place for what waits for signatures but `new`."""
    return "action/new" if state == "proposed" else f"action/{state}"


def plan(held: Mapping[str, Place], wanted: Mapping[str, Place]) -> Plan:
    """Return what to do where `held` lies and `wanted` should."""
    found = Plan()
    for name, place in wanted.items():
        lies = held.get(name)
        if lies is None or lies.folder != place.folder or _is_stale(lies, place):
            found.write[name] = place
        if lies is not None and lies.folder != place.folder:
            found.remove.append((lies.folder, name))
    found.remove += [(place.folder, name) for name, place in held.items() if name not in wanted]
    return found


def _is_stale(lies: Place, wanted: Place) -> bool:
    # A file that was found in its last place was written there as a whole.
    return lies.mark != wanted.mark and not (lies.mark is None and lies.folder in FINAL)


def found_in(listing: Iterable[tuple[str, str]]) -> tuple[dict[str, Place], list[tuple[str, str]]]:
    """Return where each file of the mirror lies, and those that lie twice: a crash left them behind.

    listing: (folder, name) of everything in the tree. The copy further on its way is the newer one.
    """
    held: dict[str, Place] = {}
    twice: list[tuple[str, str]] = []
    for folder, name in sorted(listing, key=lambda one: FOLDERS.index(one[0])):
        if not OURS.fullmatch(name) or ("-" in name) is not folder.startswith("command/"):
            continue
        if name in held:
            twice.append((held[name].folder, name))
        held[name] = Place(folder)
    return held, twice


def refused_name(name: str, taken: Iterable[str], mark: str) -> str:
    """Return the name under which a file that was refused lies in `action/invalid`.

    mark: a few characters that tell this file from others of its name.
    """
    plain = name if PLAIN.fullmatch(name) else f"refused-{mark}"
    # Files of the mirror are named by numbers alone.
    plain = f"refused-{plain}" if OURS.fullmatch(plain) else plain
    others = set(taken)
    return f"{mark}-{plain}" if {plain, f"{plain}.reason"} & others else plain
