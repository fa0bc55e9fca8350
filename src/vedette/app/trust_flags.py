"""The flags about whom an agent obeys, and how long it stays to do so."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

if TYPE_CHECKING:
    from vedette.agent.host_actions import TrustRules


@Parameter(name="*", group="Signed actions")
@dataclass(frozen=True, kw_only=True)
class TrustFlags:
    """Flags of `agent`; None: not said."""

    trust_root: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_TRUST_ROOT",
            help="sha256:… of the fleet's root keys, as `vedette trust show` prints it. Without it "
            "every action is refused.",
        ),
    ] = None
    trust_threshold: Annotated[
        int | None,
        Parameter(
            env_var="VEDETTE_TRUST_THRESHOLD",
            help="How many of the roots must sign a trust bundle.",
            validator=validators.Number(gte=1, lte=50),
        ),
    ] = None
    trust_root_file: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_TRUST_ROOT_FILE",
            help="A file with both instead, as root: sha256:… and threshold: 2.",
        ),
    ] = None
    trust_bundle: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_TRUST_BUNDLE",
            help="A signed trust bundle, for a host that shall not wait for the server's.",
        ),
    ] = None

    def over(self, said: "TrustRules") -> "TrustRules":
        """Return what flags and environment say, and below them the file; raises `Invalid`."""
        # Completion reads these flags where there is no Unix, which an agent's parts need.
        from vedette.agent.host_actions import TrustRules

        # A root that was said goes before the other way to say it, wherever that stands.
        root_file = "" if self.trust_root else said.root_file
        rules = TrustRules(
            root=self.trust_root or ("" if self.trust_root_file else said.root),
            threshold=self.trust_threshold or (0 if self.trust_root_file else said.threshold),
            root_file=_absolute(self.trust_root_file or root_file),
            bundle=_absolute(self.trust_bundle or said.bundle),
        )
        rules.roots()
        return rules


def _absolute(path: Path | str) -> str:
    return str(Path(path).absolute()) if path else ""
