"""One ``Endpoint`` per URL. Each method declares what it takes, what it shows and what it refuses, once."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from superapp.core import bodies, errors, requests
from superapp.core.api import parsing
from superapp.core.api.answers import as_domain_error, error_response, failure_response, json_response
from superapp.core.api.paging import Page, PageQuery
from superapp.core.errors import DomainError

log = structlog.get_logger(__name__)


class Operation:
    """What one method of an endpoint takes, shows and refuses. Its docstring is its line in the API's documentation."""

    #: Shape of the JSON body, or of the form when ``multipart``; the handler gets the checked values as ``data``.
    input: ClassVar[type[BaseSerializer[Any]] | None] = None
    #: Shape of the query string, for methods without a body; also handed over as ``data``. Beside a form: what may
    #: stand there instead of in the form, so that it is known before the form is read.
    query: ClassVar[type[BaseSerializer[Any]] | None] = None
    #: Shape of the answer; None: no content, or a file.
    output: ClassVar[type[BaseSerializer[Any]] | None] = None
    #: The answer is a file of this type, which the handler returns as a response of its own.
    file_type: ClassVar[str | None] = None
    #: The answer is a page of ``output``: ``{"results", "next", "previous"}``.
    page: ClassVar[bool] = False
    #: The answer is ``{"results": [output, …]}``: a list that is short by its nature.
    many: ClassVar[bool] = False
    status: ClassVar[int] = 200
    #: What the service refuses, beyond what every operation may answer.
    errors: ClassVar[tuple[type[DomainError], ...]] = ()
    #: No sign-in needed.
    public: ClassVar[bool] = False
    #: The request creates something and may be repeated with the same ``Idempotency-Key``.
    idempotent: ClassVar[bool] = False
    #: The body is a form with files of at most this many bytes in all.
    multipart_bytes: ClassVar[int | None] = None

    @classmethod
    def declared_errors(cls) -> set[type[DomainError]]:
        """Everything that this operation may answer, for the schema and for the test that holds it to its word."""
        declared: set[type[DomainError]] = {*cls.errors, errors.Unavailable, errors.MethodNotAllowed}
        if not cls.public:
            declared.add(errors.Unauthenticated)
        if cls.input or cls.query or cls.page or cls.idempotent:
            declared.add(errors.InvalidInput)
        if cls.query or cls.page:
            # A query of more fields than anybody could mean.
            declared.add(errors.MalformedBody)
        if cls.input:
            declared |= {errors.MalformedBody, errors.BodyTooLarge, errors.UnsupportedMediaType}
        if cls.idempotent:
            declared.add(errors.IdempotencyConflict)
        return declared


@dataclass(frozen=True)
class Shown:
    """An answer that already has its declared shape, from a path that is too busy for serializers."""

    payload: Any
    is_replay: bool = False


