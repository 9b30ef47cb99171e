"""Shapes of red packets."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext
from rest_framework import serializers

from payments.models import RedPacket
from payments.red_packets import MOST_PARTS
from superapp.accounts.api.serializers import ProfileOutput
from superapp.core.api.fields import Id, Input, Integer, Line, MoneyField, Output, Text, Time
from superapp.core.api.paging import PageQuery


class RedPacketInput(Input):
    """``one_to_one`` for the other one of two, with its ``total``. To a group ``equal``, with its ``total`` or
    ``amount_each``, or ``random`` with its ``total``."""

    conversation_id = Id()
    kind = serializers.ChoiceField(RedPacket.Kind.choices)
    total = MoneyField(required=False, currencies=settings.WALLET_CURRENCIES)
    amount_each = MoneyField(required=False, currencies=settings.WALLET_CURRENCIES, help_text="Of equal parts.")
    parts = Integer(
        required=False, default=1, min_value=1, max_value=MOST_PARTS, help_text="At most one for each member."
    )
    greeting = Line(required=False, max_length=40, allow_blank=True, default="", help_text="Empty: best wishes.")
    approval = Text(
        required=False, max_length=100, help_text="From /wallet/approvals/, when `approval_required` was the answer."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = {name for name in ("total", "amount_each") if name in attrs}
        if given != {"total"} and not (given == {"amount_each"} and attrs["kind"] == RedPacket.Kind.EQUAL):
            text = gettext("Say how much in all, or, of equal parts, how much in each.")
            raise serializers.ValidationError({"total": [text]})
        money = attrs.pop("total", None)
        if money is None:
            money = attrs.pop("amount_each")
            attrs["total_minor"] = money.amount_minor * attrs["parts"]
        else:
            attrs["total_minor"] = money.amount_minor
        return {**attrs, "currency": money.currency}


class OpenRedPacketCommand(Input):
    packet_id = Id()


class RedPacketPartOutput(Output):
    amount = MoneyField()
    is_luckiest = serializers.BooleanField(help_text="The most of all, of random parts, once all are gone.")
    opened_at = Time()


class RedPacketClaimOutput(RedPacketPartOutput):
    """Who opened a part, and what was in it."""

    user = ProfileOutput()


class RedPacketRowOutput(Output):
    """A red packet, as everybody sees it who may see what is in it."""

    id = Id()
    conversation_id = Id()
    sender = ProfileOutput()
    kind = serializers.ChoiceField(RedPacket.Kind.choices)
    greeting = serializers.CharField(allow_blank=True)
    parts = serializers.IntegerField()
    taken = serializers.IntegerField(help_text="How many parts are gone.")
    total = MoneyField(allow_null=True, help_text="Null: not for me to know before I have opened mine.")
    claimed = MoneyField(allow_null=True, allow_zero=True, help_text="What is in the parts that are gone.")
    state = serializers.ChoiceField(RedPacket.State.choices)
    created_at = Time()
    expires_at = Time()
    closed_at = Time(allow_null=True)


class MyRedPacketOutput(Output):
    may_open = serializers.BooleanField()
    opened = RedPacketPartOutput(allow_null=True, help_text="What I have of it.")


class RedPacketOutput(RedPacketRowOutput):
    """A red packet, and what it is to me."""

    mine = MyRedPacketOutput()


class RedPacketOpenedOutput(Output):
    red_packet = RedPacketRowOutput()
    claim = RedPacketClaimOutput()


class RedPacketsQuery(PageQuery):
    direction = serializers.ChoiceField(["sent", "received"], default="received")


class RedPacketYearQuery(Input):
    year = serializers.IntegerField(min_value=2020, max_value=2100)


class RedPacketTotalsOutput(Output):
    count = serializers.IntegerField()
    amounts = serializers.ListField(child=MoneyField(), help_text="One for each currency.")


class RedPacketYearOutput(Output):
    """A year of red packets, in UTC."""

    year = serializers.IntegerField()
    sent = RedPacketTotalsOutput()
    received = RedPacketTotalsOutput()
