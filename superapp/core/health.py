"""Two questions of a supervisor: is this process alive (else restart it), and can it serve (else send it nobody)?"""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from superapp.core.api.answers import json_response
from superapp.core.redis import RedisFailure, client


def alive(request: HttpRequest) -> HttpResponse:
    return json_response({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """503 with the name of what is away. Asks Redis past the circuit breaker: the breaker's memory is not the truth."""
    parts = {"postgres": _works(_ask_postgres, DatabaseError), "redis": _works(lambda: client().ping(), RedisFailure)}
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
