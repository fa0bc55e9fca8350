"""Mandates: handed in once, and each run launched as an action of its own when its window opens.

Nothing here makes a run count: the windows stand in what people signed, and every agent judges by them. A
mandate that is stopped here is launched no more by this server; a stolen one could still use up the runs
that are left, so whoever must be sure revokes a signer in the trust bundle.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.actions.command import DOCUMENT_BYTES, Launch
from vedette.actions.document import Action, digest_of, opened
from vedette.actions.document_read import read_action, read_order
from vedette.actions.document_write import write_action
from vedette.actions.launch import propose
from vedette.actions.mandate import Window, windows
from vedette.actions.match import ids_of
from vedette.actions.steer import cancel
from vedette.actions.target_text import read_target
from vedette.actions.trusted import the_bundle
from vedette.actions.weighing import signers_of, weighed_by
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing, VedetteError

log = structlog.get_logger(__name__)
Q = load(__file__, "mandates.sql")

LOCK = lock_number("actions mandates")
TROUBLE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A mandate as it is kept. runs: launched so far, last_action: the newest of them."""

    id: int
    name: str
    target: str
    modules: list[str]
    document: str
    signatures: list[str]
    valid_from: datetime
    expire_after: datetime
    proposed_by: str
    proposed_at: datetime
    next_at: datetime | None
    trouble: str
    stopped_by: str | None
    runs: int
    last_action: int | None

    @property
    def state(self) -> str:
        """Running, stopped by somebody, or over."""
        if self.stopped_by is not None:
            return "stopped"
        return "over" if self.next_at is None else "running"

    @property
    def action(self) -> Action:
        """What was signed."""
        return read_order(self.document.encode(), self.signatures)


async def schedule(
    conn: Connection,
    document: bytes,
    *,
    by: str,
    now: datetime,
    launch: Launch = Launch(),  # noqa: B008 - frozen
) -> tuple[int, list[str]]:
    """Take a signed mandate in; return its number, and what its signatures lack, in words.

    The same one again adds its signatures. Raises Invalid for what is no mandate or is over, Untrusted when a
    signature is wrong, Missing while there is no trust bundle.
    """
    action = _read(document)
    following = _following(action, now)
    if following is None:
        raise Invalid("no run of the mandate is left; sign it anew with a later validity")
    async with conn.transaction():
        trust = await the_bundle(conn)
        signers = await signers_of(conn, action, action.signatures, trust, now)
        agents = await ids_of(conn, action.target, now=now)
        _, missing = await weighed_by(conn, signers, action, trust, agents, now)
        mandate_id = await Q.value(
            conn, "add", **_row(action, launch), by=by, now=now, next_at=following.begins
        )
        await _sign_open_runs(conn, mandate_id, action, by, now)
        detail = {"name": action.name, "target": action.target, "modules": list(action.modules)}
        await write_audit(
            conn, actor=by, action="mandate.schedule", object=f"mandate:{mandate_id}", detail=detail
        )
    return mandate_id, missing


async def _sign_open_runs(
    conn: Connection, mandate_id: int, action: Action, by: str, now: datetime
) -> None:
    """Give runs that wait for signatures those that have come."""
    for (run,) in await Q.all(conn, "waiting_runs", id=mandate_id, now=now):
        await propose(conn, write_action(replace(action, run=run)), by=by, now=now)


async def mandates(conn: Connection, *, before: int | None = None, limit: int = 100) -> list[Shown]:
    """Return mandates, the newest first."""
    return await Q.all(conn, "mandates", row=Shown, id=None, before=before, limit=limit)


async def mandate(conn: Connection, mandate_id: int) -> Shown:
    """Return one; raises Missing."""
    found = await Q.one(conn, "mandates", row=Shown, id=mandate_id, before=None, limit=1)
    if found is None:
        raise Missing(
            f"there is no mandate {mandate_id}", hint="`vedette act schedules` lists them"
        )
    return found


async def stop(conn: Connection, mandate_id: int, *, by: str, now: datetime) -> None:
    """Launch no further run, and cancel the one that is under way. Raises Missing, Conflict when it is over."""
    async with conn.transaction():
        held = await mandate(conn, mandate_id)
        if not await Q.run(conn, "stop", id=mandate_id, by=by, now=now):
            raise Conflict(f"mandate {mandate_id} is {held.state} already")
        for (action_id,) in await Q.all(conn, "open_actions", id=mandate_id):
            await cancel(conn, action_id, by=by, now=now)
        await write_audit(
            conn, actor=by, action="mandate.stop", object=f"mandate:{mandate_id}", detail={}
        )


async def run_once(conn: Connection, *, now: datetime) -> int:
    """Launch every run whose window is open; return how many. What was missed while nobody looked is not made up."""
    launched = 0
    async with conn.transaction():
        if not await Q.value(conn, "try_lock", lock=LOCK):
            return 0
        for mandate_id, document, signatures, launch, by in await Q.all(conn, "due", now=now):
            action = read_order(document.encode(), signatures)
            window = _following(action, now)
            trouble = ""
            if window is not None and window.begins <= now:
                trouble = await _launch(conn, mandate_id, action, window, launch, by, now)
                launched += not trouble
                window = _following(action, now, after=window.number)
            next_at = None if window is None else window.begins
            await Q.run(conn, "set_next", id=mandate_id, next_at=next_at, trouble=trouble)
    return launched


async def _launch(
    conn: Connection,
    mandate_id: int,
    action: Action,
    window: Window,
    launch: Mapping[str, Any],
    by: str,
    now: datetime,
) -> str:
    """Launch a run; return why it could not be, "" when it was."""
    if await Q.value(conn, "has_run", id=mandate_id, run=window.number):
        return ""
    order = write_action(replace(action, run=window.number))
    who = f"{by}, mandate {mandate_id}"
    try:
        async with conn.transaction():
            found = await propose(
                conn, order, by=who, now=now, launch=Launch(**launch), origin="mandate"
            )
            await Q.run(conn, "add_run", id=mandate_id, run=window.number, action_id=found.id)
    except VedetteError as refused:
        log.warning("a mandate's run was not launched", mandate=mandate_id, why=str(refused))
        await Q.run(conn, "add_run", id=mandate_id, run=window.number, action_id=None)
        return str(refused)[:TROUBLE_CHARACTERS]
    return "; ".join(found.missing)[:TROUBLE_CHARACTERS]


def _following(action: Action, now: datetime, *, after: int = 0) -> Window | None:
    """Return the first window that is not over, with a number above `after`."""
    assert action.mandate is not None
    assert action.valid_from is not None
    assert action.expire_after is not None
    found = windows(action.mandate, action.valid_from, action.expire_after)
    return next((one for one in found if one.ends > now and one.number > after), None)


def _read(document: bytes) -> Action:
    if len(document) > DOCUMENT_BYTES:
        raise Invalid(f"a mandate has at most {DOCUMENT_BYTES} bytes, this has {len(document)}")
    action = read_action(document)
    if action.mandate is None or action.run or not action.document:
        raise Invalid("this is no signed mandate", hint="vedette act schedule FILE --every 1h")
    read_target(action.target)
    for operation in action.operations:
        opened(operation)
    return action


def _row(action: Action, launch: Launch) -> dict[str, object]:
    return {
        "name": action.name,
        "target": action.target,
        "modules": list(action.modules),
        "document": action.document.decode(),
        "digest": bytes.fromhex(digest_of(action)),
        "signatures": list(action.signatures),
        "launch": Jsonb(asdict(launch)),
        "valid_from": action.valid_from,
        "expire_after": action.expire_after,
    }
