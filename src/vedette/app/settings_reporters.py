"""What reporters of the Status Dashboard share with us: the section `reporters` and its flags."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from msgspec import Meta, Struct

from vedette.access.reporter_tokens import CLAIM, ReporterKey
from vedette.errors import Missing
from vedette.incidents.model import Titles

SECRET_VARIABLE = "VEDETTE_REPORTER_SECRET"  # noqa: S105 - its name


class ReporterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reporters of the Status Dashboard that post here; read at the start."""

    secret_file: Annotated[
        str | None, Meta(description="File with the secret their tokens are signed with.")
    ] = None
    claim: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None,
        Meta(description="What a token of the first generation must contain; default `stackmon`."),
    ] = None
    titles: Annotated[
        Literal["named", "compatible"] | None,
        Meta(description="`named` after what is affected (default), or always `Incident`."),
    ] = None


@Parameter(name="*", group="Reporters")
@dataclass(frozen=True, kw_only=True)
class ReporterFlags:
    """Flags of `up` and `serve`; None: not said."""

    reporter_secret_file: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_REPORTER_SECRET_FILE",
            help="File with the secret that tokens of reporters are signed with; default none: "
            "reporters need a token of ours.",
        ),
    ] = None
    reporter_claim: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_REPORTER_CLAIM",
            help="What a reporter's token must contain; default stackmon.",
        ),
    ] = None
    reporter_titles: Annotated[
        Literal["named", "compatible"] | None,
        Parameter(
            env_var="VEDETTE_REPORTER_TITLES",
            help="Titles of what reporters open: named after what is affected (default), or "
            "compatible: Incident.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporters:
    """What a server knows of them; secret: empty, and no token of theirs counts."""

    secret: bytes = field(default=b"", repr=False)
    secret_file: Path | None = None
    claim: str = CLAIM
    titles: Titles = Titles.NAMED

    def key(self) -> ReporterKey | None:
        """Return what their tokens are checked with; None without a secret."""
        return ReporterKey(self.secret, claim=self.claim) if self.secret else None


def reporters_of(
    flags: ReporterFlags, said: ReporterSettings, environ: Mapping[str, str] = os.environ
) -> Reporters:
    """Return what flags and environment say, and below them the file; raises `Missing`.

    A secret in the environment goes before one in a file that the settings file names.
    """
    named = flags.reporter_secret_file
    secret = environ.get(SECRET_VARIABLE, "").encode()
    if named is None and not secret and said.secret_file:
        named = Path(said.secret_file)
    return Reporters(
        secret=secret if named is None else _secret_in(named),
        secret_file=named,
        claim=flags.reporter_claim or said.claim or CLAIM,
        titles=Titles(flags.reporter_titles or said.titles or Titles.NAMED),
    )


def _secret_in(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise Missing(f"--reporter-secret-file {path} cannot be read: {error.strerror}") from None
    if not secret:
        raise Missing(f"--reporter-secret-file {path} is empty", hint="32 random bytes or more")
    return secret
