"""OpenAPI from the same declarations that ``Endpoint`` runs by."""

import re
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter, OpenApiResponse, OpenApiTypes, inline_serializer
from rest_framework import serializers

from superapp.core.api.endpoint import Endpoint, Operation
from superapp.core.api.paging import PageQuery
from superapp.core.errors import DomainError, NotFound
from superapp.core.money import MAX_AMOUNT_MINOR

ID_SCHEMA = {"type": "string", "pattern": "^[0-9]{1,19}$"}


class ErrorOutput(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable; for programs.")
    message = serializers.CharField(help_text="A sentence for people.")
    details = serializers.DictField()


class ErrorEnvelope(serializers.Serializer[Any]):
    error = ErrorOutput()


class OperationSchema(AutoSchema):
    """Reads an ``Operation`` where drf-spectacular would look for serializer classes and filter backends."""

    view: Any

    @property
    def operation(self) -> type[Operation]:
        return self.view.operations[self.method]

    def is_excluded(self) -> bool:
        return not isinstance(self.view, Endpoint) or self.method not in self.view.operations

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular's, not DRF's
        return " ".join((self.operation.__doc__ or "").split())

    def get_summary(self) -> str | None:
        return self.get_description().split(". ")[0].rstrip(".") or None

    def get_operation_id(self) -> str:
        return f"{type(self.view).__name__}.{self.method.lower()}"

    def get_tags(self) -> list[str]:
        return [type(self.view).__module__.removeprefix("superapp.").split(".")[0]]

    def get_auth(self) -> list[dict[str, Any]]:
        return [] if self.operation.public else [{"bearer": []}]

    def get_override_parameters(self) -> list[Any]:
        query = self.operation.query or (PageQuery if self.operation.page else None)
        parameters: list[Any] = [query, *self._response_headers()] if query else self._response_headers()
        if self.operation.idempotent:
            parameters.append(
                OpenApiParameter("Idempotency-Key", OpenApiTypes.UUID, OpenApiParameter.HEADER, required=True)
            )
        return parameters

    def _response_headers(self) -> list[Any]:
        waits = sorted({error.status for error in self.operation.declared_errors()} & {429, 503})
        headers = [
            OpenApiParameter(
                "Retry-After",
                OpenApiTypes.INT,
                OpenApiParameter.HEADER,
                description="Seconds until another attempt makes sense.",
                response=waits,
            )
        ]
        if self.operation.idempotent:
            headers.append(
                OpenApiParameter(
                    "Idempotent-Replayed",
                    OpenApiTypes.STR,
                    OpenApiParameter.HEADER,
                    enum=["true"],
                    description="There when this key was used before: the answer is that of the first time.",
                    response=[self.operation.status if self.operation.output else 204],
                )
            )
        return headers

    def map_parsers(self) -> list[str]:
        return ["application/json" if self.operation.multipart_bytes is None else "multipart/form-data"]

    def get_request_serializer(self) -> Any:
        return self.operation.input

    def get_response_serializers(self) -> Any:
        success = OpenApiResponse(self._success(), description=self._success_in_words())
        responses: dict[Any, Any] = {self._success_code(): success}
        by_status: dict[int, list[type[DomainError]]] = {}
        declared = self.operation.declared_errors() | ({NotFound} if "{" in self.path else set())
        for error in sorted(declared, key=lambda error: error.code):
            by_status.setdefault(error.status, []).append(error)
        for status, refusals in sorted(by_status.items()):
            lines = [f"`{error.code}`: {error.message}" for error in refusals]
            responses[status] = OpenApiResponse(ErrorEnvelope, description="\n\n".join(lines))
        return responses

    def _success_code(self) -> int | tuple[int, str]:
        if self.operation.file_type:
            return self.operation.status, self.operation.file_type
        return self.operation.status if self.operation.output else 204

    def _success_in_words(self) -> str:
        output = self.operation.output
        if self.operation.file_type:
            return "A file."
        if output is None:
            return "Done. There is nothing to show."
        # ``FriendRequestOutput`` is a friend request.
        words = " ".join(re.findall("[A-Z]+[a-z]*", output.__name__.removesuffix("Output"))).capitalize()
        if self.operation.page:
            return f"{words}: one page."
        if self.operation.many:
            return f"{words}: all of them."
        return " ".join((vars(output).get("__doc__") or f"{words}.").split())

    def _success(self) -> Any:
        output = self.operation.output
        if self.operation.file_type:
            return OpenApiTypes.BINARY
        if output is None or not (self.operation.page or self.operation.many):
            return output
        return _list_of(output, is_page=self.operation.page)  # type: ignore[arg-type]  # a class is hashable


class IdSchema(OpenApiSerializerFieldExtension):
    target_class = "superapp.core.api.fields.Id"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        return ID_SCHEMA


class MoneySchema(OpenApiSerializerFieldExtension):
    target_class = "superapp.core.api.fields.MoneyField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        amount: dict[str, Any] = {"type": "integer", "description": "In minor units of the currency."}
        if direction == "request":
            amount |= {"minimum": 0 if self.target.allow_zero else 1, "maximum": MAX_AMOUNT_MINOR}
        return {
            "type": "object",
            "properties": {"amount": amount, "currency": {"type": "string", "enum": sorted(self.target.currencies)}},
            "required": ["amount", "currency"],
            "additionalProperties": False,
        }


def add_what_holds_everywhere(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """The one way to authenticate, and that unknown keys are refused; a post-processing hook of drf-spectacular."""
    components = result.setdefault("components", {})
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    refuse_unknown_keys(components.get("schemas", {}))
    return result


def refuse_unknown_keys(schemas: dict[str, Any]) -> None:
    """Say of what clients send that there is nothing beside what is named."""
    for name, schema in schemas.items():
        if name.endswith("Request") and schema.get("type") == "object":
            schema["additionalProperties"] = False


@cache
def _list_of(output: type[Any], *, is_page: bool) -> Any:
    """One component for each shape, however many operations answer with lists of it."""
    fields: dict[str, Any] = {"results": output(many=True)}
    if is_page:
        fields["next"] = serializers.CharField(allow_null=True)
        fields["previous"] = serializers.CharField(allow_null=True)
    return inline_serializer(f"{output.__name__}{'Page' if is_page else 'List'}", fields)
