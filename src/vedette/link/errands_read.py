"""Reading agents' answers to actions: signed by the agent's own key, bounded, and of one shape.

Nothing of an answer is believed because of what it says: that the agent was asked is for the database to
know, who it is for its key. What stands in it is shown as said.
"""

import hashlib
import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from vedette.actions.command import REASON_CHARACTERS, Answer, Outcome
from vedette.trust.names import plain_text
from vedette.trust.result_signature import hold_result

MESSAGE_CHARACTERS = 4_000
MOST_RESULTS = 100
COMPARED_BYTES = 64 << 10
"""Of what was found, up to which the order of its keys and its blanks make no difference between two answers."""
HOUR_MS = 3_600_000 * 24
SAID = {
    word: Outcome(word) for word in ("success", "failed", "refused", "timeout", "lost", "cancelled")
}
"""What an agent may say of how it ended; that time ran out is the server's to say."""


_VAST = re.compile(rb"[\[,:\s]-?[0-9][0-9.]*[eE]\+?[0-9]{3}")
"""What may be a number that no program holds, and whoever shows the answer would stumble over."""

_NULL = msgspec.Raw(b"null")


class Unfit(Exception):  # noqa: N818 - of what came
    """An answer that cannot be one."""


class _Result(msgspec.Struct):
    """MIG's five; their order and further keys are the agent's.

    What was found is not made into Python here: of 16 MiB an agent could make a minute's work for a server.
    """

    foundanything: bool
    success: bool
    elements: msgspec.Raw = _NULL
    statistics: msgspec.Raw = _NULL
    errors: list[str] | None = None


class _Body(msgspec.Struct, kw_only=True):
    command: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    digest: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
    status: str
    reason: str = ""
    message: str = ""
    truncated: bool = False
    took_ms: Annotated[int, Meta(ge=0)] = 0
    results: Annotated[list[_Result], Meta(max_length=MOST_RESULTS)]


_BODY = msgspec.json.Decoder(_Body)
_PLAIN = msgspec.json.Encoder(order="sorted")


def read_answer(body: bytes, signature: bytes, *, agent_id: int, public_key: bytes) -> Answer:
    """Return the answer; raises `Unfit`, or Denied when its signature is not the agent's."""
    hold_result(public_key, body, signature)
    try:
        said = _BODY.decode(body)
        text = body.decode()
        alike = _alike(said)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unfit(str(error)[:200]) from None
    if "\\u0000" in text or said.status not in SAID:
        raise Unfit("it holds a zero, or a status nobody knows")
    ran = [one for one in said.results if one.success or one.foundanything]
    return Answer(
        command_id=said.command,
        agent_id=agent_id,
        outcome=SAID[said.status],
        reason=plain_text(said.reason, limit=REASON_CHARACTERS),
        message=plain_text(said.message, limit=MESSAGE_CHARACTERS),
        truncated=said.truncated,
        found=any(one.foundanything for one in ran) if ran else None,
        took_ms=min(said.took_ms, HOUR_MS),
        body=text,
        signature=signature,
        alike=alike,
    )


def _alike(said: _Body) -> bytes:
    """Return the digest of what was found, and how it ended, without times and counts."""
    told = [
        [one.foundanything, one.success, _comparable(one.elements), one.errors]
        for one in said.results
    ]
    return hashlib.blake2b(_PLAIN.encode([said.status, said.reason, told]), digest_size=16).digest()


def _comparable(elements: msgspec.Raw) -> Any:  # noqa: ANN401 - whatever JSON a module answered
    found = memoryview(elements)
    if found.nbytes > COMPARED_BYTES and not _VAST.search(found):
        return hashlib.blake2b(found).hexdigest()
    return msgspec.json.decode(found)
