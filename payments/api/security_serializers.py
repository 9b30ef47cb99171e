"""Shapes of what keeps a wallet safe."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from superapp.core.api.fields import Input, MoneyField, Output, Text, Time


class Pin(serializers.RegexField):
    """Six digits, and a text: a number would lose its zeros."""

    default_error_messages = {"invalid": _("A PIN has six digits.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[0-9]{6}\Z", trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class PhoneProofInput(Input):
    challenge = Text(max_length=64)
    code = Text(max_length=6, min_length=6, help_text="As sent to one's own phone by /me/phone/codes/.")


class FirstPinInput(Input):
    """A device that signed in a short while ago needs no further proof; any other shows the password or a code."""

    pin = Pin()
    password = Text(max_length=200, required=False, trim_whitespace=False)
    challenge = Text(max_length=64, required=False, help_text="With `code`, in place of the password.")
    code = Text(max_length=6, min_length=6, required=False, help_text="As sent to one's own phone.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("challenge" in attrs) != ("code" in attrs):
            raise serializers.ValidationError({"code": [_("A challenge and its code belong together.")]})
        return attrs


class ChangePinInput(Input):
    current_pin = Pin()
    new_pin = Pin()


class CompletePinResetInput(PhoneProofInput):
    pin = Pin()


class PinInput(Input):
    pin = Pin()


class ApprovalInput(Input):
    """As the details of `approval_required` name the payment."""

    pin = Pin()
    kind = serializers.RegexField(r"^[a-z][a-z0-9_.]{0,39}\Z")
    payee = serializers.RegexField(r"^[!-~]{1,120}\Z")
    amount = MoneyField(currencies=settings.WALLET_CURRENCIES)


class ApprovalOutput(Output):
    approval = serializers.CharField(help_text="Send it with exactly this payment, once.")
    expires_at = Time()


class RoomOutput(Output):
    """How much room there is within a day or a year (UTC)."""

    limit = MoneyField()
    used = MoneyField(allow_zero=True)
    left = MoneyField(allow_zero=True)


class LimitsOutput(Output):
    currency = serializers.CharField()
    per_payment = MoneyField()
    day = RoomOutput()
    year = RoomOutput()


class FrozenOutput(Output):
    at = Time()
    by = serializers.CharField(help_text="owner: oneself, and the PIN lifts it; staff: only staff do.")


class PinResetOutput(Output):
    """A reset that was begun. Until it is completed the old PIN counts."""

    begun_at = Time()
    ready_at = Time(help_text="From then on a new PIN can be chosen.")
    ends_at = Time(help_text="Until then.")


class SecurityOutput(Output):
    has_pin = serializers.BooleanField()
    pin_set_at = Time(allow_null=True)
    locked_until = Time(allow_null=True, help_text="Too many wrong PINs: until then the right one is refused.")
    tier = serializers.CharField(help_text="basic, verified or full.")
    lowered_until = Time(allow_null=True, help_text="The number changed: until then less may be paid.")
    limits = LimitsOutput(many=True)
    frozen = FrozenOutput(allow_null=True)
    pin_reset = PinResetOutput(allow_null=True)
