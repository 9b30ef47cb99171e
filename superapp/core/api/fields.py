"""Serializer fields that take JSON at its word: "1" is no number, 1 is no text, true is neither."""

import re
import unicodedata
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

from superapp.core.ids import MAX_ID

# Letters by their category, and nothing to see: fillers of Hangul, and the empty Braille pattern.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Control characters, separators of lines and paragraphs, and marks that turn the direction of what follows.
_UNFIT_FOR_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Input(serializers.Serializer[Any]):
    """What a client sends. Keys that are not declared are refused, so that a typo is not silently ignored."""

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError({key: [_("There is no such field.")] for key in sorted(unknown)})
        return super().run_validation(data)


class Output(serializers.Serializer[Any]):
    """What a client is shown: by REST and in pushes alike."""


class Id(serializers.Field[int, str, str, Any]):
    """A 64-bit id: a string of digits in JSON, because numbers there end at 2^53."""

    default_error_messages = {"invalid": _("An id is a string of digits.")}

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not (data.isascii() and data.isdigit()) or len(data) > 19 or int(data) > MAX_ID:
            self.fail("invalid")
        return int(data)

    def to_representation(self, value: int) -> str:
        return str(value)


class Uuid(serializers.UUIDField):
    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text is text: numbers are not turned into it, and NUL, which Postgres cannot store, is refused."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Line(Text):
    """A name or a title: one line with something to see, which leaves alone how the text around it is shown."""

    default_error_messages = {"line": _("One line, with something to see and without control characters.")}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        visible = any(unicodedata.category(one)[0] in "LNPS" and one not in _BLANK for one in text)
        if not visible or _UNFIT_FOR_A_LINE.search(text):
            self.fail("line")
        return text


class Integer(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class Boolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Time(serializers.DateTimeField):
    """RFC 3339 in UTC, always with microseconds and Z, so that texts sort as times do."""

    def to_representation(self, value: Any) -> str:
        return rfc3339(value)


def rfc3339(value: Any) -> str:
    """An aware time in UTC as ``2026-01-31T12:00:00.000000Z``."""
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}Z"
