"""Launch: an action is handed in, weighed, and once enough weight stands behind it, every agent it means gets a command.

The server weighs as the agents will, by the same files of `trust/`: an action that they would refuse waits
here for further signatures ("file: 1 of 2 in default"). Nothing hangs on the server's opinion: each agent
judges by the bundle that its own host pinned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.actions.command import DOCUMENT_BYTES, Launch, Standing
from vedette.actions.document import Action, Description, Threat, digest_of, opened
from vedette.actions.document_read import read_action, read_order
from vedette.actions.document_write import order_document
from vedette.actions.match import ids_of
from vedette.actions.target_text import read_target
from vedette.actions.trusted import the_bundle
from vedette.actions.weighing import signers_of, weighed
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing
from vedette.trust.openpgp import Verified
from vedette.trust.validity import LONGEST_VALIDITY
from vedette.trust.weigh import Weighed

Q = load(__file__, "writes.sql")
R = load(__file__, "reads.sql")

WAITS = ("proposed", "new")
"""States of an action that is not launched yet."""


async def propose(
    conn: Connection,
    document: bytes,
    *,
    by: str,
    now: datetime,
    launch: Launch = Launch(),  # noqa: B008 - frozen
    origin: str = "api",
) -> Standing:
    """Take an action in, with the signatures it has; launch it when they weigh enough.

    The same order again, whoever hands it in, is the same action: what signatures it brings are added.
    Raises Invalid for what is no action, or names what no agent understands; Untrusted when a signature is
    wrong; Missing while there is no trust bundle.
    """
    action = _read(document, now)
    if action.mandate is not None and not action.run:
        raise Invalid("this is a mandate, which runs by itself", hint="vedette act schedule FILE")
    async with conn.transaction():
        trust = await the_bundle(conn)
        signers = await signers_of(conn, action, action.signatures, trust, now)
        digest = bytes.fromhex(digest_of(action))
        action_id = await Q.value(
            conn,
            "add_action",
            **_row(action, document, launch),
            digest=digest,
            by=by,
            now=now,
            origin=origin,
        )
        if action_id is None:
            action_id = await R.value(conn, "action_of_digest", digest=digest)
        else:
            detail = {"name": action.name, "target": action.target, "modules": list(action.modules)}
            await write_audit(
                conn, actor=by, action="action.propose", object=f"action:{action_id}", detail=detail
            )
        await _keep_signatures(conn, action_id, action.signatures, signers, now)
        verified = dict(zip(action.signatures, signers, strict=True))
        return await weigh_and_begin(conn, action_id, now=now, verified=verified)


async def sign(
    conn: Connection, action_id: int, signature: str, *, by: str, now: datetime
) -> Standing:
    """Add a signature to the same bytes; launch the action when that is enough.

    Raises Missing, Conflict when it is not waiting for signatures, Untrusted when the signature is wrong.
    """
    async with conn.transaction():
        row = await _locked(conn, action_id)
        if row.state != "proposed":
            raise Conflict(f"action {action_id} is {row.state}; it takes no signature any more")
        action = read_order(row.document.encode(), [signature])
        signers = await signers_of(conn, action, [signature], await the_bundle(conn), now)
        await _keep_signatures(conn, action_id, [signature], signers, now)
        who = signers[0].fingerprint
        await write_audit(
            conn, actor=by, action="action.sign", object=f"action:{action_id}", detail={"key": who}
        )
        verified = {signature: signers[0]}
        return await weigh_and_begin(conn, action_id, now=now, verified=verified)


async def weigh_and_begin(
    conn: Connection,
    action_id: int,
    *,
    now: datetime,
    verified: Mapping[str, Verified] | None = None,
) -> Standing:
    """Weigh what is proposed and launch what may begin; return how it stands. In the caller's transaction.

    verified: of its signatures those that the caller has verified.
    """
    row = await _locked(conn, action_id)
    looked = await _look(conn, row, now, verified or {})
    if row.state == "proposed" and not looked.missing:
        await Q.run(conn, "accept", id=action_id, now=now)
    may_begin = row.state in WAITS and not looked.missing
    if may_begin and row.valid_from <= now < row.expire_after:
        await _begin(conn, row, looked, now)
    await Q.run(conn, "tell_action", id=action_id)
    return await _standing(conn, action_id, looked, was=row.state)


async def standing(conn: Connection, action_id: int, *, now: datetime) -> Standing:
    """Return how an action stands, and what is missing before it is launched. Raises Missing."""
    row = await R.one(conn, "waiting", id=action_id)
    if row is None:
        raise _unknown(action_id)
    found = _Row(*row)
    return await _standing(conn, action_id, await _look(conn, found, now, {}), was=found.state)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What an action that waits would do now: whom it means, what it weighs by which bundle, what it lacks."""

    agents: Sequence[int] = ()
    weights: Sequence[Weighed] = ()
    missing: Sequence[str] = ()
    bundle_version: int = 0


async def _look(
    conn: Connection, row: "_Row", now: datetime, verified: Mapping[str, Verified]
) -> _Looked:
    if row.state not in WAITS:
        return _Looked()
    action = read_order(row.document.encode(), ())
    agents = await ids_of(conn, action.target, now=now)
    trust = await the_bundle(conn)
    found, missing = await weighed(conn, row.id, action, trust, agents, now, verified)
    return _Looked(agents, found, missing, trust.version)


