"""What the forms of an action's page do: one function a form, which calls the room's verb."""

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime

from vedette.actions import steer
from vedette.actions.launch import sign
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.trust.one_line import dearmor, write_one_line
from vedette.web.desk_form import Typed
from vedette.web.reader import N_

Deed = Callable[[Connection, int, Typed, str, datetime], Awaitable[object]]
"""`deed(conn, action_id, typed, by, now)`."""
ARMOUR = "-----BEGIN"


def in_one_line(signature: str) -> str:
    """Return the signature as actions hold it, from what gpg or ssh-keygen wrote; raises Invalid."""
    given = signature.strip()
    if not given:
        raise Invalid(N_("there is no signature"), hint=N_("paste all of what was printed"))
    if not given.startswith(ARMOUR):
        return "".join(given.split())
    kind, packet = dearmor(given)
    if kind == "SSH SIGNATURE":
        return base64.b64encode(packet).decode()
    return write_one_line(packet)


async def _sign(conn: Connection, action: int, typed: Typed, by: str, now: datetime) -> None:
    await sign(conn, action, in_one_line(typed.text("signature")), by=by, now=now)


async def _deny(conn: Connection, action: int, typed: Typed, by: str, now: datetime) -> None:
    await steer.deny(conn, action, typed.text("reason"), by=by, now=now)


async def _pause(conn: Connection, action: int, typed: Typed, by: str, now: datetime) -> None:
    await steer.pause(conn, action, typed.text("reason").strip(), by=by, now=now)


async def _resume(conn: Connection, action: int, _: Typed, by: str, now: datetime) -> None:
    await steer.resume(conn, action, by=by, now=now)


async def _canary(conn: Connection, action: int, _: Typed, by: str, now: datetime) -> None:
    await steer.pass_canary(conn, action, by=by, now=now)


async def _again(conn: Connection, action: int, _: Typed, by: str, now: datetime) -> None:
    await steer.run_again(conn, action, by=by, now=now)


async def _cancel(conn: Connection, action: int, _: Typed, by: str, now: datetime) -> None:
    await steer.cancel(conn, action, by=by, now=now)


DEEDS: dict[str, Deed] = {
    "sign": _sign,
    "deny": _deny,
    "pause": _pause,
    "resume": _resume,
    "canary": _canary,
    "again": _again,
    "cancel": _cancel,
}
"""By the name of the form."""
