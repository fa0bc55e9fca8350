"""The steps of a signed action on its host, each of them in the journal before the next one begins.

What an action asks is judged when it comes, so that a refusal is heard at once, and again when its
turn has come: by then a signer may be out of the bundle, or the action expired. Everything here may
wait for the disk: call it in a thread.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import structlog

from vedette.actions.document import Action, opened
from vedette.actions.target_match import Facts
from vedette.agent.act_answer import Outcome, answer_bytes
from vedette.agent.act_judge import Here, Order, RefusedHere, judge, read_order
from vedette.agent.host import HostRules
from vedette.agent.identity import IdentityFiles
from vedette.agent.journal import End, Entry, Full, Journal, Unended
from vedette.agent.trusted import Trusted
from vedette.errors import Invalid, Unavailable, VedetteError
from vedette.link.acts import Act, Answered
from vedette.link.claims import Claims
from vedette.trust.reasons import Untrusted
from vedette.trust.result_signature import sign_result
from vedette.trust.signed import Signed, read_signed, write_signed
from vedette.trust.validity import action_digest

log = structlog.get_logger(__name__)

_REFUSALS = (Untrusted, RefusedHere, Full, Invalid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An action that runs from now on. operations: module and parameters, in order."""

    number: int
    command: int
    digest: str
    action: Action
    operations: tuple[tuple[str, object], ...]


class Steps:
    """What is done with an action, by this host's bundle, clock, facts and rules.

    unwritten: takes the answers that the journal cannot.
    """

    def __init__(
        self,
        journal: Journal,
        trusted: Trusted,
        identity: IdentityFiles,
        *,
        rules: HostRules,
        claims: Claims,
        clock: Callable[[], datetime],
        unwritten: Callable[[Answered], None],
    ) -> None:
        self._unwritten = unwritten
        self._journal = journal
        self._trusted = trusted
        self._clock = clock
        self._key_pem = identity.credentials().key_pem
        key = identity.fingerprint()
        facts = facts_of(claims, identity.held.name, key)
        self._here = Here(key=key, facts=facts, modules=rules.actions)
        self.refused = 0

    def prepare(self) -> None:
        """Read the bundle; the first action need not wait for it."""
        with suppress(VedetteError):  # an action says why it does not hold
            self._trusted.bundle(now=self._clock())

    def lose(self, left: Unended) -> None:
        """Answer that it was begun, by an earlier process, and may not be begun again."""
        lost = Outcome(
            status="lost",
            reason="lost",
            message="the agent or its host broke off while it ran, and how far it came is not known; it is not run again",
            results=(b"",) * len(left.modules),
        )
        self.end(left.number, left.command, left.digest, lost)

    def receive(self, act: Act) -> int | None:
        """Write down an action that may run, and return its number.

        None when there is nothing to run: it was refused, and is answered so, or it came before.
        """
        try:
            order = self._read(act)
        except (Invalid, RefusedHere) as wrong:
            unread = Entry(command=act.id, digest=action_digest(act.document))
            self._refuse(unread, wrong)
            return None
        entry = _entry(act.id, order)
        try:
            if self._journal.known(act.id, order.digest) is not None:
                return None
            entry = replace(entry, signed_by=self._judge(order))
            asked = write_signed(Signed(act.document, act.signatures))
            return self._journal.take(entry, asked, now=self._clock())
        except _REFUSALS as refused:
            self._refuse(entry, refused)
        except sqlite3.IntegrityError:
            log.debug("an action came twice at one moment", command=act.id)
        except Unavailable as fault:
            refusal = _refusal(RefusedHere("journal", str(fault)), len(entry.modules))
            self._hold(act.id, self._signed(act.id, order.digest, refusal), fault)
        return None

    def begin(self, number: int, command: int) -> Begun | None:
        """Say that it runs from now on and return what is to be run.

        None when it does not: it ended meanwhile, or is refused by now, and answered so.
        """
        asked = self._journal.asked(number)
        if asked is None:
            return None
        signed = read_signed(asked)
        order = read_order(signed.document, signed.signatures)
        try:
            people = self._judge(order)
            operations = tuple(
                (each.module, opened(each).parameters) for each in order.action.operations
            )
            self._journal.begin(number, people, now=self._clock())
        except _REFUSALS as refused:
            self.refused += 1
            self.end(number, command, order.digest, _refusal(refused, len(order.action.modules)))
            return None
        return Begun(
            number=number,
            command=command,
            digest=order.digest,
            action=order.action,
            operations=operations,
        )

    def end(self, number: int, command: int, digest: str, outcome: Outcome) -> None:
        """Say how it ended; the answer is kept until the server has it."""
        end = self._signed(command, digest, outcome)
        try:
            self._journal.end(number, end, now=self._clock())
        except Unavailable as full:
            self._hold(command, end, full)

    def cancel(self, command: int) -> list[int]:
        """Return the lines of a command that have not ended; answer one that never came here."""
        found = self._journal.of_command(command)
        if not found and self._journal.answer(command) is None:
            never = Outcome(status="cancelled", reason="cancelled", message="it was not begun")
            with suppress(sqlite3.IntegrityError, Full):
                entry = Entry(command=command, digest="")
                self._journal.refuse(entry, self._signed(command, "", never), now=self._clock())
        return found

    def end_waiting(self, number: int, command: int) -> bool:
        """End what was cancelled before its turn; False when its turn had come."""
        asked = self._journal.asked(number)
        if asked is None:
            return False
        signed = read_signed(asked)
        order = read_order(signed.document, signed.signatures)
        self.end(number, command, order.digest, cancelled(order.action.modules))
        return True

    def _read(self, act: Act) -> Order:
        try:
            return read_order(act.document, act.signatures)
        except VedetteError:
            raise
        except Exception as fault:
            # Whatever hostile bytes make of a reader: it is not run, and the agent lives.
            log.exception("an action could not be read", command=act.id)
            raise RefusedHere("unreadable", f"reading it failed: {type(fault).__name__}") from None

    def _judge(self, order: Order) -> tuple[str, ...]:
        now = self._clock()
        bundle = self._trusted.bundle(now=now)
        kept = self._journal.kept(now=now)
        try:
            return judge(order, bundle, self._here, kept=kept, now=now)
        except VedetteError:
            raise
        except Exception as fault:
            log.exception("an action could not be judged", action=order.action.name)
            raise RefusedHere("unreadable", f"judging it failed: {type(fault).__name__}") from None

    def _refuse(self, entry: Entry, refused: Exception) -> None:
        self.refused += 1
        outcome = _refusal(refused, len(entry.modules))
        log.warning(
            "an action was refused",
            command=entry.command, action=entry.name, reason=outcome.reason, why=outcome.message,
        )  # fmt: skip
        end = self._signed(entry.command, entry.digest, outcome)
        try:
            self._journal.refuse(entry, end, now=self._clock())
        except sqlite3.IntegrityError:
            return  # it came before, and was answered
        except (Full, Unavailable) as full:
            self._hold(entry.command, end, full)

    def _signed(self, command: int, digest: str, outcome: Outcome) -> End:
        answer = answer_bytes(command, digest, outcome)
        return End(
            status=outcome.status,
            reason=outcome.reason,
            message=outcome.message,
            took_ms=outcome.took_ms,
            answer=answer,
            signature=sign_result(self._key_pem, answer),
        )

    def _hold(self, command: int, end: End, fault: Exception) -> None:
        log.error("an answer is held in memory alone", command=command, why=str(fault))
        self._unwritten(Answered(id=command, answer=end.answer, signature=end.signature))


