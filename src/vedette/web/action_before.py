"""What is said of an action before anybody signs it: in words, whom it means, what stands behind it.

The page must show whatever stands in the database: what cannot be read any more, or weighed, is said instead.
"""

from datetime import datetime

from vedette.actions.document_read import read_order
from vedette.actions.document_words import words
from vedette.actions.launch import standing
from vedette.actions.reads import Shown
from vedette.actions.target_text import read_target
from vedette.actions.target_words import as_words, judged_words
from vedette.db.queries import Connection
from vedette.errors import VedetteError
from vedette.web.action_page import Before


async def before_of(conn: Connection, action: Shown, document: bytes, now: datetime) -> Before:
    """Return what to say of it; never raises for what an author or a bundle made unreadable."""
    try:
        read = read_order(document, ())
        meant = read_target(action.target)
        told, target, sees = words(read), as_words(meant), judged_words(meant)
    except VedetteError as error:
        return Before([], "", "", 0, (), [error.message])
    try:
        stands = await standing(conn, action.id, now=now)
    except VedetteError as error:
        return Before(told, target, sees, 0, (), [error.message])
    return Before(told, target, sees, stands.agents, stands.weights, stands.missing)


async def missing_of(conn: Connection, action_id: int, now: datetime) -> list[str]:
    """Return what an action waits for, in words; why that cannot be said where it cannot."""
    try:
        return list((await standing(conn, action_id, now=now)).missing)
    except VedetteError as error:
        return [error.message]
