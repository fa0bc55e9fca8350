"""Steer an action that is on its way: deny, cancel, pause, resume, let the canary pass, ask again."""

from datetime import datetime

from vedette.access.audit import write_audit
from vedette.actions.reads import action
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid
from vedette.trust.names import plain_text

Q = load(__file__, "writes.sql")

REASON_CHARACTERS = 2_000


async def deny(conn: Connection, action_id: int, reason: str, *, by: str, now: datetime) -> None:
    """Say no to an action that waits for signatures: it is over. Raises Conflict when it does not wait."""
    words = _reason(reason)
    async with conn.transaction():
        await _changed(
            conn, "invalidate", action_id, "denied", why=f"{by} said no: {words}"[:2_500], now=now
        )
        await Q.run(conn, "add_denial", id=action_id, by=by, reason=words, now=now)
        await _note(conn, "action.deny", action_id, by, words)


async def cancel(conn: Connection, action_id: int, *, by: str, now: datetime) -> int:
    """End it: nobody is asked any more, and who runs it now is told; return how many had not answered."""
    async with conn.transaction():
        await _changed(conn, "cancel", action_id, "cancelled", by=by, now=now)
        open_commands = await Q.value(conn, "cancel_commands", id=action_id, now=now)
        await Q.run(conn, "tell_agents", payload=f"cancel:{action_id}")
        await _note(conn, "action.cancel", action_id, by)
    return int(open_commands)


async def pause(
    conn: Connection, action_id: int, reason: str = "", *, by: str, now: datetime
) -> None:
    """Ask no further agent until somebody resumes it; those that were asked go on."""
    words = plain_text(reason, limit=REASON_CHARACTERS)
    async with conn.transaction():
        why = f"{by}: {words}"[:REASON_CHARACTERS] if words else by
        await _changed(conn, "pause", action_id, "paused", why=why, now=now)
        await _note(conn, "action.pause", action_id, by, words)


async def resume(conn: Connection, action_id: int, *, by: str, now: datetime) -> None:
    """Go on with what was paused."""
    async with conn.transaction():
        await _changed(conn, "resume", action_id, "resumed", now=now)
        await Q.run(conn, "tell_agents", payload="")
        await _note(conn, "action.resume", action_id, by)


async def pass_canary(conn: Connection, action_id: int, *, by: str, now: datetime) -> None:
    """Ask the others as well: those that were asked first did well."""
    async with conn.transaction():
        await _changed(conn, "pass_canary", action_id, "let past its canary", now=now)
        await Q.run(conn, "release_all", id=action_id, now=now)
        await Q.run(conn, "tell_agents", payload="")
        await _note(conn, "action.pass_canary", action_id, by)


async def run_again(conn: Connection, action_id: int, *, by: str, now: datetime) -> int:
    """Ask those again that refused, expired or were cancelled; return how many.

    What an agent has run it never runs again: that takes a new action.
    """
    async with conn.transaction():
        held = await action(conn, action_id)
        if held.state != "inflight":
            raise Conflict(f"action {action_id} is {held.state}; nobody can be asked again")
        again = [one for (one,) in await Q.all(conn, "to_run_again", id=action_id, now=now)]
        if again:
            await Q.run(conn, "forget_results", ids=again)
            await Q.run(conn, "run_again", ids=again, now=now)
            await Q.run(conn, "tell_agents", payload="")
        await _note(conn, "action.run_again", action_id, by, f"{len(again)} commands")
    return len(again)


async def _changed(
    conn: Connection, query: str, action_id: int, done: str, **given: object
) -> None:
    if not await Q.run(conn, query, id=action_id, **given):
        held = await action(conn, action_id)
        state = "paused" if held.paused and held.finished_at is None else held.state
        raise Conflict(f"action {action_id} is {state}; it cannot be {done} now")


async def _note(conn: Connection, word: str, action_id: int, by: str, words: str = "") -> None:
    detail = {"reason": words} if words else {}
    await write_audit(conn, actor=by, action=word, object=f"action:{action_id}", detail=detail)
    await Q.run(conn, "tell_action", id=action_id)


def _reason(reason: str) -> str:
    words = reason.strip()
    if not words:
        raise Invalid("a denial needs its reason: those who proposed the action will ask")
    return plain_text(words, limit=REASON_CHARACTERS)
