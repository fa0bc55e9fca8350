"""A browser lets a command line in: a code, good once and soon, for whoever made the challenge.

As in RFC 7636 (S256): whoever reads the code on its way cannot use it without the verifier.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.access.digests import digest, make_secret
from vedette.access.sessions import COMMAND_LINE, Q, Session, actor_name, begin_session
from vedette.db.queries import Connection
from vedette.errors import Denied, Invalid

GOOD_FOR = timedelta(minutes=2)
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CODE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Handed:
    """What a command line got: whom it acts for, and the secret of its session."""

    name: str
    secret: str


def checked_challenge(text: str) -> str:
    """Return the challenge; raises Invalid when it is none."""
    if not CHALLENGE.fullmatch(text):
        raise Invalid("the challenge is none", hint="start again: vedette login")
    return text


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    return (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    )


async def hand_over(
    conn: Connection, session: Session, challenge: str, *, pepper: bytes, now: datetime
) -> str:
    """Return a code that makes a session for the same person; raises Invalid."""
    code = make_secret("vdc_")
    await Q.run(
        conn,
        "insert_handover",
        digest=digest(pepper, code),
        person_id=session.person_id,
        rules=session.rules,
        challenge=checked_challenge(challenge),
        ends_at=now + GOOD_FOR,
    )
    return code


async def take_over(
    conn: Connection,
    code: str,
    verifier: str,
    *,
    pepper: bytes,
    now: datetime,
    address: str = "",
    client: str = "",
) -> Handed:
    """Begin the session the code stands for; raises Denied for a code that is over or another's."""
    wrong = Denied("that code is not good, or not any more", hint="start again: vedette login")
    if len(code) > CODE_LIMIT or not VERIFIER.fullmatch(verifier):
        raise wrong
    # Its own transaction: a code that was shown is gone, even when what follows fails.
    async with conn.transaction():
        row = await Q.one(conn, "take_handover", digest=digest(pepper, code))
    if row is None:
        raise wrong
    person_id, name, issuer, rules, challenge, ends_at, disabled_at = row
    is_its_maker = hmac.compare_digest(challenge_of(verifier), challenge)
    if not is_its_maker or ends_at <= now or disabled_at is not None:
        raise wrong
    by = actor_name(issuer, name)
    secret = await begin_session(
        conn,
        person_id,
        kind=COMMAND_LINE,
        rules=rules,
        pepper=pepper,
        now=now,
        by=by,
        address=address,
        client=client,
    )
    return Handed(by, secret)
