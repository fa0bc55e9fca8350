"""What `agent.yaml` says of signed actions: whom the host obeys, what may run, and how much it may take."""

from datetime import timedelta
from pathlib import Path

import msgspec

from vedette import durations
from vedette.agent.trusted import Roots
from vedette.errors import Invalid
from vedette.sizes import size_bytes

_LEAST_MEMORY = 64 << 20
"""A module's process does not start in less."""


class TrustRules(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whom this host obeys; without roots every action is refused.

    root: `sha256:…` of the fleet's root keys. threshold: how many of them must sign a trust bundle.
    root_file: a YAML file with these two, instead. bundle: a file with a trust bundle, as its roots
    signed it, for hosts that shall not wait for the server's.
    """

    root: str = ""
    threshold: int = 0
    root_file: str = ""
    bundle: str = ""

    def roots(self) -> Roots | None:
        """Return what is pinned, None when nothing is; raises Invalid."""
        said = _from_file(Path(self.root_file)) if self.root_file else self
        if not said.root and not said.threshold:
            return None
        if not said.root:
            raise Invalid(
                f"{said.threshold} roots must sign, and there is no root",
                hint="give --trust-root, too, as vedette trust show prints it",
            )
        digest = said.root.strip().lower()
        if (
            len(digest) != 71
            or digest[:7] != "sha256:"
            or set(digest[7:]) - set("0123456789abcdef")
        ):
            raise Invalid(
                "the trust root is not sha256: and 64 hexadecimal digits",
                hint="vedette trust show prints it, as --trust-root sha256:…",
            )
        if said.threshold < 1:
            raise Invalid(
                "the trust root says nothing without how many roots must sign",
                hint="give --trust-threshold, too, as vedette trust show prints it",
            )
        return Roots(digest, said.threshold)


class LimitRules(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How much one operation of an action may take here at most, whatever the action says.

    timeout: of the clock. cpu: of the processor. memory: of address space. output: of its answer.
    """

    timeout: str = "5m"
    cpu: str = "5m"
    memory: str = "512MiB"
    output: str = "16MiB"

    @property
    def seconds(self) -> float:
        """Of the clock."""
        return durations.seconds(self.timeout)

    @property
    def cpu_s(self) -> float:
        """Of the processor."""
        return durations.seconds(self.cpu)

    @property
    def memory_bytes(self) -> int:
        """Of address space."""
        return size_bytes(self.memory)

    @property
    def output_bytes(self) -> int:
        """Of an answer."""
        return size_bytes(self.output)


def check_limits(limits: LimitRules, source: str) -> None:
    """Raise Invalid at a limit that nothing could run within, or that is none."""
    for name, value in (("timeout", limits.seconds), ("cpu", limits.cpu_s)):
        if not 1 <= value <= timedelta(days=1).total_seconds():
            raise Invalid(f"{source}: limits: {name} must be from 1s to 1d")
    if limits.memory_bytes < _LEAST_MEMORY:
        raise Invalid(f"{source}: limits: memory must be at least {_LEAST_MEMORY >> 20}MiB")
    if limits.output_bytes < 1:
        raise Invalid(f"{source}: limits: output must be above 0")


def check_words(actions: object, sandbox: str, source: str) -> None:
    """Raise Invalid for words that `actions` and `sandbox` do not know."""
    if isinstance(actions, str) and actions not in ("all", "none"):
        raise Invalid(
            f"{source}: actions is {actions!r}", hint="write all, none or [file, netstat]"
        )
    if sandbox not in ("full", "partial"):
        raise Invalid(f"{source}: sandbox is {sandbox!r}", hint="write full or partial")


def _from_file(path: Path) -> TrustRules:
    import yaml

    try:
        said = yaml.safe_load(path.read_bytes())
        return msgspec.convert(said, TrustRules)
    except OSError as fault:
        raise Invalid(f"{path} cannot be read: {fault.strerror}") from None
    except (yaml.YAMLError, msgspec.ValidationError):
        raise Invalid(
            f"{path} names no trust roots", hint="write two lines: root: sha256:… and threshold: 2"
        ) from None
