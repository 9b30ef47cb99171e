"""Serializer fields that take JSON at its word: "1" is no number, 1 is no text, true is neither."""

import re
import unicodedata
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.fields import empty

from superapp.core.ids import MAX_ID
from superapp.core.money import CURRENCIES, MAX_AMOUNT_MINOR, Money

# Of thousands of unknown keys these are enough to see what is wrong; an answer is not to outgrow what it answers.
MOST_NAMED = 20
# Letters by their category, and nothing to see: fillers of Hangul, and the empty Braille pattern.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Control characters, separators of lines and paragraphs, and marks that turn the direction of what follows.
_UNFIT_FOR_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Input(serializers.Serializer[Any]):
    """What a client sends. Keys that are not declared are refused, so that a typo is not silently ignored."""

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            named = sorted(unknown)[:MOST_NAMED]
            raise serializers.ValidationError({key: [_("There is no such field.")] for key in named})
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


class MoneyField(serializers.Field[Money, Any, dict[str, Any], Any]):
    """``{"amount": 1250, "currency": "CNY"}``: integer minor units, more than zero unless ``allow_zero``.

    What is no such thing is refused here, before anything is looked up or locked.
    """

    default_error_messages = {
        "invalid": _("Money is an object with an amount and a currency."),
        "unknown": _("There is no such field."),
        "amount": _("An amount is a whole number of minor units, such as 1250 for 12.50."),
        "too_small": _("An amount must be more than zero."),
        "too_large": _("This amount is too large."),
        "currency": _("This is not a currency that is taken here."),
    }

    def __init__(self, *, currencies: Collection[str] = CURRENCIES, allow_zero: bool = False, **kwargs: Any) -> None:
        self.currencies, self.allow_zero = currencies, allow_zero
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Money:
        if not isinstance(data, dict) or not {"amount", "currency"} <= data.keys():
            self.fail("invalid")
        problems = {key: [self.error_messages["unknown"]] for key in sorted(data.keys() - {"amount", "currency"})}
        amount, currency = data["amount"], data["currency"]
        if type(amount) is not int:
            problems["amount"] = [self.error_messages["amount"]]
        elif amount < (0 if self.allow_zero else 1):
            problems["amount"] = [self.error_messages["too_small"]]
        elif amount > MAX_AMOUNT_MINOR:
            problems["amount"] = [self.error_messages["too_large"]]
        if not isinstance(currency, str) or currency not in self.currencies:
            problems["currency"] = [self.error_messages["currency"]]
        if problems:
            raise serializers.ValidationError(problems)
        return Money(amount, currency)

    def to_representation(self, value: Money) -> dict[str, Any]:
        return value.as_json()


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