class ApiRequest(Request):
    """DRF's request with our own reading of who asks, keys and addresses."""

    user: Any
    auth: Any

    @property
    def user_id(self) -> int:
        """Who asks. Only where the operation is not ``public``."""
        return int(self.user.pk)

    @property
    def device_id(self) -> int:
        """The device whose access token this is."""
        return int(self.auth.id)

    @property
    def idempotency_key(self) -> UUID:
        """Raises ``InvalidInput`` unless the header is a UUID."""
        try:
            return UUID(hex=self.META["HTTP_IDEMPOTENCY_KEY"])
        except KeyError:
            message = _("Send an Idempotency-Key header: a UUID of your own that stays the same when you try again.")
        except ValueError:
            message = _("The Idempotency-Key header must be a UUID.")
        raise errors.InvalidInput(fields={"Idempotency-Key": [message]})

    @property
    def client_address(self) -> str:
        """What limits count by: see ``requests.client_address``."""
        return requests.client_address(self.META)


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Endpoint(APIView):
    """Subclasses hold an ``Operation`` named ``Get``, ``Post`` … beside each handler ``get``, ``post`` …

    A handler gets the request, then ``data`` when its operation has an input, a query or pages, then the URL's parts by
    name; it returns what the output shows: an object, a ``Page``, a list, or ``Shown``.
    """

    operations: ClassVar[dict[str, type[Operation]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.operations = {
            method: operation
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
            if (operation := getattr(cls, method.title(), None)) is not None
        }

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # DRF's own dispatch negotiates versions, renderers and throttles that this API does not have.
        self.args, self.kwargs = args, kwargs
        self.headers: dict[str, str] = {}
        # HEAD is GET whose body the server leaves out.
        self.method = "GET" if request.method == "HEAD" else request.method or ""
        operation = self.operations.get(self.method)
        try:
            if operation is None:
                raise errors.MethodNotAllowed
            self.request = ApiRequest(request, authenticators=self.get_authenticators())
            response = self._run(operation, self.request, kwargs)
        except Exception as error:
            response = self._refuse(error, operation)
        response["Cache-Control"] = response.get("Cache-Control", "no-store")
        return response

    def _run(self, operation: type[Operation], request: ApiRequest, kwargs: dict[str, Any]) -> HttpResponseBase:
        if not operation.public:
            if request.user is None:
                raise errors.Unauthenticated
            structlog.contextvars.bind_contextvars(user_id=request.user_id)
            requests.speak_to(request.user)
        if operation.multipart_bytes is not None:
            self._check_form(operation, request)
            if bodies.is_asked(request.META):
                bodies.want(request.META)
                return HttpResponse(status=204)
        handler = getattr(self, self.method.lower())
        if operation.input or operation.query or operation.page:
            kwargs = {"data": _validated(operation, request), **kwargs}
        result = handler(request, **kwargs)
        return result if isinstance(result, HttpResponseBase) else _shown(operation, request, result)

    def before_form(self, request: ApiRequest, query: dict[str, Any], announced_bytes: int) -> None:
        """For endpoints with ``multipart_bytes``: refuses what need not be read for that. Called once per request."""

    # From the headers, before a byte of the body is read.
    def _check_form(self, operation: type[Operation], request: ApiRequest) -> None:
        assert operation.multipart_bytes is not None
        announced = parsing.content_length(request._request)
        if announced > operation.multipart_bytes + settings.API_MAX_BODY_BYTES:
            raise errors.BodyTooLarge(max_bytes=operation.multipart_bytes)
        if request._request.content_type != "multipart/form-data":
            raise errors.UnsupportedMediaType(_("The body must be a form (multipart/form-data)."))
        if not bodies.was_wanted(request.META):
            query = _checked(operation.query, request, request.query_params.dict()) if operation.query else {}
            self.before_form(request, query, announced)

    def _refuse(self, error: Exception, operation: type[Operation] | None) -> HttpResponse:
        refusal = as_domain_error(error)
        if refusal is None:
            log.exception("request.broke", exc_info=error)
            return failure_response()
        if settings.API_STRICT_DECLARATIONS and operation and type(refusal) not in operation.declared_errors():
            log.error("request.undeclared_error", operation=operation.__qualname__, code=refusal.code)
            return failure_response()
        response = error_response(refusal)
        if refusal.status == 405:
            response["Allow"] = ", ".join([*self.operations, *(["HEAD"] if "GET" in self.operations else [])])
        return response


def _validated(operation: type[Operation], request: ApiRequest) -> dict[str, Any]:
    if operation.multipart_bytes is not None:
        query = request.query_params.dict() if operation.query else {}
        data: Any = {**query, **request._request.POST.dict(), **request._request.FILES.dict()}
    elif operation.input:
        data = parsing.json_body(request._request)
    else:
        data = request.query_params.dict()
    return _checked(operation.input or operation.query or PageQuery, request, data)


def _checked(shape: type[BaseSerializer[Any]], request: ApiRequest, data: Any) -> dict[str, Any]:
    serializer = shape(data=data, context={"request": request})
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _shown(operation: type[Operation], request: ApiRequest, result: Any) -> HttpResponse:
    if operation.output is None:
        return HttpResponse(status=204)

    def show(value: Any) -> Any:
        if isinstance(value, Shown):
            return value.payload
        return operation.output(value, context={"request": request}).data  # type: ignore[misc]

    if operation.page and isinstance(result, Page):
        payload: Any = {
            "results": [show(row) for row in result.results],
            "next": result.next,
            "previous": result.previous,
        }
    elif operation.many:
        payload = {"results": [show(row) for row in result]}
    else:
        payload = show(result)
    response = json_response(payload, status=operation.status)
    if getattr(result, "is_replay", False):
        response["Idempotent-Replayed"] = "true"
    return response
