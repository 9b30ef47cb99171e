"""Two questions of a supervisor: is this process alive (else restart it), and can it serve (else send it nobody)?"""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from superapp.core.api.answers import json_response
from superapp.core.errors import DomainError
from superapp.core.redis import RedisFailure, client

_questions: dict[str, Callable[[], object]] = {}


def register(name: str, question: Callable[[], object]) -> None:
    """Let a room say that it cannot work: ``question`` raises. Nobody is sent to a process that has such a room."""
    _questions[name] = question


def alive(request: HttpRequest) -> HttpResponse:
    return json_response({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """503 with the name of what is away. Asks Redis past the circuit breaker: the breaker's memory is not the truth."""
    parts = {"postgres": _works(_ask_postgres, DatabaseError), "redis": _works(lambda: client().ping(), RedisFailure)}
    parts |= {name: _works(question, (DomainError, DatabaseError)) for name, question in _questions.items()}
    healthy = all(parts.values())
    status = {name: "ok" if works else "away" for name, works in parts.items()}
    response = json_response({"status": "ok" if healthy else "unavailable", **status}, status=200 if healthy else 503)
    response["Cache-Control"] = "no-store"
    return response


def _ask_postgres() -> None:
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        # A process of a newer release must not take requests before the schema is there.
        cursor.execute("SELECT 1 FROM core_lease LIMIT 1")


def _works(question: Callable[[], object], failure: type[Exception] | tuple[type[Exception], ...]) -> bool:
    try:
        question()
    except failure:
        return False
    return True
