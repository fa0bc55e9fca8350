"""For modules that do nothing themselves: their answer is an order, which the agent carries out."""

import msgspec

from vedette.agent.modules import Result

NOT_DONE = "only a running agent carries this out; asked without one, nothing was done"


def ordered(order: msgspec.Struct) -> Result:
    """Return the order as an answer; it is no success until the agent has replaced it."""
    return Result(foundanything=True, elements=msgspec.to_builtins(order), errors=[NOT_DONE])
