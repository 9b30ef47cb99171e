"""Shapes of transfers."""

from django.conf import settings
from rest_framework import serializers

from payments.models import Transfer
from superapp.accounts.api.serializers import ProfileOutput
from superapp.core.api.fields import Id, Input, Line, MoneyField, Output, Text, Time


class TransferInput(Input):
    payee_id = Id(help_text="A friend.")
    amount = MoneyField(currencies=settings.WALLET_CURRENCIES)
    note = Line(required=False, max_length=100, allow_blank=True, default="")
    approval = Text(
        required=False, max_length=100, help_text="From /wallet/approvals/, when `approval_required` was the answer."
    )


class TransferOutput(Output):
    id = Id()
    kind = serializers.ChoiceField(Transfer.Kind.choices, help_text="`chat`: to be accepted. `instant`: there at once.")
    payer = ProfileOutput()
    payee = ProfileOutput()
    amount = MoneyField(source="money")
    note = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(Transfer.State.choices)
    created_at = Time()
    expires_at = Time(source="shown_expiry", allow_null=True, help_text="Until when it can be accepted.")
    ended_at = Time(allow_null=True)


class TransfersQuery(Input):
    direction = serializers.ChoiceField(["incoming", "outgoing"], default="incoming")
    state = serializers.ChoiceField(Transfer.State.choices, required=False)
    cursor = serializers.CharField(required=False, max_length=200)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100, default=30)


class InstantInput(Input):
    code = Text(max_length=4296, help_text="What the camera read, of a receive code or somebody's card.")
    amount = MoneyField(
        currencies=settings.WALLET_CURRENCIES, required=False, help_text="Left out where the code asks for one."
    )
    note = Line(required=False, max_length=100, allow_blank=True, default="")
    approval = Text(required=False, max_length=100)


class CodeOutput(Output):
    url = serializers.CharField()
    svg = serializers.CharField(help_text="The same as a picture of any size.")


class ReceiveCodeInput(Input):
    amount = MoneyField(currencies=settings.WALLET_CURRENCIES)
    note = Line(required=False, max_length=100, allow_blank=True, default="")


class ReceiveCodeOutput(CodeOutput):
    id = Id()
    amount = MoneyField()
    note = serializers.CharField(allow_blank=True)
    created_at = Time()
    expires_at = Time()
