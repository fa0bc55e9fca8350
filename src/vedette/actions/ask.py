"""Ask a target something: who may, what exactly, which agent; then it waits for that agent's stream."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.access.model import Actor
from vedette.actions.ask_reads import Watcher, asked_lately, watchers
from vedette.actions.model import Asked, Command, Question
from vedette.actions.rules import check_within, command_called, parameters_of
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.errors import Denied, Missing, TooMany, Unavailable

Q = load(__file__, "ask_writes.sql")

CommandsOf = Callable[[str], Sequence[Command]]
"""Connector → what it can be asked; raises `Missing` for one that is not installed."""

RATE_WITHIN = timedelta(minutes=1)
CALLER_RATE = 120
"""Asks of one token in a minute."""
TARGET_RATE = 60
"""Asks of one target in a minute: a connection to the target each."""
WAITING = 16
"""Commands on their way to one agent; more would only wait until they expire."""


async def ask(
    conn: Connection,
    question: Question,
    commands_of: CommandsOf,
    *,
    by: Actor,
    now: datetime,
    source: str = "",
    request_id: str = "",
) -> Asked:
    """Take the question in: one row, one line in the audit log, and word to whoever holds the stream.

    Repeating asks again. Raises Missing (target, command), Invalid (parameters), Denied (scope),
    TooMany, and Unavailable at once when no agent that looks at the target is here.
    """
    check_within(question)
    async with conn.transaction():
        await Q.value(conn, "hold", lock=lock_number(f"ask by {by.name}"))
        found = await watchers(conn, question.target, now=now)
        command = _command(question, found, commands_of, by)
        parameters = parameters_of(command, question.parameters)
        await _check_rates(conn, by.name, question.target, found[0].target_id, now=now)
        chosen = _chosen(found, question)
        command_id: int = await Q.value(
            conn,
            "add",
            agent_id=chosen.agent_id,
            target_id=chosen.target_id,
            name=command.name,
            parameters=Jsonb(parameters),
            columns=Jsonb([asdict(column) for column in command.columns]),
            by=by.name,
            now=now,
            expires_at=now + question.within,
        )
        await write_audit(
            conn,
            actor=by.name,
            action="target.ask",
            object=f"target:{question.target}",
            source=source,
            detail={
                "command": command.name,
                "parameters": parameters,
                "agent": chosen.agent,
                "id": command_id,
            },
            request_id=request_id,
        )
        await Q.run(conn, "tell_holder", payload=f"agent:{chosen.agent_id}")
    return Asked(
        id=command_id,
        target=question.target,
        command=command.name,
        agent=chosen.agent,
        columns=command.columns,
        expires_at=now + question.within,
    )


def _command(
    question: Question, found: Sequence[Watcher], commands_of: CommandsOf, by: Actor
) -> Command:
    if not found:
        raise Missing(f"there is no target {question.target[:80]!a}", hint="vedette get targets")
    connector = found[0].connector
    command = command_called(question.command, commands_of(connector), connector)
    if not by.may(command.scope):
        raise Denied(
            f"{by.name!r} may not ask {command.name}", hint=f"it needs the scope {command.scope}"
        )
    return command


async def _check_rates(
    conn: Connection, by: str, target: str, target_id: int, *, now: datetime
) -> None:
    await Q.value(conn, "hold", lock=lock_number(f"ask of {target_id}"))
    counted = await asked_lately(conn, by, target_id, now=now, within=RATE_WITHIN)
    if counted.by_caller >= CALLER_RATE:
        raise TooMany(f"{by!r} asked {CALLER_RATE} times in a minute", hint="wait a little")
    if counted.of_target >= TARGET_RATE:
        raise TooMany(f"{target!r} was asked {TARGET_RATE} times in a minute", hint="wait a little")


def _chosen(found: Sequence[Watcher], question: Question) -> Watcher:
    """Return the agent that is to answer: the named one, else the least busy of those here."""
    looking = [each for each in found if each.agent_id is not None]
    if not looking:
        raise Unavailable(
            f"no agent looks at {question.target!r}", hint="vedette get targets shows its agents"
        )
    if question.agent:
        looking = [each for each in looking if each.agent == question.agent]
        if not looking:
            names = ", ".join(each.agent for each in found)
            raise Missing(
                f"no agent {question.agent[:80]!a} looks at {question.target!r}",
                hint=f"there are: {names}",
            )
    here = [each for each in looking if each.is_online]
    if not here:
        names = ", ".join(repr(each.agent) for each in looking)
        raise Unavailable(
            f"{question.target!r} cannot be asked: offline is {names}",
            hint="vedette get agents says since when",
        )
    if here[0].waiting >= WAITING:
        raise TooMany(
            f"{here[0].waiting} commands wait for agent {here[0].agent!r}", hint="wait a little"
        )
    return here[0]
