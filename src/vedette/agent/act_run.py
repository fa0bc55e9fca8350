"""The operations of an action that has begun: one after the other, each within what is left for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from vedette.agent.act_answer import ANSWER_BYTES, ENVELOPE_BYTES
from vedette.agent.act_steps import Begun
from vedette.agent.carry import Carrier
from vedette.agent.host import HostRules
from vedette.agent.operation import Ended, OperationLimits, Ran, run_operation


async def run_operations(
    begun: Begun,
    rules: HostRules,
    clock: Callable[[], datetime],
    carrier: Carrier | None = None,
    *,
    ran: list[Ran],
) -> None:
    """Run one after the other; fewer when the action expired or its answer is full.

    carrier: carries out what modules order; without one, nothing is. ran: what became of each is put
    here as it ends, so that whoever cancels this has those that are over.
    """
    for module, parameters in begun.operations:
        answered_bytes = sum(len(one.result) for one in ran)
        limits = limits_of(begun, rules, answered_bytes, now=clock())
        if limits is None:
            break
        is_partial = rules.sandbox == "partial"
        one = await run_operation(
            module, parameters, limits, privacy=rules.privacy, partial=is_partial
        )
        if carrier is not None and one.ended is Ended.RETURNED:
            one = await _carried(carrier, module, one, limits, privacy=rules.privacy)
        ran.append(one)


async def _carried(
    carrier: Carrier, module: str, ran: Ran, limits: OperationLimits, *, privacy: bool
) -> Ran:
    answer = await carrier.out(module, ran.result, within_s=limits.seconds, privacy=privacy)
    if len(answer) > limits.output_bytes:
        words = f"its answer is longer than {limits.output_bytes} bytes"
        return replace(ran, ended=Ended.KILLED, result=b"", message=words, truncated=True)
    return replace(ran, result=answer)


def limits_of(
    begun: Begun, rules: HostRules, answered_bytes: int, *, now: datetime
) -> OperationLimits | None:
    """Return what the next operation may take: the least of host, action, and what is left."""
    host, signed = rules.limits, begun.action.limits
    left_bytes = ANSWER_BYTES - ENVELOPE_BYTES - answered_bytes
    left_s = ((begun.action.expire_after or now) - now).total_seconds()
    if left_s <= 0 or left_bytes < ENVELOPE_BYTES:
        return None
    return OperationLimits(
        seconds=min(host.seconds, left_s),
        cpu_s=min(host.cpu_s, signed.cpu_s or host.cpu_s),
        memory_bytes=min(host.memory_bytes, signed.memory_bytes or host.memory_bytes),
        output_bytes=min(host.output_bytes, signed.output_bytes or left_bytes, left_bytes),
    )
