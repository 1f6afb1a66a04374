"""Logs: JSON where a program reads them, plain lines where a person does; always on stderr."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor


def configure(
    stream: TextIO | None = None, *, json: bool | None = None, level: int = logging.INFO
) -> None:
    """Send the logs of recond and of its libraries to one stream in one shape.

    `json` None: plain lines when the stream is a terminal, else one JSON object a line. Called
    once by the command line; libraries that log by `logging` (APScheduler, SQLAlchemy, Alembic)
    come out in the same shape, from WARNING on; recond itself from `level` on.
    """
    stream = stream or sys.stderr
    as_json = not stream.isatty() if json is None else json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        # never with local variables: they hold payers' accounts and the key of their hashes
        told = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last += [
            structlog.processors.ExceptionRenderer(told),
            structlog.processors.JSONRenderer(),
        ]
    else:
        plain = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("recond").setLevel(level)
    logging.captureWarnings(capture=True)
