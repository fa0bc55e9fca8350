"""The flags about the log, the same for every program that runs long."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter, validators

from vedette.logs import Level, LogFormat, LogSettings


def _flag(env: str, help_text: str) -> Parameter:
    return Parameter(env_var=env, help=help_text)


@Parameter(name="*", group="Log")
@dataclass(frozen=True, kw_only=True)
class LogFlags:
    """Flags of `up`, `serve`, `agent` and `collector`; None: not said."""

    log_format: Annotated[
        LogFormat | None,
        _flag("VEDETTE_LOG_FORMAT", "text or json; default text on a terminal."),
    ] = None
    log_level: Annotated[
        Level | None,
        _flag(
            "VEDETTE_LOG_LEVEL", "The least that is said: debug, info (default), warning, error."
        ),
    ] = None
    log_file: Annotated[Path | None, _flag("VEDETTE_LOG_FILE", "Instead of stderr.")] = None
    log_file_size: Annotated[
        str | None,
        _flag("VEDETTE_LOG_FILE_SIZE", "At which size it is turned over; default 50MB."),
    ] = None
    log_file_keep: Annotated[
        int | None,
        Parameter(
            env_var="VEDETTE_LOG_FILE_KEEP",
            help="How many old ones are kept; default 5.",
            validator=validators.Number(gte=0, lte=1000),
        ),
    ] = None

    def over(self, said: LogSettings) -> LogSettings:
        """Return what flags and environment say, and below them the file; raises `Invalid`."""
        file = self.log_file or (Path(said.file) if said.file else None)
        flags = {
            "format": self.log_format,
            "level": self.log_level,
            "file": str(file.absolute()) if file else None,
            "file_size": self.log_file_size,
            "file_keep": self.log_file_keep,
        }
        given = {key: value for key, value in flags.items() if value is not None}
        return msgspec.structs.replace(said, **given).checked()
