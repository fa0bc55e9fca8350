"""MIG's `fswatch` module: says when files of this host change, as they do.

It compares what files hold, not only that something was written. What changed while no agent ran is
not seen; ask the `file` module for hashes.
"""

import time
from typing import Annotated, ClassVar

from msgspec import Meta

from vedette.agent.modules import Context, Needs, Parameters
from vedette.agent.modules.fswatch_inotify import Inotify
from vedette.agent.modules.fswatch_tree import Severity, Tree
from vedette.agent.modules.persistent import Asked, Line

SAME_S = 900.0
"""How long the same alert is not said again."""
AGAIN_S = 30.0
"""How often paths that were not there are looked for."""
_REMEMBERED = 10_000
_RECURSIVE = "recursive:"
PATHS = (
    "/boot",
    "/etc",
    "/etc/cron.d",
    "/etc/init.d",
    "/etc/systemd/system",
    "/usr/bin",
    "/usr/sbin",
    "/var/spool/cron",
)


class FswatchSettings(Parameters, frozen=True, kw_only=True):
    """Which paths are watched; `recursive:` before one watches all below it."""

    paths: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...], Meta(max_length=1000)
    ] = PATHS


class Fswatch(Asked):
    """Watches files."""

    name: ClassVar[str] = "fswatch"
    description: ClassVar[str] = "Keeps running: says when files of this host change."
    needs: ClassVar[Needs] = Needs()
    settings: ClassVar[type[Parameters]] = FswatchSettings

    def keep(self, settings: FswatchSettings, line: Line, context: Context) -> None:
        """Watch until the agent ends; `Unavailable` where there is no inotify."""
        inotify = Inotify()
        tree = Tree(inotify, Alerts(line))
        for path in settings.paths:
            place = path.removeprefix(_RECURSIVE)
            where = str(context.root).rstrip("/") + "/" + place.strip("/")
            tree.add(where.encode(), recursive=path.startswith(_RECURSIVE))
        line.say(f"watches {len(settings.paths)} paths")
        while True:
            if inotify.descriptor in line.wait(AGAIN_S, inotify.descriptor):
                tree.happened(inotify.read())
            tree.look_again()


class Alerts:
    """Tells alerts, the same one once in a while."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._told: dict[str, float] = {}

    def __call__(self, severity: Severity, words: str) -> None:
        """Tell it, unless it was told a little while ago."""
        now = time.monotonic()
        if now - self._told.get(words, float("-inf")) < SAME_S:
            return
        if len(self._told) >= _REMEMBERED:
            self._told = {one: at for one, at in self._told.items() if now - at < SAME_S}
            if len(self._told) >= _REMEMBERED:
                self._told.clear()
        self._told[words] = now
        self._line.tell({"severity": int(severity), "alert": words})
