"""The spool's door: a signed action dropped into `action/new` is handed in, once, or lies in `action/invalid`.

A file is put aside before it is handed in, and removed after its row was committed. Whatever is killed in between,
the file is still there, and the same order handed in twice is the same row.
"""

import asyncio
import hashlib
import pwd
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg
import structlog

from vedette.actions.document import Action, digest_of
from vedette.actions.document_json import read_json
from vedette.actions.document_read import read_action
from vedette.actions.launch import propose
from vedette.actions.spool_files import TAKING, Drop, SpoolFiles, Stamp
from vedette.actions.spool_rules import INVALID, NEW, refused_name
from vedette.actions.spool_text import handed_in
from vedette.db.queries import Connection, load
from vedette.errors import Invalid, Missing, Unavailable, VedetteError

Q = load(__file__, "spool.sql")
log = structlog.get_logger(__name__)

SETTLED = timedelta(seconds=2)
"""A file that cannot be read and has not changed for so long will not be read: nobody writes it any more."""
REASON_CHARACTERS = 4_000


@dataclass(slots=True)
class Door:
    """What was seen in `action/new` that may still be written."""

    files: SpoolFiles
    _seen: dict[str, tuple[Stamp, datetime]] = field(default_factory=dict)

    async def run_once(self, conn: Connection, known: dict[str, Stamp], *, now: datetime) -> int:
        """Hand in what lies there beside the `known` files of the mirror; return how many were taken or refused."""
        drops = await asyncio.to_thread(self.files.drops, known)
        names = {drop.name for drop in drops}
        for name in names:  # one of the mirror's that is another file now
            known.pop(name, None)
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return sum([await self._take(conn, drop, now) for drop in drops])

    async def _take(self, conn: Connection, drop: Drop, now: datetime) -> bool:
        if drop.data is None:
            await self._refuse(drop, drop.name, drop.why)
            return True
        try:
            document = handed_in(drop.data)
            is_known = await _is_the_mirrors(conn, drop)
            is_known = is_known or await _is_known(conn, read_action(document))
        except Invalid as wrong:
            if not self._is_settled(drop, now):
                return False
            await self._refuse(drop, drop.name, _words(wrong))
            return True
        aside = await asyncio.to_thread(self.files.claim, drop)
        if aside is None:  # it was changed meanwhile
            return False
        if is_known or await self._hand_in(conn, drop, aside, document, now):
            await asyncio.to_thread(self.files.remove, NEW, aside)
        return True

    async def _hand_in(
        self, conn: Connection, drop: Drop, aside: str, document: bytes, now: datetime
    ) -> bool:
        """Return whether it is a row now; what cannot be judged yet waits, what is wrong is refused."""
        try:
            stands = await propose(conn, document, by=_owner(drop), now=now, origin="spool")
        except (Missing, Unavailable) as later:
            if self._seen.setdefault(aside, (drop.stamp, now))[1] == now:
                log.warning(
                    "an action in the spool waits", file=ascii(drop.name), reason=str(later)
                )
            return False
        except VedetteError as wrong:
            await self._refuse(drop, aside, _words(wrong))
            return False
        except psycopg.DataError as wrong:
            await self._refuse(drop, aside, f"it cannot be stored: {wrong.diag.message_primary}")
            return False
        log.info("an action came by the spool", file=ascii(drop.name), action=stands.id)
        return True

    def _is_settled(self, drop: Drop, now: datetime) -> bool:
        stamp, since = self._seen.get(drop.name, (drop.stamp, now))
        if stamp != drop.stamp:
            since = now
        self._seen[drop.name] = (drop.stamp, since)
        return drop.name.startswith(TAKING) or now - since >= SETTLED

    async def _refuse(self, drop: Drop, name: str, reason: str) -> None:
        mark = hashlib.sha256(drop.data or repr(drop.stamp).encode()).hexdigest()[:12]
        listed = await asyncio.to_thread(self.files.listing)
        taken = [other for folder, other in listed if folder == INVALID]
        as_name = refused_name(drop.name.removeprefix(TAKING), taken, mark)
        words = reason[:REASON_CHARACTERS]
        await asyncio.to_thread(self.files.refuse, name, as_name, words)
        log.warning("an action in the spool was refused", file=ascii(drop.name), reason=words)


async def _is_the_mirrors(conn: Connection, drop: Drop) -> bool:
    """Whether the mirror wrote the file before this server began: a row's document, and no further signature.

    Nothing is read of it: what a mandate runs is a document that is not handed in as a file.
    """
    value = read_json(drop.data or b"")
    if not isinstance(value, dict) or drop.name != f"{value.get('id')}.json":
        return False
    row = await Q.one(conn, "document_of", name=drop.name)
    signatures = value.get("signatures")
    if row is None or row[0] != value.get("document") or not isinstance(signatures, list):
        return False
    return all(one in row[1] for one in signatures)


async def _is_known(conn: Connection, action: Action) -> bool:
    """Whether the same order with these signatures is a row already.

    It is one of the mirror's files, or one whose taking was killed before it was removed.
    """
    if action.valid_from is None or action.expire_after is None or not action.signatures:
        return False
    digest = bytes.fromhex(digest_of(action))
    row = await Q.one(conn, "signatures_of_digest", digest=digest)
    return row is not None and set(action.signatures) <= set(row[1])


def _owner(drop: Drop) -> str:
    try:
        return f"spool:{pwd.getpwuid(drop.owner).pw_name}"
    except KeyError:
        return f"spool:{drop.owner}"


def _words(wrong: VedetteError) -> str:
    return f"{wrong.message}; {wrong.hint}" if wrong.hint else wrong.message
