"""Endpoints that exist for the tests of ``Endpoint``: ``@pytest.mark.urls("tests.core.endpoints")``."""

from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import path
from rest_framework import serializers

from superapp.core import errors
from superapp.core.api import Endpoint, Operation, Page, Shown, paginate
from superapp.core.api.endpoint import ApiRequest
from superapp.core.api.fields import Boolean, Id, Input, Integer, Output, Text, Time, Uuid
from superapp.core.models import OutboxEvent

#: Every body that reached a handler, so that tests see that nothing did.
seen: list[Any] = []


class Inner(Input):
    colour = Text(max_length=10)


class EchoInput(Input):
    text = Text(required=False, max_length=100)
    number = Integer(required=False, min_value=-10, max_value=10)
    flag = Boolean(required=False)
    id = Id(required=False)
    key = Uuid(required=False)
    inner = Inner(required=False)
    texts = serializers.ListField(child=Text(), required=False)


class EchoOutput(Output):
    said = serializers.CharField()


class Echo(Endpoint):
    class Get(Operation):
        """Say hello."""

        output, public = EchoOutput, True

    class Post(Operation):
        """Say what was sent."""

        input, output, status, public = EchoInput, EchoOutput, 201, True

    class Delete(Operation):
        """Forget everything."""

        public = True

    def get(self, request: ApiRequest) -> dict[str, str]:
        return {"said": request.client_address}

    def post(self, request: ApiRequest, data: dict[str, Any]) -> dict[str, str]:
        seen.append(data)
        return {"said": repr(data)}

    def delete(self, request: ApiRequest) -> None:
        seen.clear()


class Private(Endpoint):
    class Get(Operation):
        """Who asks."""

        output = EchoOutput

    class Post(Operation):
        """Take something from somebody."""

        input = EchoInput

    def get(self, request: ApiRequest) -> dict[str, str]:
        return {"said": f"{request.user.id} {request.auth.id}"}

    def post(self, request: ApiRequest, data: dict[str, Any]) -> None:
        seen.append(data)


class Once(Endpoint):
    class Post(Operation):
        """Do something once."""

        output, public, idempotent = EchoOutput, True, True

    def post(self, request: ApiRequest) -> Shown:
        return Shown({"said": str(request.idempotency_key)}, is_replay=request.GET.get("again") == "yes")


class UploadInput(Input):
    purpose = Text()
    file = serializers.FileField()


class Upload(Endpoint):
    class Post(Operation):
        """Take a file."""

        input, public, multipart_bytes = UploadInput, True, 1000

    def post(self, request: ApiRequest, data: dict[str, Any]) -> None:
        seen.append((data["purpose"], data["file"].read()))


class Query(Input):
    colour = Text(required=False)


class Asked(Endpoint):
    class Get(Operation):
        """Say what the query was."""

        query, output, public, many = Query, EchoOutput, True, True

    def get(self, request: ApiRequest, data: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"said": value} for value in data.values()]


class Refusing(Endpoint):
    """Refuses as its path says."""

    class Get(Operation):
        """Refuse."""

        output, public = EchoOutput, True
        errors = (errors.Conflict, errors.TooManyRequests)

    def get(self, request: ApiRequest, how: str) -> Any:
        match how:
            case "declared":
                raise errors.Conflict(colour="red")
            case "wait":
                raise errors.TooManyRequests(retry_after_seconds=2.1)
            case "undeclared":
                raise errors.NotFound(colour="red")
            case "slow":
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("SET LOCAL statement_timeout = '20ms'")
                    cursor.execute("SELECT pg_sleep(30)")
            case "asleep":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(4)")
            case "own-headers":
                return HttpResponse("plain", headers={"Cache-Control": "max-age=5"})
        raise RuntimeError("password=hunter2")


class RowOutput(Output):
    id = serializers.IntegerField()
    key = serializers.CharField()
    due_at = Time()


class Rows(Endpoint):
    """Rows of any table will do: these have times that may be equal."""

    class Get(Operation):
        """Rows by time."""

        output, public, page = RowOutput, True, True

    order: tuple[str, ...] = ("due_at", "id")

    def get(self, request: ApiRequest, data: dict[str, Any]) -> Page[OutboxEvent]:
        return paginate(OutboxEvent.objects.filter(handler="rows"), request, order=self.order, **data)


class NewestRows(Rows):
    order = ("-due_at", "-id")


class RowsByKey(Rows):
    order = ("key", "id")


def broken_page(request: object) -> HttpResponse:
    raise ZeroDivisionError


urlpatterns = [
    path("echo/", Echo.as_view()),
    path("private/", Private.as_view()),
    path("once/", Once.as_view()),
    path("upload/", Upload.as_view()),
    path("asked/", Asked.as_view()),
    path("refusing/<how>/", Refusing.as_view()),
    path("rows/", Rows.as_view()),
    path("rows/newest/", NewestRows.as_view()),
    path("rows/by-key/", RowsByKey.as_view()),
    path("broken-page/", broken_page),
]
handler404 = "superapp.core.middleware.not_found"
handler500 = "superapp.core.middleware.server_error"
