"""Logs on stderr: a line a person reads on a terminal, a JSON object a line anywhere else."""

import logging
import sys

import structlog


def configure_logs(*, debug: bool) -> None:
    """Set up logging of this process once; libraries speak from `warning` up."""
    is_terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(
            fmt="%H:%M:%S" if is_terminal else "iso", utc=not is_terminal
        ),
    ]
    ends: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(pad_event_to=0, exception_formatter=_trace(debug=debug))]
        if is_terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if debug else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_foreign(ends))
    )
    logging.basicConfig(handlers=[foreign], level=logging.WARNING, force=True)


def _foreign(ends: list[structlog.typing.Processor]) -> list[structlog.typing.Processor]:
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ends]


def _trace(*, debug: bool) -> structlog.typing.ExceptionRenderer:
    # Without --debug a terminal shows what happened, not where: the JSON of a service has it all.
    if debug:
        return structlog.dev.plain_traceback

    def short(sio: object, exc_info: structlog.typing.ExcInfo) -> None:
        kind, error, _ = exc_info
        print(f"  {kind.__name__ if kind else ''}: {error}", file=sio)  # type: ignore[call-overload]  # a text stream

    return short
