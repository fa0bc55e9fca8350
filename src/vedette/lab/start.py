"""Starting a throw-away target, ending it, and saying which there are."""

import time
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from vedette.clock import now
from vedette.db.identity import Identity, choose_identity
from vedette.errors import Conflict, Invalid, Missing, Unavailable
from vedette.lab import store
from vedette.lab.bench import Bench, find, refuse_bad_port
from vedette.lab.model import Lab, Plan
from vedette.lab.processes import end, is_running, launch, run
from vedette.lab.recipes import HERE, RECIPES, Recipe

AFTERWARDS_WITHIN_S = 30.0
POLL_S = 0.2


def start(
    kind: str, data_dir: Path, *, name: str = "", nodes: int = 1, port: int | None = None
) -> Lab:
    """Start a target of that kind and return what is known of it; it may not answer yet.

    name: default the kind. nodes: how many of it. port: the first; None finds free ones. A lab of
    that name whose programs have ended is thrown away.

    Raises `Invalid`, `Missing` naming the program, `Conflict` when it runs or a port is taken.
    """
    recipe = recipe_of(kind, nodes)
    refuse_bad_port(port, nodes)
    name = name or kind
    store.refuse_bad_name(name)
    with store.opened(data_dir) as top:
        folder = top / name
        _make_room(folder)
        folder.mkdir(mode=0o700)
        identity = _identity(folder)
        try:
            plan = recipe.make(Bench(folder=folder, identity=identity, nodes=nodes, port=port))
        except BaseException:
            store.remove(folder)
            raise
        lab = Lab(
            name=name,
            kind=kind,
            program=plan.program,
            address=f"{HERE}:{plan.port}",
            since=now().isoformat(timespec="seconds"),
            folder=str(folder),
            connector=plan.connector,
            settings=plan.settings,
            processes=[],
        )
        return _launched(lab, plan, identity)


def recipe_of(kind: str, nodes: int) -> Recipe:
    """Return the recipe of that kind; raise `Invalid` when there is none, or none of so many nodes."""
    recipe = RECIPES.get(kind)
    if recipe is None:
        near = get_close_matches(kind, RECIPES, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise Invalid(f"there is no lab of {kind!r}", hint=f"{meant}there are {', '.join(RECIPES)}")
    if not 1 <= nodes <= recipe.most_nodes:
        raise Invalid(f"--nodes {nodes}: {kind} has 1 to {recipe.most_nodes} here")
    return recipe


def stop(name: str, data_dir: Path) -> None:
    """End the lab of that name and remove its folder; raise `Missing` when there is none."""
    store.refuse_bad_name(name)
    with store.opened(data_dir) as top:
        if not (top / name).is_dir():
            there = ", ".join(lab.name for lab in store.kept(data_dir))
            raise Missing(f"there is no lab {name!r}", hint=f"there are: {there or 'none'}")
        _clear(top / name)


def is_up(lab: Lab) -> bool:
    """Say whether all programs of a lab run still."""
    return bool(lab.processes) and all(map(is_running, lab.processes))


def last_words(lab: Lab) -> str:
    """Return the last line that its programs said, or ""."""
    try:
        lines = Path(lab.folder, "log").read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


def _launched(lab: Lab, plan: Plan, identity: Identity) -> Lab:
    try:
        for command in plan.commands:
            process = launch(command, Path(lab.folder), identity)
            lab = replace(lab, processes=[*lab.processes, process])
            # After each: should we be killed now, `stop` still finds what was started.
            store.write(lab)
        if plan.afterwards:
            _retry(lambda: run(plan.afterwards, Path(lab.folder), identity), lab)
    except BaseException:
        end(lab.processes)
        store.remove(Path(lab.folder))
        raise
    return lab


def _retry(attempt: Callable[[], None], lab: Lab) -> None:
    give_up = time.monotonic() + AFTERWARDS_WITHIN_S
    while True:
        try:
            return attempt()
        except Unavailable:
            if not is_up(lab) or time.monotonic() > give_up:
                raise
        time.sleep(POLL_S)


def _make_room(folder: Path) -> None:
    lab = store.read(folder)
    if lab is not None and is_up(lab):
        raise Conflict(
            f"{lab.name} runs already on {lab.address}",
            hint=f"vedette lab stop {lab.name}, or start another: --name {lab.name}-2",
        )
    _clear(folder)


def _clear(folder: Path) -> None:
    lab = store.read(folder)
    if lab is not None:
        end(lab.processes)
    store.remove(folder)


def _identity(folder: Path) -> Identity:
    # Root starts no server as root: what we try here is for nobody's data, and some refuse.
    try:
        return choose_identity(Path(find("true", install="it is part of coreutils")), folder)
    except PermissionError as error:
        raise Unavailable(str(error)) from None
