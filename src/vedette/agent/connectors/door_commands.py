"""What can be asked of everything behind a port: how long each phase takes, what certificate it shows."""

import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

from vedette.actions.model import Column, Command, Row
from vedette.agent.connector import Look
from vedette.agent.connectors.certificates import shown_by
from vedette.agent.connectors.errors import Fault, fault_of
from vedette.agent.connectors.tls_contexts import context_for, tls_context
from vedette.agent.connectors.wire import wire
from vedette.clock import now
from vedette.health.model import Report

PHASES = Command(
    name="phases",
    help="Look now and say how long each phase took.",
    columns=(
        Column("door", "text", "Which of several; null when there is one."),
        Column("phase", "text", "Resolving, connecting, shaking hands, and so on."),
        Column("took_s", "number", "How long it took.", "seconds"),
    ),
)
CERTIFICATE = Command(
    name="certificate",
    help="The certificates it shows, its own first, whether or not they are to be trusted.",
    columns=(
        Column("place", "integer", "In the chain: 1 is the server's own."),
        Column("subject", "text", "Whose it is."),
        Column("issuer", "text", "Who vouches for it."),
        Column("names", "text", "The names it is for."),
        Column("serial", "text", "Its number."),
        Column("not_before", "time", "Since when it is valid."),
        Column("not_after", "time", "Until when."),
        Column("days_left", "number", "Until then; negative after.", "days"),
        Column("trusted", "boolean", "Whether the chain leads to an authority we trust."),
        Column("why_not", "text", "Why it does not."),
    ),
)


def phases_of(report: Report) -> Iterator[Row]:
    """Yield the phases of a look; what failed is the answer's failure, and the phases before it lost."""
    if report.rtt is None:
        raise Fault(report.error_class, report.message, report.state)
    for each in report.measurements:
        if each.name.endswith("_s"):
            yield each.entity.partition(":")[2] or None, each.name.removesuffix("_s"), each.value


async def certificates_of(
    look: Look, host: str, port: int, settings: dict[str, Any], name: str | None
) -> AsyncIterator[Row]:
    """Shake hands, on distrust once more without asking, and yield what was shown."""
    why_not = ""
    try:
        chain = await _chain(look, host, port, context_for(settings), name)
    except ssl.SSLCertVerificationError as error:
        why_not = fault_of(error).message
        pair = {key: settings[key] for key in ("client_cert", "client_key")}
        chain = await _chain(look, host, port, tls_context(insecure=True, **pair), name)
    for place, facts in enumerate(chain, 1):
        left = facts.pop("days_left")
        yield (
            place,
            *(str(facts[key]) for key in ("subject", "issuer", "names", "serial")),
            *(str(facts[key]).replace("+00:00", "Z") for key in ("not_before", "not_after")),
            float(left),
            not why_not,
            why_not or None,
        )


async def _chain(
    look: Look, host: str, port: int, context: ssl.SSLContext, name: str | None
) -> list[dict[str, Any]]:
    async with wire(look, host, port, tls=context, server_name=name) as opened:
        shown = shown_by(opened.tls) if opened.tls else None
    if shown is None:
        raise Fault("tls", "the server showed no certificate")
    at = now()
    return [{**each.facts(), "days_left": each.days_left(at)} for each in shown.each()]
