"""The log of a program: one line an event, as text or as JSON, on stderr or in a file."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Literal, TextIO, cast

import msgspec
import structlog
from msgspec import Meta

from vedette.errors import Invalid
from vedette.log_file import LogFile
from vedette.sizes import size_bytes

LogFormat = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

FILE_SIZE = "50MB"
FILE_KEEP = 5
LEAST_FILE_BYTES = 1000


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the log goes and how; read at the start. Flags and `VEDETTE_LOG_*` go before it."""

    format: Annotated[
        LogFormat | None, Meta(description="`text` or `json`; default text on a terminal.")
    ] = None
    level: Annotated[Level | None, Meta(description="The least that is said; default `info`.")] = (
        None
    )
    file: Annotated[str | None, Meta(description="Instead of stderr.")] = None
    file_size: Annotated[
        str | None, Meta(description="The size at which it is turned over; default `50MB`.")
    ] = None
    file_keep: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | None,
        Meta(description="How many old ones are kept; default 5."),
    ] = None

    def checked(self) -> "LogSettings":
        """Return itself; raises `Invalid` where a size is none."""
        if size_bytes(self.file_size or FILE_SIZE) < LEAST_FILE_BYTES:
            raise Invalid(f"a log file of {self.file_size} holds nothing", hint="as in 50MB")
        return self


def configure_logs(
    said: LogSettings, *, usually: LogFormat | None = None, debug: bool = False
) -> None:
    """Set up logging of this process once; libraries speak from `warning` up.

    usually: the format when none is said; None: text on a terminal, JSON elsewhere. debug: what is
    said of faults is said with traces. Raises `Invalid`, and `Unavailable` when the file cannot be
    written.
    """
    stream = _stream(said.checked())
    is_terminal = stream.isatty() if stream is sys.stderr else False
    form = said.format or usually or ("text" if is_terminal else "json")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(
            fmt="%H:%M:%S" if is_terminal and form == "text" else "iso",
            utc=not (is_terminal and form == "text"),
        ),
    ]
    ends = _ends(form, is_terminal=is_terminal, debug=debug)
    level = getattr(logging, (said.level or ("debug" if debug else "info")).upper())
    structlog.configure(
        processors=[*shared, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # One write a line: two could end up in two files.
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(stream)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ends],
        )
    )
    logging.basicConfig(handlers=[foreign], level=max(level, logging.WARNING), force=True)


def _stream(said: LogSettings) -> TextIO:
    if not said.file:
        return sys.stderr
    keep = FILE_KEEP if said.file_keep is None else said.file_keep
    size = size_bytes(said.file_size or FILE_SIZE)
    return cast("TextIO", LogFile(Path(said.file), size_bytes=size, keep=keep))


def _ends(form: LogFormat, *, is_terminal: bool, debug: bool) -> list[structlog.typing.Processor]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    if is_terminal:
        return [
            structlog.dev.ConsoleRenderer(pad_event_to=0, exception_formatter=_trace(debug=debug))
        ]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
    ]


def _trace(*, debug: bool) -> structlog.typing.ExceptionRenderer:
    # Without --debug a terminal shows what happened, not where: the JSON of a service has it all.
    if debug:
        return structlog.dev.plain_traceback

    def short(sio: object, exc_info: structlog.typing.ExcInfo) -> None:
        kind, error, _ = exc_info
        print(f"  {kind.__name__ if kind else ''}: {error}", file=sio)  # type: ignore[call-overload]  # a text stream

    return short