async def _standing(conn: Connection, action_id: int, looked: _Looked, *, was: str) -> Standing:
    row = await R.one(conn, "standing", id=action_id)
    assert row is not None
    _, state, valid_from, expire_after, commands = row
    waits = state in WAITS
    return Standing(
        id=action_id,
        state=state,
        weights=looked.weights if waits else await _weighed_then(conn, action_id),
        missing=looked.missing if waits else (),
        agents=len(looked.agents) if waits else commands,
        valid_from=valid_from,
        expire_after=expire_after,
        launched_before=was not in WAITS,
    )


async def _weighed_then(conn: Connection, action_id: int) -> list[Weighed]:
    return [
        Weighed(module, group, weight, minimum, tuple(names), tuple(shares))
        for module, group, weight, minimum, names, shares in await R.all(
            conn, "weighed", id=action_id
        )
    ]


async def add_late(conn: Connection, agents: Sequence[int] | None, *, now: datetime) -> int:
    """Give agents that came, or came to be meant, since the launch their commands; return how many.

    agents: only those; None: all.
    """
    added = 0
    for action_id, target in await R.all(conn, "to_match_again", now=now):
        found = await ids_of(conn, target, now=now, among=agents)
        fresh = (
            await R.all(conn, "without_command", action_id=action_id, agents=found) if found else []
        )
        if fresh:
            added += await _add_commands(conn, action_id, [one for (one,) in fresh], now)
    return added


async def _begin(conn: Connection, row: "_Row", looked: _Looked, now: datetime) -> None:
    agents = looked.agents
    if not agents and not row.late:
        await Q.run(conn, "invalidate", id=row.id, why="the target means no agent", now=now)
        return
    await Q.run(conn, "begin", id=row.id, bundle_version=looked.bundle_version, now=now)
    for one in looked.weights:
        await Q.run(conn, "keep_weight", action_id=row.id, **_kept(one))
    await _add_commands(conn, row.id, agents, now)
    await write_audit(
        conn,
        actor="server",
        action="action.launch",
        object=f"action:{row.id}",
        detail={"agents": len(agents)},
    )


async def _add_commands(
    conn: Connection, action_id: int, agents: Sequence[int], now: datetime
) -> int:
    added = await Q.run(conn, "add_commands", action_id=action_id, agents=list(agents), now=now)
    few = ",".join(str(one) for one in agents) if len(agents) <= 500 else ""
    await Q.run(conn, "tell_agents", payload=few)
    return added


@dataclass(frozen=True, slots=True)
class _Row:
    """A locked action."""

    id: int
    state: str
    document: str
    valid_from: datetime
    expire_after: datetime
    late: bool


async def _locked(conn: Connection, action_id: int) -> _Row:
    row = await Q.one(conn, "lock_action", id=action_id)
    if row is None:
        raise _unknown(action_id)
    return _Row(*row)


def _unknown(action_id: int) -> Missing:
    return Missing(
        f"there is no action {action_id}", hint="`vedette act list` shows those there are"
    )


async def _keep_signatures(
    conn: Connection,
    action_id: int,
    signatures: Sequence[str],
    signers: Sequence[Verified],
    now: datetime,
) -> None:
    await Q.run(
        conn,
        "add_signatures",
        action_id=action_id,
        fingerprints=[one.fingerprint for one in signers],
        signatures=list(signatures),
        now=now,
    )


def _read(document: bytes, now: datetime) -> Action:
    if len(document) > DOCUMENT_BYTES:
        raise Invalid(f"an action has at most {DOCUMENT_BYTES} bytes, this has {len(document)}")
    action = read_action(document)
    read_target(action.target)
    for operation in action.operations:
        opened(operation)
    begins, ends = action.valid_from, action.expire_after
    if begins is None or ends is None:
        raise Invalid("the action has no validfrom and expireafter; set both before it is signed")
    if ends <= now:
        raise Invalid(f"the action expired at {ends:%FT%TZ}; sign it again")
    if ends - begins > LONGEST_VALIDITY or ends <= begins:
        raise Invalid(
            f"an action counts from validfrom for at most {LONGEST_VALIDITY // timedelta(days=1)} days"
        )
    return action


def _row(action: Action, document: bytes, launch: Launch) -> dict[str, object]:
    limits = action.limits
    return {
        "name": action.name,
        "target": action.target,
        "description": Jsonb(_shown(action.description)),
        "threat": Jsonb(_shown(action.threat)),
        "operations": Jsonb([operation.as_json() for operation in action.operations]),
        "modules": list(action.modules),
        "reason": action.reason,
        "syntax_version": action.syntax_version,
        "document": (order_document(action) or document).decode(),
        "valid_from": action.valid_from,
        "expire_after": action.expire_after,
        "rate": _least(launch.rate, limits.rate),
        "at_once": launch.at_once,
        "most_agents": _least(launch.most_agents, limits.max_agents),
        "canary": launch.canary,
        "most_failures": launch.most_failures,
        "late": launch.late,
    }


def _kept(one: Weighed) -> dict[str, object]:
    return {**asdict(one), "investigators": list(one.investigators), "shares": list(one.shares)}


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _shown(part: Description | Threat) -> dict[str, object]:
    return {key: value for key, value in asdict(part).items() if value not in ("", None)}
