"""Shapes of money requests and split bills."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext
from rest_framework import serializers

from payments.models import MoneyRequest, Split
from payments.models.splits import MOST_SHARES
from superapp.accounts.api.serializers import ProfileOutput
from superapp.core.api.fields import Id, Input, Line, MoneyField, Output, Text, Time


class PayInput(Input):
    approval = Text(
        required=False, max_length=100, help_text="From /wallet/approvals/, when `approval_required` was the answer."
    )


class MoneyRequestInput(Input):
    payer_id = Id(help_text="A friend.")
    amount = MoneyField(currencies=settings.WALLET_CURRENCIES)
    note = Line(required=False, max_length=100, allow_blank=True, default="")


class MoneyRequestOutput(Output):
    id = Id()
    requester = ProfileOutput()
    payer = ProfileOutput()
    amount = MoneyField(source="money")
    note = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(MoneyRequest.State.choices)
    created_at = Time()
    expires_at = Time()
    ended_at = Time(allow_null=True)


class MoneyRequestsQuery(Input):
    direction = serializers.ChoiceField(["incoming", "outgoing"], default="incoming")
    state = serializers.ChoiceField(MoneyRequest.State.choices, required=False)
    cursor = serializers.CharField(required=False, max_length=200)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=100, default=30)


class ShareInput(Input):
    user_id = Id()
    amount = MoneyField(currencies=settings.WALLET_CURRENCIES)


class SplitInput(Input):
    """``participant_ids`` for equal shares, or ``shares``, which add up to the total."""

    conversation_id = Id(help_text="A group.")
    total = MoneyField(currencies=settings.WALLET_CURRENCIES)
    participant_ids = serializers.ListField(child=Id(), required=False, min_length=1, max_length=MOST_SHARES)
    shares = serializers.ListField(child=ShareInput(), required=False, min_length=1, max_length=MOST_SHARES)
    note = Line(required=False, max_length=100, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("participant_ids" in attrs) == ("shares" in attrs):
            raise serializers.ValidationError({"shares": [gettext("Either shares or the people who share equally.")]})
        given = attrs.get("shares", [])
        people = attrs.get("participant_ids", [share["user_id"] for share in given])
        if len(set(people)) < len(people):
            name = "shares" if given else "participant_ids"
            raise serializers.ValidationError({name: [gettext("Somebody stands there twice.")]})
        if {share["amount"].currency for share in given} - {attrs["total"].currency}:
            raise serializers.ValidationError({"shares": [gettext("All in the currency of the total.")]})
        return attrs


class ShareOutput(Output):
    user = ProfileOutput()
    amount = MoneyField(allow_null=True, help_text="Null: I share in nothing of it, so this is not mine to know.")
    paid_at = Time(allow_null=True)


class SplitOutput(Output):
    id = Id()
    conversation_id = Id()
    initiator = ProfileOutput()
    total = MoneyField()
    note = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(Split.State.choices)
    shares = ShareOutput(many=True)
    created_at = Time()
    ended_at = Time(allow_null=True)
