"""The spool's mirror: what stands in the rows of actions and commands lies as files in MIG's tree.

The rows are the truth. Every file can be lost and is written again; none is believed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from vedette.actions.spool_files import SpoolFiles, Stamp
from vedette.actions.spool_rules import (
    NEW,
    Place,
    Plan,
    action_folder,
    action_name,
    command_name,
    found_in,
    plan,
)
from vedette.actions.spool_text import (
    ActionBody,
    CommandBody,
    action_fields,
    command_fields,
    file_of,
)
from vedette.db.queries import Connection, load

Q = load(__file__, "spool.sql")

AT_ONCE = 500
"""Files written in a turn; each holds its whole action, as in MIG."""
WHOLE_EVERY = timedelta(minutes=10)
"""How often the tree is looked through for what was taken from it, or is too old."""
SLACK = timedelta(seconds=30)
"""How far the clocks of two servers may be apart."""

Tree = dict[int, dict[str, Place]]
"""action → its files and those of its commands."""


class Mirror:
    """The tree of one server; what it wrote it remembers, what a crash left it finds again."""

    def __init__(self, files: SpoolFiles, delete_after: timedelta) -> None:
        self.stamps: dict[str, Stamp] = {}
        """Of our files in `action/new`, where others' files lie too."""
        self._files = files
        self._delete_after = delete_after
        self._held: Tree = {}
        self._left: set[int] = set()
        self._whole_at: datetime | None = None
        self._looked_at: datetime | None = None

    def forget(self) -> None:
        """Believe nothing of the tree: another program had it."""
        self.stamps.clear()
        self._held, self._whole_at = {}, None

    async def run_once(self, conn: Connection, *, now: datetime) -> int:
        """Let the tree agree with the rows; return how many files were written or removed."""
        is_whole = self._whole_at is None or now - self._whole_at >= WHOLE_EVERY
        keep_from = now - self._delete_after
        if is_whole:
            await asyncio.to_thread(self._look_through, keep_from)
        since = None if is_whole or self._looked_at is None else self._looked_at - SLACK
        wanted = await _wanted(conn, keep_from, since, self._left)
        if is_whole:
            wanted |= {gone: {} for gone in self._held if gone not in wanted}
        plans = {one: plan(self._lying(one), places) for one, places in wanted.items()}
        done = await self._carry_out(conn, plans)
        self._looked_at = now
        self._whole_at = now if is_whole else self._whole_at
        return done

    def _lying(self, action_id: int) -> dict[str, Place]:
        """Return where the action's files lie; in `new` another may have taken the place of ours."""
        held = self._held.get(action_id, {})
        return {
            name: place
            for name, place in held.items()
            if place.folder != NEW or name in self.stamps
        }

    def _look_through(self, keep_from: datetime) -> None:
        held, twice = found_in(self._files.listing())
        for folder, name in twice:
            if folder != NEW:  # there it may be somebody else's, to be handed in
                self._files.remove(folder, name)
        before = self._held
        self._held = defaultdict(dict)
        for name, place in held.items():
            action_id = int(name.split("-")[0].removesuffix(".json"))
            known = before.get(action_id, {}).get(name)
            # What lies in `new` and is not as we wrote it is handed in before it is ours.
            if place.folder == NEW and name not in self.stamps:
                continue
            is_known = known is not None and known.folder == place.folder
            self._held[action_id][name] = known if known is not None and is_known else place
        self._files.remove_refused(keep_from.timestamp())

    async def _carry_out(self, conn: Connection, plans: Mapping[int, Plan]) -> int:
        done, room = 0, AT_ONCE
        self._left = set()
        for action_id, one in plans.items():
            chosen = dict(list(one.write.items())[:room])
            room -= len(chosen)
            if len(chosen) < len(one.write):
                self._left.add(action_id)
            # What lies in its old place lies there until it is written in the new one.
            gone = [each for each in one.remove if each[1] in chosen or each[1] not in one.write]
            if chosen or gone:
                texts = await _texts(conn, action_id, chosen)
                await asyncio.to_thread(self._change, action_id, Plan(chosen, gone), texts)
                done += len(chosen) + len(gone)
        return done

    def _change(self, action_id: int, one: Plan, texts: Mapping[str, bytes]) -> None:
        """Write before removing: what is killed in between leaves two files, and the next start finds them."""
        held = self._held.setdefault(action_id, {})
        for name, text in texts.items():
            place = one.write[name]
            if place.folder != NEW:
                self._files.write(place.folder, name, text)
            elif not self._write_new(name, text):
                continue
            held[name] = place
        for folder, name in one.remove:
            self._files.remove(folder, name, self.stamps.pop(name, None) if folder == NEW else None)
            if name not in one.write:
                held.pop(name, None)
        if not held:
            self._held.pop(action_id, None)

    def _write_new(self, name: str, text: bytes) -> bool:
        stamp = self._files.write_new(name, text, self.stamps.pop(name, None))
        if stamp is not None:
            self.stamps[name] = stamp
        return stamp is not None


async def _wanted(
    conn: Connection, keep_from: datetime, since: datetime | None, left: Iterable[int]
) -> Tree:
    rows = await Q.all(conn, "actions", keep_from=keep_from, since=since, left=list(left))
    found: Tree = {}
    for action_id, state, updated_at, is_kept in rows:
        place = Place(action_folder(state), updated_at)
        found[action_id] = {action_name(action_id): place} if is_kept else {}
    commands = await Q.all(conn, "commands", actions=list(found), keep_from=keep_from)
    for action_id, command_id, state, done_at in commands:
        if found[action_id]:
            place = Place(f"command/{state}", done_at)
            found[action_id][command_name(action_id, command_id)] = place
    return found


async def _texts(conn: Connection, action_id: int, names: Iterable[str]) -> dict[str, bytes]:
    """Return the texts of these files of one action, by their names."""
    names = set(names)
    body = await Q.one(conn, "action_bodies", row=ActionBody, ids=[action_id]) if names else None
    if body is None:
        return {}
    ids = [int(name.removesuffix(".json").split("-")[1]) for name in names if "-" in name]
    commands = await Q.all(conn, "command_bodies", row=CommandBody, ids=ids) if ids else []
    found = {
        command_name(one.action_id, one.id): file_of(command_fields(one, body)) for one in commands
    }
    own = action_name(action_id)
    return {**found, own: file_of(action_fields(body))} if own in names else found