def cancelled(modules: Sequence[str]) -> Outcome:
    """Return the end of an action that nobody wanted any more."""
    return Outcome(
        status="cancelled",
        reason="cancelled",
        message="it was cancelled",
        results=(b"",) * len(modules),
    )


def facts_of(claims: Claims, name: str, key: str) -> Facts:
    """Return what a target may ask of this host, by its own word. name: as it was enrolled."""
    return Facts(
        name=name,
        queueloc=f"{claims.os}.{claims.machine_id}",
        mode=claims.mode,
        version=claims.version,
        pid=claims.pid,
        key=key,
        starttime=claims.started_at,
        environment=msgspec.json.decode(claims.environment_json, type=dict[str, object]),
    )


def _entry(command: int, order: Order) -> Entry:
    return Entry(
        command=command,
        digest=order.digest,
        name=order.action.name,
        target=order.action.target,
        modules=order.action.modules,
        expires_at=order.validity[1],
    )


def _refusal(refused: Exception, operations: int) -> Outcome:
    """Return the answer to what is not run: the word and the sentence of why not."""
    match refused:
        case Untrusted():
            reason = str(refused.reason)
        case RefusedHere():
            reason = refused.reason
        case Full():
            reason = "busy"
        case _:
            reason = "unreadable"
    return Outcome(
        status="refused", reason=reason, message=str(refused), results=(b"",) * operations
    )
