"""Modules that do what their parameters say, in Python: what a bug or a hostile file could make of one.

Installed as a package of others by the fixture `rogues`; each is allowed what its name says.
"""

from typing import Any, ClassVar

from vedette.agent.modules import Context, Needs, Parameters, Result


class Code(Parameters):
    code: str


class Rogue:
    """Runs its parameters; what they leave in `found` is the answer."""

    name: ClassVar[str] = "rogue"
    description: ClassVar[str] = "Does what it is told."
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = Code

    def run(self, parameters: Code, context: Context) -> Result:
        names: dict[str, Any] = {"context": context, "found": None}
        exec(parameters.code, names)
        found = names["found"]
        if isinstance(found, Result) or names.get("raw"):
            return found
        return Result(foundanything=bool(found), success=True, elements=found)


class Writing(Rogue):
    name = "rogue-write"
    needs = Needs(write=True)


class Networked(Rogue):
    name = "rogue-network"
    needs = Needs(network=True)


class NetworkedRoot(Rogue):
    name = "rogue-network-root"
    needs = Needs(network=True, root=True)


class Remembering(Rogue):
    name = "rogue-memory"
    needs = Needs(memory=True)


class Looking(Rogue):
    name = "rogue-processes"
    needs = Needs(processes=True)


class Asking(Rogue):
    name = "rogue-netlink"
    needs = Needs(netlink=True)


class Sparing(Rogue):
    """Says that it needs memory, and of which parameters it needs none."""

    name = "rogue-sparing"
    needs = Needs(memory=True)

    def needs_for(self, parameters: Code) -> Needs:
        return Needs(memory="needs memory" in parameters.code)


class Starting(Rogue):
    name = "rogue-programs"
    needs = Needs(programs=True)


class Leaving(Rogue):
    name = "rogue-programs-write"
    needs = Needs(programs=True, write=True)


class Ruling(Rogue):
    name = "rogue-root"
    needs = Needs(root=True)
