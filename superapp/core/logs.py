"""One log format for every process: JSON lines with the request's id, or readable text on a developer's screen."""

import logging
import logging.config
from typing import Any

import structlog
from django.conf import settings

# What never belongs in a log, whoever passes it. Keys are compared in lower case.
SECRETS = frozenset(
    {
        "password",
        "code",
        "token",
        "access_token",
        "refresh_token",
        "recognition_token",
        "change_token",
        "return_token",
        "challenge",
        "new_password",
        "current_password",
        "ticket",
        "authorization",
        "cookie",
        "pin",
        "text",
        "body",
    }
)


# Without local variables: they hold what _redact would never let through.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def _redact(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    return {key: _without_secrets(value, key) for key, value in event.items()}


def _without_secrets(value: Any, key: str = "") -> Any:
    """A copy: what is being logged may still be in use."""
    # An integer ``code`` is an answer's status; those that are sent to people are text.
    if key.lower() in SECRETS and not (key == "code" and isinstance(value, int)):
        return "[redacted]"
    if isinstance(value, dict):
        return {name: _without_secrets(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return value


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Not what the server says, with a trace, of bytes that are no UTF-8: strangers could fill the disk with it."""
    return "Invalid UTF-8" not in str(record.msg)


def configure() -> None:
    """Called once per process, by the app registry, before anything logs."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _redact,
    ]
    renderer: list[Any] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer(default=str)]
        if settings.LOG_FORMAT == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
                }
            },
            "filters": {"worth_a_line": {"()": lambda: _worth_a_line}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": settings.LOG_LEVEL},
            "loggers": {
                # The request's own line says the same with its id; a refused request is no error of ours.
                "django.request": {"level": "CRITICAL"},
                # Its own handler would print lines of another shape.
                "uvicorn": {"handlers": [], "propagate": True},
                "uvicorn.access": {"level": "WARNING"},
                "uvicorn.error": {"level": "WARNING", "filters": ["worth_a_line"]},
                "celery": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
