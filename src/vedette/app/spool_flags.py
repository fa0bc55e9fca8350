"""Where MIG's spool is served, if anywhere: the flags, and `server.spool` beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette import durations
from vedette.actions.spool_rules import DELETE_AFTER, Spooling
from vedette.app.options import path_of, resolve
from vedette.app.settings import ServerSettings
from vedette.errors import Invalid

LEAST_KEPT, MOST_KEPT = timedelta(minutes=1), timedelta(days=366)


@Parameter(name="*", group="Actions")
@dataclass(frozen=True, kw_only=True)
class SpoolFlags:
    """Flags of `up` and `serve`; None: not said."""

    spool: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_SPOOL",
            help="Folder in which actions are taken and mirrored as files, as MIG does in "
            "/var/cache/mig; default nowhere.",
        ),
    ] = None
    keep_spooled: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_KEEP_SPOOLED",
            help="How long files of what is over are kept there; default 72h.",
        ),
    ] = None


def spooling_of(
    flags: SpoolFlags, said: ServerSettings, environ: Mapping[str, str]
) -> Spooling | None:
    """Return what flags and environment say, and below them the file; None: there is no spool. Raises Invalid."""
    top = path_of(flags.spool, "spool", said, environ)
    kept = flags.keep_spooled or resolve(said.keep_spooled, environ, "server.keep_spooled")
    span = DELETE_AFTER if kept is None else durations.parse(kept)
    if not LEAST_KEPT <= span <= MOST_KEPT:
        raise Invalid(f"--keep-spooled {kept} is not between 1m and 366d")
    return None if top is None else Spooling(top.absolute(), span)
