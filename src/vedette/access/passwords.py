"""Passwords of local accounts: Argon2id, its parameters beside each hash, never on the event loop."""

import asyncio
import os

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from vedette.errors import Invalid

LEAST = 12
MOST = 1_000
ITERATIONS = 3
MEMORY_KIB = 65_536
LANES = 1
"""RFC 9106's second choice with one lane: 0.1 s and 64 MiB for each try."""
AT_ONCE = 2

_turn: asyncio.Semaphore | None = None


def checked_password(text: str) -> str:
    """Return the password; raises Invalid when it is too short to be one, or absurdly long."""
    if not LEAST <= len(text) <= MOST:
        raise Invalid(
            f"a password has {LEAST} to {MOST} characters", hint="a sentence is a good one"
        )
    return text


def hash_password(text: str) -> str:
    """Return the hash with its parameters and salt, as `$argon2id$v=19$…`; slow on purpose."""
    return _kdf(os.urandom(16)).derive_phc_encoded(text.encode("utf-8", "replace"))


def matches(text: str, kept: str) -> bool:
    """Return whether this is the password of that hash; slow on purpose."""
    try:
        Argon2id.verify_phc_encoded(text.encode("utf-8", "replace"), kept)
    except InvalidKey:
        return False
    return True


async def is_password(text: str, kept: str | None) -> bool:
    """Return whether this is the password; None, for an account that is not there, takes as long."""
    global _turn  # noqa: PLW0603 - one queue a process: each try takes 64 MiB
    _turn = _turn or asyncio.Semaphore(AT_ONCE)
    async with _turn:
        found = await asyncio.to_thread(matches, text[:MOST], kept or NOBODYS)
    return found and kept is not None


def _kdf(salt: bytes) -> Argon2id:
    return Argon2id(
        salt=salt, length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB
    )


NOBODYS = f"$argon2id$v=19$m={MEMORY_KIB},t={ITERATIONS},p={LANES}${'A' * 22}${'A' * 43}"
"""Matches no password; only its parameters are of use."""
