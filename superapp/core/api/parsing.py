"""JSON from strangers: what is too large, too deep, ambiguous or not JSON is refused before anything reads it."""

import json
import re
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest

from superapp.core.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

# A surrogate without its partner is no character: Postgres and every other client would refuse it later.
_SURROGATE = re.compile("[\ud800-\udfff]")

# As many as Python reads at all; it is about what a body says, not about which numbers are any good.
MOST_DIGITS = 4_300


def parse_json(text: str | bytes, *, max_depth: int) -> Any:
    """Python values of a JSON text. Raises ``MalformedBody`` with a reason that helps the one who wrote it."""
    try:
        # Decoded here: left to itself, json would also take UTF-16 and UTF-32.
        text = text if isinstance(text, str) else text.decode()
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
    except RecursionError:
        raise MalformedBody(reason="nested too deeply") from None
    except UnicodeDecodeError:
        raise MalformedBody(reason="not UTF-8") from None
    except ValueError as error:
        raise MalformedBody(reason=str(error)) from None
    _check(value, max_depth)
    return value


def json_body(request: HttpRequest) -> Any:
    """The request's JSON body; an absent body reads as an empty object."""
    if content_length(request) > settings.API_MAX_BODY_BYTES:
        raise BodyTooLarge(max_bytes=settings.API_MAX_BODY_BYTES)
    body = request.body
    if not body:
        return {}
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    return parse_json(body, max_depth=settings.API_MAX_DEPTH)


def content_length(request: HttpRequest) -> int:
    """As announced, or as counted by what stands in front of us.

    A body of unknown length would be ignored in silence by Django, so it is refused.
    """
    announced = request.META.get("CONTENT_LENGTH") or ""
    if not announced and request.META.get("HTTP_TRANSFER_ENCODING"):
        raise MalformedBody(reason="a body needs a Content-Length")
    try:
        return int(announced or 0)
    except ValueError:
        raise MalformedBody(reason="Content-Length is not a number") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return value


def _whole(text: str) -> int:
    # Python has a bound of its own, and would say how to turn it off.
    if len(text) > MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(text)


def _check(value: Any, depth_left: int) -> None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise MalformedBody(reason="text with half a surrogate pair")
    elif isinstance(value, dict | list):
        if depth_left == 0:
            raise MalformedBody(reason="nested too deeply")
        if isinstance(value, dict):
            for key in value:
                _check(key, depth_left)
        for child in value.values() if isinstance(value, dict) else value:
            _check(child, depth_left - 1)
